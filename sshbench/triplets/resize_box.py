"""Cut a box out of a photograph and bring it to a size: Pillow's antialiased bicubic filter, pixel for pixel.

The native kernel computes the same whole numbers as Pillow, several times as fast; where no compiler was there at
install, Pillow itself serves.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sshbench.triplets.recipe import Box

try:
    import sshbench.triplets._resize as _resize
except ImportError:
    _resize = None

_kernel = 0  # of those that this processor can run, the fastest


def available() -> bool:
    """Return whether the native kernel was built."""
    return _resize is not None


def resize_box(
    image: NDArray[np.uint8], box: Box, size: int, out: NDArray[np.uint8] | None = None
) -> NDArray[np.uint8]:
    """Bring a part of an image to `size` x `size` pixels.

    Parameters
    ----------
    image
        `[H, W, 3]` uint8, encoded values.
    box
        (left, top, right, bottom) in pixels, not necessarily whole, inside the image.
    out
        Where to write, `[size, size, 3]` uint8, contiguous.
    """
    left, top, right, bottom = box
    height, width = image.shape[:2]
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or size < 1:
        raise ValueError(f"an image is [H, W, 3] uint8, not {list(image.shape)} {image.dtype}")
    if not (0 <= left < right <= width and 0 <= top < bottom <= height):
        raise ValueError(f"box {box} is not inside an image of {width} x {height} pixels")
    if out is None:
        out = np.empty((size, size, 3), np.uint8)
    elif out.shape != (size, size, 3) or out.dtype != np.uint8 or not out.flags.c_contiguous:
        raise ValueError(f"out is contiguous uint8 [{size}, {size}, 3]")
    if _resize is None:
        from PIL import Image

        narrow = Image.fromarray(image).resize((size, height), Image.Resampling.BICUBIC, box=(left, 0, right, height))
        out[:] = np.asarray(narrow.resize((size, size), Image.Resampling.BICUBIC, box=(0, top, size, bottom)))
        return out
    if image.strides[1:] != (3, 1) or image.strides[0] < 0:
        image = np.ascontiguousarray(image)
    _resize.resize(
        image.__array_interface__["data"][0],
        height,
        width,
        image.strides[0],
        left,
        top,
        right,
        bottom,
        size,
        out.__array_interface__["data"][0],
        _kernel,
    )
    return out
