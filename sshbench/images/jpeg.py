"""The JPEG round trip of an image: authors' scripts save and read their images before they score them."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def through_jpeg(image: NDArray[np.uint8], quality: int = 75) -> NDArray[np.uint8]:
    """Return a uint8 image `[H, W, 3]` as Pillow saves it in JPEG and reads it again; 75 is Pillow's own quality."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))
