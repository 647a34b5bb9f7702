"""Damaged HEIC, OpenEXR, TIFF of floats and raw files: refused in a sentence, or read."""

from __future__ import annotations

import io
import warnings
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from PIL import Image

from sshbench.images.reading import open_image
from tests.hostile.driver import Files, Target, fuzz
from tests.images.test_beyond_pillow import dng, exr, float_tiff, light

_LIMIT = 1 << 20


@cache
def _pictures() -> list[bytes]:
    import pillow_heif

    file = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(np.full((64, 64, 3), 90, np.uint8))).save(file)
    with TemporaryDirectory() as name:
        folder = Path(name)
        files = [
            exr(folder / "a.exr", {"RGB": light(24, 32) / 2}),
            float_tiff(folder / "a.tif", light(24, 32) / 2),
            float_tiff(folder / "b.tif", light(24, 32)[..., 0] / 2, compression="zlib"),
            dng(folder / "a.dng", size=(32, 48)),
        ]
        return [file.getvalue(), *(path.read_bytes() for path in files)]


def _make(random: Random) -> Files:
    return {"a.image": random.choice(_pictures())}


def _read(folder: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of light that is clipped
        image = open_image((folder / "a.image").read_bytes(), "a cell", max_pixels=_LIMIT)
    assert image.pixels.dtype in (np.uint8, np.uint16)
    assert image.pixels.shape[2] == 3


TARGET = Target(_make, _read)


def test_the_readers_of_extras(tmp_path: Path) -> None:
    for module in ("pillow_heif", "rawpy", "OpenEXR", "tifffile"):
        pytest.importorskip(module)
    fuzz(TARGET, tmp_path)
