"""Fuzz the `.cube` reader for a given time: the package must agree with `strict_reader` on every file.

    python -m tests.lut.fuzz_cube --seconds 3600

Valid files, damaged valid files and damaged rule files, each read natively and in Python. A file on which the two
readers differ is written beside and its name printed. `--corpus FOLDER` keeps one file in a hundred.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path
from random import Random

import numpy as np

from sshbench.lut import cube_rows
from sshbench.lut.cube import CubeFormatError, read_cube
from sshbench.lut.table import Lut
from tests.lut import strict_reader
from tests.lut.cube_grammar import mutate, valid_file
from tests.lut.rules_files import load_rules


def check(data: bytes, path: Path) -> str:
    """Read `data` with both readers; say `"read"` or `"refused"`, or raise AssertionError where they differ."""
    path.write_bytes(data)
    try:
        expected = strict_reader.read(data)
    except strict_reader.Refused as refusal:
        expected = refusal.args[0]
    native = cube_rows._cube
    try:
        for rows in (native, None):
            cube_rows._cube = rows
            _compare(path, expected)
    finally:
        cube_rows._cube = native
    return "refused" if isinstance(expected, int) else "read"


def _compare(path: Path, expected: strict_reader.Found | int) -> None:
    lut = _read(path)
    if isinstance(lut, CubeFormatError) or isinstance(expected, int):
        assert isinstance(lut, CubeFormatError), f"read although line {expected} is wrong"
        assert lut.line == expected, f"refused for line {lut.line}, not {expected}: {lut}"
        return
    assert (lut.title, dict(lut.metadata)) == (expected.title, expected.metadata)
    assert (lut.domain.lower, lut.domain.upper) == expected.domain
    assert (lut.shaper_domain.lower, lut.shaper_domain.upper) == expected.shaper_domain
    assert (len(_rows(lut, "1d")), lut.size if lut.values is not None else 0) == (expected.size_1d, expected.size_3d)
    found = np.concatenate([_rows(lut, "1d"), _rows(lut, "3d")])
    assert found.view(np.uint32).tolist() == np.array(expected.rows, np.float32).view(np.uint32).tolist()


def _read(path: Path) -> Lut | CubeFormatError:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return read_cube(path)
        except CubeFormatError as error:
            return error


def _rows(lut: Lut, stage: str) -> np.ndarray:
    values = lut.shaper_values if stage == "1d" else lut.values
    return np.empty((0, 3), np.float32) if values is None else values.reshape(-1, 3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--corpus", type=Path)
    options = parser.parse_args()
    random, counts = Random(options.seed), Counter[str]()
    seeds = [rule.path.read_bytes() for rule in load_rules()]
    end = time.monotonic() + options.seconds
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "fuzz.cube"
        while time.monotonic() < end:
            data = random.choice(seeds) if random.random() < 0.3 else valid_file(random)
            if random.random() < 0.8:
                data = mutate(random, data)
            try:
                counts[check(data, file)] += 1
            except Exception as error:
                counts["differ"] += 1
                kept = Path(f"fuzz-{options.seed}-{counts['differ']}.cube")
                kept.write_bytes(data)
                print(f"{kept}: {type(error).__name__}: {error}", flush=True)
            total = sum(counts.values())
            if options.corpus and total % 100 == 0:
                (options.corpus / f"{total:08}.cube").write_bytes(data)
    print(f"{sum(counts.values())} files: {dict(counts)}")
    raise SystemExit(counts["differ"] > 0)


if __name__ == "__main__":
    main()
