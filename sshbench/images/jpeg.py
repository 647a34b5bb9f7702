"""JPEG: the round trip of images in the authors' scoring scripts, and the arrangement of scans in a file."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def through_jpeg(image: NDArray[np.uint8], quality: int = 75) -> NDArray[np.uint8]:
    """Save a uint8 image `[H, W, 3]` as JPEG and return it as it is read again; 75 is Pillow's default quality."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def is_one_scan(jpeg: bytes) -> bool:
    """Return whether a JPEG has all its channels in one sequential scan (ITU-T T.81, B.2).

    Such a JPEG is decoded row by row. For all other JPEGs, such as progressive ones, libjpeg keeps all coefficients in
    memory.
    """
    at, channels = 2, 0
    while at + 4 <= len(jpeg) and jpeg[at] == 0xFF:
        marker = jpeg[at + 1]
        if marker == 0xFF:  # padding
            at += 1
            continue
        if marker in (0xC0, 0xC1) and at + 10 <= len(jpeg):
            channels = jpeg[at + 9]
        elif marker == 0xDA:
            return channels > 0 and jpeg[at + 4] == channels
        at += 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
    return False
