"""Stores of triplets that anybody may have made: the manifest, the records of shards, and the shards themselves."""

from __future__ import annotations

import json
import tempfile
import warnings
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from random import Random

from sshbench.benchmarks.open import open_benchmark
from sshbench.errors import SshbenchError
from sshbench.triplets.engine import generate
from sshbench.triplets.manifest import begin, find, read_manifest
from sshbench.triplets.storage import Storage
from sshbench.triplets.store import load_triplets
from tests.hostile.driver import Files, Target, damaged, fuzz, odd_json
from tests.triplets.toy import ToySource, toy_bank, toy_run

_SOURCE = ToySource(4, broken=(2,))


@cache
def _stores() -> tuple[Mapping[str, bytes], ...]:
    """A store of pixels, one of recipes, and one that is not finished."""
    found = []
    for store, part in (("pixels", None), ("recipes", None), ("pixels", (0, 2))):
        with tempfile.TemporaryDirectory() as folder:
            generate(toy_run(_SOURCE, store=store), _SOURCE, toy_bank(), folder, shard=part)
            root = Path(folder)
            found.append({p.relative_to(root).as_posix(): p.read_bytes() for p in root.rglob("*") if p.is_file()})
    return tuple(found)


def _make(random: Random) -> Files:
    return random.choice(_stores())


def _damage(random: Random, files: Files) -> Files:
    files = dict(files)
    if random.random() < 0.7:
        name = random.choice([name for name in sorted(files) if name.endswith(".json")])
        files[name] = json.dumps(odd_json(random, json.loads(files[name]))).encode()
        if random.random() < 0.8:
            return files
    return damaged(random, files)


def _read(folder: Path) -> None:
    """What a run that goes on, training and `evaluate --split triplets` do with such a folder."""
    errors: list[SshbenchError] = []
    warnings.simplefilter("ignore")
    for read in (_manifest, _goes_on, _rows, _benchmark):
        try:
            read(folder)
        except SshbenchError as error:
            errors.append(error)
    if len(errors) > 2:  # a store of recipes is no benchmark, and one that is not finished is no data set either
        raise errors[0]


def _manifest(folder: Path) -> None:
    found = read_manifest(str(folder))
    found.to_json()
    assert found.rows >= 0


def _goes_on(folder: Path) -> None:
    """A run of these settings, and one of others."""
    storage = Storage(str(folder))
    begin(storage, read_manifest(storage).run)
    find(storage, toy_run(_SOURCE))


def _rows(folder: Path) -> None:
    recipes = read_manifest(str(folder)).run.store == "recipes"
    given = {"source": _SOURCE, "luts": toy_bank()} if recipes else {}
    stored = load_triplets(str(folder), **given)
    for row in range(min(len(stored), 2)):
        stored[row]


def _benchmark(folder: Path) -> None:
    benchmark = open_benchmark("triplets", folder)
    for id in benchmark.ids()[:2]:
        benchmark[id]


TARGET = Target(_make, _read, _damage)


def test_stores_of_others(tmp_path: Path) -> None:
    fuzz(TARGET, tmp_path)
