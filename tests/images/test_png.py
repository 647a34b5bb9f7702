"""PNG files hold the pixels they were made of, whichever encoder is installed."""

from __future__ import annotations

import io
import sys

import numpy as np
import pytest
from PIL import Image

from sshbench.images.png import png_by_pillow, png_bytes

PIXELS = np.random.default_rng(0).integers(0, 256, (31, 47, 3), np.uint8)


def test_the_pixels_come_back_from_arrays_of_any_layout() -> None:
    for pixels in (PIXELS, PIXELS[::2, ::-1]):
        assert (np.asarray(Image.open(io.BytesIO(png_bytes(pixels)))) == pixels).all()


def test_pillow_encodes_where_fpng_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fpng", None)
    assert png_bytes(PIXELS) == png_by_pillow(PIXELS)
    assert (np.asarray(Image.open(io.BytesIO(png_bytes(PIXELS)))) == PIXELS).all()
