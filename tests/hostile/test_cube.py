"""Damaged `.cube` files: the reader agrees with a second one, or refuses the same line in a sentence."""

from __future__ import annotations

import warnings
from pathlib import Path
from random import Random

import numpy as np

from sshbench.lut.apply import apply_lut
from sshbench.lut.cube import read_cube, write_cube
from sshbench.lut.files import read_lut
from sshbench.lut.table import Lut
from tests.hostile.driver import ODD_NAMES, Files, Target, damaged, fuzz
from tests.lut.cube_grammar import mutate, valid_file
from tests.lut.fuzz_cube import check
from tests.lut.rules_files import load_rules

_RULES = [rule.path.read_bytes() for rule in load_rules()]


def _make(random: Random) -> Files:
    return {"look.cube": valid_file(random)}


def _damage(random: Random, files: Files) -> Files:
    data = files["look.cube"]
    match random.randrange(6):
        case 0:
            return damaged(random, files)
        case 1:
            data = mutate(random, random.choice(_RULES))
        case 2:
            words = random.choice((b"TITLE ", b"LUT_3D_SIZE ", b"LUT_IN_VIDEO_RANGE ", b"DOMAIN_MAX ", b"X "))
            data = words + random.choice(ODD_NAMES).encode(errors="surrogatepass") + b"\n" + data
        case 3:
            data = b"LUT_3D_SIZE %d\n" % random.choice((2, 3, 64, 256)) + b"0 0 0\n" * random.randrange(70)
        case _:
            data = mutate(random, data)
    return {"look.cube": data}


def _read(folder: Path) -> None:
    path = folder / "look.cube"
    check(path.read_bytes(), path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        lut = read_lut(path)
        read_cube(path)
    _use(lut)
    write_cube(lut, folder / "again.cube")
    again = read_cube(folder / "again.cube")
    for one, other in ((lut.values, again.values), (lut.shaper_values, again.shaper_values)):
        assert (one is None) == (other is None)
        assert one is None or other is None or np.array_equal(one.view(np.uint32), other.view(np.uint32))
    assert (again.domain, again.shaper_domain, again.title) == (lut.domain, lut.shaper_domain, lut.title)


def _use(lut: Lut) -> None:
    """Send pixels of every type through the LUT; bytes come out whatever it holds."""
    assert "\n" not in repr(lut)
    pixels = np.random.default_rng(0).integers(0, 256, (9, 7, 3), np.uint8)
    for image in (pixels, pixels.astype(np.uint16) * 257, (pixels / 255).astype(np.float32), pixels / 255):
        for interpolation in ("trilinear", "tetrahedral"):
            assert apply_lut(image, lut, interpolation=interpolation).dtype == image.dtype


TARGET = Target(_make, _read, _damage, memory=1 << 30)  # a table of 256^3 points has 201 MB, and as much to compare


def test_the_reader_of_cube(tmp_path: Path) -> None:
    fuzz(TARGET, tmp_path)
