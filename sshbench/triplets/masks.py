"""Generate masks for composites whose source has no masks: smooth random shapes.

The computation uses only sums, products, quotients and square roots of doubles. IEEE 754 defines their rounding, so a
shape is the same on every machine.
"""

from __future__ import annotations

import math
from functools import lru_cache
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

LOBES = 4


def generate_mask(seed: int, size: int, area: tuple[float, float]) -> NDArray[np.uint8]:
    """Return a shape with a soft edge, made of four overlapping ellipses.

    Parameters
    ----------
    seed
        0 to 2^63 - 1.
    size
        The side of the square in pixels.
    area
        Bounds, in (0, 0.9], of the part of the square that the shape covers; drawn uniformly.

    Returns
    -------
    array
        uint8 `[size, size]`: 255 inside, 0 outside, and intermediate values on an edge of about two pixels.
    """
    digest = blake2b(seed.to_bytes(8, "little"), digest_size=64, person=b"sshbench shape").digest()
    u = np.frombuffer(digest, "<u4").astype(np.float64) * 2.0**-32
    part = area[0] + (area[1] - area[0]) * u[0]
    x, y = _grid(size)
    centre_x, centre_y = 0.3 + 0.4 * u[1], 0.3 + 0.4 * u[2]
    # The level is the squared distance from an ellipse's centre in units of its axes, least over the ellipses.
    level = np.full((size, size), np.inf)
    for turn, shift, stretch in u[4:].reshape(3, LOBES).T:
        t, shift, stretch = 2.0 * turn - 1.0, (0.7 * shift - 0.35) * math.sqrt(part), 1.0 + 2.0 * stretch
        cosine, sine = (1.0 - t * t) / (1.0 + t * t), 2.0 * t / (1.0 + t * t)
        dx, dy = x - (centre_x + shift * cosine), y - (centre_y + shift * sine)
        squared = (2.0 * (1.0 - stretch) * cosine * sine * dx) * dy
        squared += (cosine * cosine + stretch * sine * sine) * (dx * dx)
        squared += (sine * sine + stretch * cosine * cosine) * (dy * dy)
        np.minimum(level, squared, out=level)
    distance = np.sqrt(np.maximum(level, 0.0))
    edge = float(np.partition(distance.ravel(), rank := round(part * (size * size - 1)))[rank])
    soft = np.clip(0.5 + (edge - distance) * (size / 2.0), 0.0, 1.0)
    return np.asarray(np.floor(soft * 255.0 + 0.5), np.uint8)


@lru_cache(maxsize=4)
def _grid(size: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    centres = (np.arange(size) + 0.5) / size
    return centres[None, :], centres[:, None]


def mask_part(mask: NDArray[np.uint8]) -> float:
    """Return the fraction of the area that a soft mask covers, 0 to 1."""
    return float(mask.sum(dtype=np.int64)) / (255.0 * mask.size)
