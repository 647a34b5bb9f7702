"""Folders of predictions and of kept predictions that anybody may have made: odd names, links, and damaged images."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from random import Random

import numpy as np

from sshbench.benchmarks.composite import Composite
from sshbench.benchmarks.protocol import PROTOCOLS
from sshbench.errors import SshbenchError
from sshbench.methods.calling import harmonize
from sshbench.methods.predictions import FolderPredictions
from sshbench.metrics.suite import score
from sshbench.results.predict import Costs, store, stored
from tests.hostile.driver import ODD_NAMES, Files, Target, damaged, fuzz
from tests.hostile.pictures import photo
from tests.results.standin import composite

_IDS = ["a/01", "a/02", "b/03.jpg", "b_c/04", "b/c_04"]
_NAMES = ["a/01.png", "a__02.png", "b/03.jpg", "x/05.png"]


def _make(random: Random) -> Files:
    return {f"given/{name}": photo(random) for name in _NAMES} | _kept(random)


def _kept(random: Random) -> Files:
    """Two predictions as a run keeps them, of bytes and of floats."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        pixels = np.random.default_rng(random.randrange(9)).random((8, 9, 3)).astype(np.float32)
        for name, image in (("bytes.png", (255 * pixels).astype(np.uint8)), ("floats.png", pixels)):
            store(Path(folder) / name, image, "key", Costs(0.5, 7))
        for path in Path(folder).iterdir():
            found[f"kept/{path.name}"] = path.read_bytes()
    return found


def _damage(random: Random, files: Files) -> Files:
    files = dict(files)
    for _ in range(random.randrange(3)):
        name = random.choice([n for n in ODD_NAMES if 0 < len(n) < 200 and not set(n) & set("\0/\ud800")])
        folder = random.choice(("", "a/", "b/", "x/"))
        files[f"given/{folder}{name}{random.choice(('.png', '.jpg', '.PNG', ''))}"] = photo(random, odd=True)
    if random.random() < 0.3:
        files[random.choice(("given/a/01.jpg", "given/a_01.png", "given/01.png"))] = photo(random)
    files = {name: data for name, data in files.items() if name.rpartition("/")[2] not in (".", "..")}
    return damaged(random, files) if random.random() < 0.7 else files


def _read(folder: Path) -> None:
    errors: list[SshbenchError] = []
    try:
        if (folder / "given").is_dir():
            os.mkfifo(folder / "given/04.png")
        given = FolderPredictions(folder / "given", _IDS)
        for number, id in enumerate(_IDS):
            _score(given, composite(number, (8, 9), id), errors)
    except (SshbenchError, FileExistsError) as error:
        errors.append(SshbenchError(str(error)))
    finally:
        if (folder / "given/04.png").is_fifo():
            (folder / "given/04.png").unlink()
    for name in ("bytes.png", "floats.png"):
        found = stored(folder / "kept" / name, "key")
        try:
            assert found is None or found.pixels().shape == (8, 9, 3)
        except SshbenchError as error:
            errors.append(error)
    if len(errors) > len(_IDS):  # none of them has the size of its composite
        raise errors[-1]


def _score(given: FolderPredictions, one: Composite, errors: list[SshbenchError]) -> None:
    try:
        given.key(one)
        score(harmonize(given, [one])[0], one, PROTOCOLS["sshbench-v1"], ["psnr"])
    except SshbenchError as error:
        errors.append(error)


TARGET = Target(_make, _read, _damage)


def test_predictions_of_others(tmp_path: Path) -> None:
    fuzz(TARGET, tmp_path)
