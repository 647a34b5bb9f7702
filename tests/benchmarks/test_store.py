"""Stores of `sshbench generate-triplets` as benchmarks."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sshbench.benchmarks.composite import BenchmarkError
from sshbench.benchmarks.open import open_benchmark
from sshbench.benchmarks.protocol import get_protocol
from sshbench.methods.registry import DEFAULTS
from sshbench.results.run import evaluate
from sshbench.triplets.engine import generate, plan
from sshbench.triplets.settings import Settings
from sshbench.triplets.store import load_triplets
from tests.triplets.memory_source import MemorySource
from tests.triplets.toy import toy_bank


def make(folder: Path, kind: Any, store: Any = "pixels") -> str:
    source, bank = MemorySource(3), toy_bank()
    settings = Settings(kind=kind, draws=2, crop=32, scale=(36, 44))
    generate(plan(settings, source, bank, store=store, rows_per_shard=4), source, bank, folder)
    return str(folder)


def test_a_triplet_is_a_sample_that_is_all_foreground(tmp_path: Path) -> None:
    place = make(tmp_path, "triplets")
    benchmark, stored = open_benchmark("triplets", place), load_triplets(place)
    assert benchmark.ids() == ["0000/0", "0000/1", "0001/0", "0001/1", "0002/0", "0002/1"]
    for i, row in enumerate(stored):  # type: ignore[arg-type]
        if i == len(stored):
            break
        sample = benchmark[i]
        assert np.array_equal(sample.composite, row["foreground"])
        assert sample.foreground is sample.composite
        assert np.array_equal(sample.background, row["background"])
        assert sample.target is not None
        assert np.array_equal(sample.target, row["ground_truth"])
        assert (sample.mask == 1).all()
        assert sample.attributes["alpha"] == row["alpha"]


def test_composites_have_their_masks(tmp_path: Path) -> None:
    place = make(tmp_path, "composites")
    benchmark, row = open_benchmark("composites", place), load_triplets(place)[3]
    sample = benchmark["0001/1"]
    assert np.array_equal(sample.composite, row["composite"])
    assert np.array_equal(sample.mask, row["mask"].astype(np.float32) / np.float32(255))
    assert sample.target is not None
    assert np.array_equal(sample.target, row["real"])
    assert not sample.has_background


@pytest.mark.parametrize("kind", ["triplets", "composites"])
def test_every_method_without_weights_runs_on_it(tmp_path: Path, kind: str) -> None:
    benchmark = pickle.loads(pickle.dumps(open_benchmark(kind, make(tmp_path / "store", kind))))
    metrics = ["psnr", "mse", "ssim", "ciede2000", "fmse"]
    protocols = [get_protocol("sshbench-v1")]
    records = evaluate(benchmark, DEFAULTS, protocols, tmp_path / "out", metrics=metrics, limit=2, workers=1)
    assert [record.failed for record in records] == [None] * (2 * len(DEFAULTS))
    assert all(set(metrics) <= set(record.metrics) for record in records)


def test_what_is_no_store_of_the_kind_says_so(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match="no store of triplets here; make one with sshbench generate-triplets"):
        open_benchmark("triplets", tmp_path)
    place = make(tmp_path / "a", "triplets")
    with pytest.raises(BenchmarkError, match="holds triplets, not composites"):
        open_benchmark("composites", place)
    with pytest.raises(BenchmarkError, match="recipes without pixels"):
        open_benchmark("triplets", make(tmp_path / "b", "triplets", "recipes"))
    manifest = json.loads((tmp_path / "a" / "manifest.json").read_text())
    (tmp_path / "a" / "manifest.json").write_text(json.dumps(manifest | {"complete": False}))
    with pytest.raises(BenchmarkError, match="is not complete"):
        open_benchmark("triplets", place)
    (tmp_path / "a" / "manifest.json").write_text("[]")
    with pytest.raises(BenchmarkError, match="not a manifest"):
        open_benchmark("triplets", place)


def test_a_row_that_leads_out_of_a_folder_is_refused(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    place = make(tmp_path, "triplets")
    file = next((tmp_path / "data").glob("*.parquet"))
    table = pq.read_table(file)
    rows = ["../../x", *table["row"].to_pylist()[1:]]
    pq.write_table(table.set_column(table.column_names.index("row"), "row", [rows]), file)
    with pytest.raises(BenchmarkError, match="leads out of"):
        open_benchmark("triplets", place)
