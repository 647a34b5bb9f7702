"""Any image file to upright 8-bit sRGB, or a reason why not."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class SkippedImage(Exception):
    """A photograph that makes no triplet, and why; never ends a run."""

    def __init__(self, row: str, reason: str) -> None:
        self.row = row
        self.reason = reason
        super().__init__(row, reason)

    def __str__(self) -> str:
        return f"{self.row}: {self.reason}"


def decode_photo(
    data: bytes,
    row: str,
    *,
    short_side: int | None = None,
    min_side: int = 224,
    max_pixels: int = 178_956_970,
) -> NDArray[np.uint8]:
    """Decode an image file's bytes to `[H, W, 3]` uint8 sRGB.

    EXIF rotation is applied, an embedded ICC profile is converted to sRGB, transparency is laid over white, 16-bit
    values are rounded to 8, of an animation the first frame is taken.

    Parameters
    ----------
    row
        Names the photograph in errors.
    short_side
        A JPEG may be decoded at 1/2, 1/4 or 1/8 as long as its short side keeps at least so many pixels.

    Raises
    ------
    SkippedImage
        The bytes are no image, damaged or cut short, or the image has a side below `min_side` or more than `max_pixels`.
    """
    raise NotImplementedError


def decode_mask(data: bytes, row: str) -> NDArray[np.uint8]:
    """Decode a mask to `[h, w]` uint8, 255 inside: luminance of colour images, alpha where that is what varies."""
    raise NotImplementedError
