"""Cut a box out of a photograph and resize it by Pillow's antialiased bicubic filter.

The native kernel returns the same pixels as Pillow, several times as fast. If the kernel could not be compiled at the
installation, Pillow resizes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sshbench.triplets.recipe import Box

try:
    import sshbench.triplets._resize as _resize
except ImportError:
    _resize = None

_kernel = 0  # the fastest kernel that this processor can run


def available() -> bool:
    """Return whether the native kernel was built."""
    return _resize is not None


def resize_box(
    image: NDArray[np.uint8], box: Box, size: int, out: NDArray[np.uint8] | None = None
) -> NDArray[np.uint8]:
    """Return a part of an image, resized to `size` x `size` pixels.

    Parameters
    ----------
    image
        uint8 `[H, W, 3]`, encoded values. The filter does not convert them to linear light.
    box
        (left, top, right, bottom) in pixels, inside the image. The numbers may have fractions.
    out
        A contiguous array to write the result to, uint8 `[size, size, 3]`; None makes a new array.
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
