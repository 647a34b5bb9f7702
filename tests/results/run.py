"""A small run on the first images of the embedded split, made without any method: records and predictions on disk."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from sshbench.benchmarks.composite import Composite
from sshbench.benchmarks.open import open_benchmark
from sshbench.results.folder import prediction_file, records_file
from sshbench.results.records import Record, write_records

PROTOCOL = "sshbench-v1"
Harmonize = Callable[[Composite], np.ndarray]
METHODS: dict[str, Harmonize] = {
    "dc": lambda c: c.composite,
    "grey": lambda c: np.repeat(c.composite.mean(axis=2, keepdims=True), 3, axis=2).astype(np.uint8),
    "dark": lambda c: c.composite // 2,
    "ceiling-copy": lambda c: c.target,
}


def mean_square(one: np.ndarray, other: np.ndarray) -> float:
    return float(((one.astype(float) - other) ** 2).mean())


def make_run(folder: Path, images: int = 3) -> list[Record]:
    """Write a folder of results; PSNR and MSE are those of full-size images, whatever the protocol's name."""
    benchmark = open_benchmark("sample")
    records = []
    for method, harmonize in METHODS.items():
        rows = []
        for id in benchmark.ids()[:images]:
            sample = benchmark[id]
            prediction = harmonize(sample)
            path = prediction_file(folder, method, id)
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(prediction).save(path)
            mse = mean_square(prediction, sample.target)
            rows.append(
                Record(
                    id=id,
                    benchmark="sample",
                    method=method,
                    protocol=PROTOCOL,
                    protocol_version="1",
                    metrics={"psnr": 10 * math.log10(255**2 / mse) if mse else math.inf, "mse": mse},
                    attributes=dict(sample.attributes),
                    seconds=0.01,
                    prediction=path.relative_to(folder).as_posix(),
                    sees_target=method.startswith("ceiling"),
                )
            )
        file = records_file(folder, method, PROTOCOL)
        file.parent.mkdir(parents=True, exist_ok=True)
        write_records(file, rows)
        records += rows
    return records


def without_costs(record: Record) -> Record:
    """Return the record without what differs between two equal runs: time and memory."""
    return replace(record, seconds=None, peak_memory=None)
