"""PNG files of 8-bit images, lossless, by the fastest encoder that is installed.

fpng (https://github.com/richgel999/fpng) is ten times as fast as zlib's fastest level, and its files are a tenth
larger.
"""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def png_by_fpng(pixels: NDArray[np.uint8]) -> bytes:
    """Encode an image `[H, W, 3]` by fpng; raise ImportError if fpng is not installed."""
    from fpng import from_ndarray

    return bytes(from_ndarray(np.ascontiguousarray(pixels)))


def png_by_pillow(pixels: NDArray[np.uint8]) -> bytes:
    """Encode an image `[H, W, 3]` or `[H, W]` by Pillow at zlib's fastest level."""
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG", compress_level=1)
    return out.getvalue()


def png_bytes(pixels: NDArray[np.uint8]) -> bytes:
    """Encode an image `[H, W, 3]` by fpng, or by Pillow if fpng is not installed; only the bytes differ."""
    try:
        return png_by_fpng(pixels)
    except ImportError:
        return png_by_pillow(pixels)
