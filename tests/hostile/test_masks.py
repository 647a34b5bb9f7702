"""Damaged masks, and masks of the odd kinds that people have."""

from __future__ import annotations

from pathlib import Path
from random import Random

from sshbench.images.masks import Beside, as_8_bit, as_share, read_mask
from tests.hostile.driver import Files, Target, damaged, fuzz
from tests.hostile.pictures import SIDE, mask


def _make(random: Random) -> Files:
    return {"a.mask": mask(random)}


def _read(folder: Path) -> None:
    beside = Beside(SIDE, SIDE + 8, orientation=6, scaled=True)
    found = read_mask(folder / "a.mask", "the mask", beside, max_pixels=1 << 22)
    assert found.ndim == 2
    assert as_8_bit(found).dtype == "uint8"
    share = as_share(found)
    assert 0 <= share.min() <= share.max() <= 1


def _damage(random: Random, files: Files) -> Files:
    files = {"a.mask": mask(random, odd=True)} if random.random() < 0.5 else files
    return damaged(random, files) if random.random() < 0.7 else files


TARGET = Target(_make, _read, _damage)


def test_the_reader_of_masks(tmp_path: Path) -> None:
    fuzz(TARGET, tmp_path)
