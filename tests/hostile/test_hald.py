"""Damaged Hald CLUTs and lookups, and pictures that are none: a table, or a refusal in a sentence."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from random import Random

import numpy as np
from PIL import Image

from sshbench.errors import SshbenchError
from sshbench.lut.bank import LutBank
from sshbench.lut.files import find_luts, read_lut
from sshbench.lut.hald import write_hald
from sshbench.lut.table import Lut, identity_table
from tests.hostile.driver import Files, Target, damaged, fuzz
from tests.hostile.pictures import photo

_NAMES = ("look.png", "look.tif", "LOOK.TIFF")
_ODD_NAMES = (*_NAMES, "look.cube", "look")


def _pixels(random: Random) -> np.ndarray:
    """A table as a picture of 8 bits: smooth or noise, as a Hald CLUT or as a square lookup, or of no such size."""
    level = random.choice((2, 3, 4, 4))
    size = level**2
    table = identity_table(size) ** np.float32(random.uniform(0.5, 2))
    if random.random() < 0.3:
        table = np.random.default_rng(random.randrange(1000)).random(table.shape, np.float32)
    if random.random() < 0.3:
        table = table.reshape(level, level, size, size, 3).swapaxes(1, 2)
    return np.rint(table.reshape(level**3, level**3, 3) * 255).astype(np.uint8)


def _make(random: Random) -> Files:
    pixels = _pixels(random)
    file = io.BytesIO()
    if random.random() < 0.6:
        Image.fromarray(pixels).save(file, "PNG", optimize=random.random() < 0.3)
    else:
        Image.fromarray(pixels).save(file, "TIFF", compression=random.choice((None, "tiff_lzw", "tiff_deflate")))
    return {random.choice(_NAMES): file.getvalue()}


def _damage(random: Random, files: Files) -> Files:
    name, data = random.choice(_ODD_NAMES), next(iter(files.values()))
    match random.randrange(8):
        case 0:
            return {name: photo(random, odd=True)}
        case 1:
            return {name: _saved(_pixels(random), random.choice(("JPEG", "WEBP", "GIF", "BMP")))}
        case 2 if random.random() < 0.1:
            return {name: _bomb(random)}
        case 3:
            return {name: _saved(_pixels(random)[: random.choice((1, 7, 8, 26))], "PNG")}
        case 4:
            pixels = _pixels(random)
            alpha = np.full(pixels.shape[:2], random.choice((0, 254, 255)), np.uint8)
            return {name: _saved(np.dstack([pixels, alpha]), "PNG")}
        case 5:
            return {name: data, "other.png": b"", "note.txt": data}
    return damaged(random, {name: data})


def _saved(pixels: np.ndarray, kind: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


def _bomb(random: Random) -> bytes:
    """A few kilobytes that unpack to many pixels."""
    file = io.BytesIO()
    side = random.choice((512, 729, 1000, 4096, 9000))
    Image.new(random.choice(("1", "L", "RGB")), (side, side), 1).save(file, "PNG")
    return file.getvalue()


def _read(folder: Path) -> None:
    refused: list[SshbenchError] = []
    for path in sorted(folder.iterdir()):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                _use(read_lut(path), folder)
        except SshbenchError as error:
            refused.append(error)
    found = find_luts(folder)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert len(LutBank.from_folder(folder, size=4)) == len(found)
    except SshbenchError as error:
        refused.append(error)
    if refused:
        raise refused[0]


def _use(lut: Lut, folder: Path) -> None:
    assert lut.values is not None or lut.shaper_values is not None
    if lut.kind == "3d" and lut.size <= 16:
        again = folder / "written.png"
        write_hald(lut, again, level=4)
        assert read_lut(again).size == 16
        again.unlink()


TARGET = Target(_make, _read, _damage, memory=1 << 30, seconds=15)


def test_the_reader_of_hald_cluts(tmp_path: Path) -> None:
    fuzz(TARGET, tmp_path)
