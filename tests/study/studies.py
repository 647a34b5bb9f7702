"""Small studies made of synthetic composites, for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from sshbench.results.records import Record, write_records
from sshbench.study.answering import Answer
from sshbench.study.making import Choices, new_study, read_tokens
from sshbench.study.plan import Plan, Trial
from tests.results.standin import Standin

METHODS = ("dc", "soft", "strong")


def write_results(folder: Path, benchmark: Standin, methods: tuple[str, ...] = METHODS) -> list[Record]:
    """Write predictions and records as `evaluate` does."""
    records = []
    for place, method in enumerate(methods):
        for number, id in enumerate(benchmark.ids()):
            sample = benchmark[id]
            path = folder / "predictions" / method / f"{id}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            shifted = np.clip(sample.composite.astype(int) + 10 * place, 0, 255).astype(np.uint8)
            Image.fromarray(shifted).save(path)
            records.append(
                Record(
                    id, benchmark.name, method, "sshbench-v1", "1",
                    metrics={"psnr": 20.0 + place + number / 10, "mse": 300.0 - 50 * place + number},
                    attributes=sample.attributes, prediction=f"predictions/{method}/{id}.png",
                )
            )  # fmt: skip
    for method in methods:
        (folder / "records").mkdir(exist_ok=True)
        own = [record for record in records if record.method == method]
        write_records(folder / "records" / f"{method}-sshbench-v1.parquet", own)
    return records


def make_study(
    folder: Path, design: str = "acr", count: int = 8, methods: tuple[str, ...] = METHODS, **choices: Any
) -> Plan:
    """Make a study of `count` images."""
    benchmark = Standin(count + 2)
    results = folder.with_name(f"{folder.name}-results")
    records = write_results(results, benchmark, methods)
    options = {"subjects": 6, "images": count, "min_seconds": 0.0, **choices}
    return new_study(folder, records, benchmark, [results], Choices(design=design, **options))


def token_of(folder: Path, subject: int) -> str:
    """The secret token of a subject."""
    return next(token for token, own in read_tokens(folder).items() if own == subject)


def some_answer(plan: Plan, trial: Trial, number: int = 0) -> Answer:
    """An answer that the rules allow."""
    if plan.design == "acr":
        return (trial.number + number) % 5
    if plan.design == "pairs":
        return ("first", "second", "tie")[(trial.number + number) % 3]
    places = list(range(len(trial.shown)))
    return places[::-1] if (trial.number + number) % 2 else places
