"""A folder in RealHM's layout, filled with generated images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from tests.results.standin import composite

ROOMS = {"vendor_testing_1": "a", "vendor_testing_2": "b/deeper", "vendor_testing_3": ""}


def make_realhm(root: Path, count: int = 216, size: tuple[int, int] = (96, 128)) -> Path:
    """So many tuples over the three vendor folders, at different depths, the same names in each."""
    for number in range(count):
        vendor, below = list(ROOMS.items())[number % 3]
        folder = root / vendor / below
        folder.mkdir(parents=True, exist_ok=True)
        one = composite(number, size)
        assert one.target is not None
        images = {
            "": one.foreground,
            "_small": one.foreground[: size[0] // 2, : size[1] // 2],
            "_fore": one.background,
            "_gt": one.target,
            "_mask": np.rint(one.mask * 255).astype(np.uint8),
        }
        for role, pixels in images.items():
            Image.fromarray(pixels).save(folder / f"{number // 3}{role}.jpg", quality=95)
    return root
