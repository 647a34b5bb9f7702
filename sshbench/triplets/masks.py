"""Masks for composites where the source has none: smooth random shapes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def generate_mask(seed: int, size: int, area: tuple[float, float]) -> NDArray[np.uint8]:
    """A shape of soft edge, `[size, size]` uint8, 255 inside, that covers a part of the square within `area`."""
    raise NotImplementedError
