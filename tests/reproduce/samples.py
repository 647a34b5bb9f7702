"""A folder of two samples in place of the embedded sample and RealHM."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image


def write_two_samples(folder: Path) -> None:
    """Composites, masks and targets of noise, as the benchmark `Folder` takes them."""
    for i in range(2):
        for role in ("composite", "mask", "target"):
            (folder / role).mkdir(parents=True, exist_ok=True)
            image = np.random.default_rng(i).integers(0, 256, (40, 48, 3), np.uint8)
            if role == "mask":
                image = np.zeros((40, 48, 3), np.uint8)
                image[10:30, 10:30] = 255
            Image.fromarray(image).save(folder / role / f"{i}.png")
