"""Photographs to measure on: 640 x 480 JPEG files of about 61 KB, made from those inside scikit-image."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

SIZE = (640, 480)
BYTES = 61_000
NAMES = ("astronaut", "coffee", "chelsea", "rocket", "motorcycle")


def write_photos(folder: Path, count: int) -> list[Path]:
    """Write `count` files, each another part of a photograph, at the JPEG quality that comes nearest to 61 KB."""
    from skimage import data

    folder.mkdir(parents=True, exist_ok=True)
    bases = [data.stereo_motorcycle()[0] if name == "motorcycle" else getattr(data, name)() for name in NAMES]
    rng = np.random.default_rng(0)
    paths = []
    for i in range(count):
        picture = Image.fromarray(bases[i % len(bases)])
        part = rng.uniform(0.75, 1.0) * min(picture.width / SIZE[0], picture.height / SIZE[1])
        width, height = SIZE[0] * part, SIZE[1] * part
        left, top = rng.uniform(0, picture.width - width), rng.uniform(0, picture.height - height)
        picture = picture.resize(SIZE, Image.Resampling.LANCZOS, (left, top, left + width, top + height))
        paths.append(folder / f"{i:05d}-{NAMES[i % len(NAMES)]}.jpg")
        paths[-1].write_bytes(_jpeg_of(picture, BYTES))
    return paths


def _jpeg_of(picture: Image.Image, wanted: int) -> bytes:
    """The JPEG file, 4:2:0 as cameras and COCO write it, whose size is nearest to `wanted`."""
    low, high, best = 40, 100, b""
    while low <= high:
        quality = (low + high) // 2
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=quality, subsampling="4:2:0")
        data = file.getvalue()
        if abs(len(data) - wanted) < abs(len(best) - wanted):
            best = data
        low, high = (quality + 1, high) if len(data) < wanted else (low, quality - 1)
    return best
