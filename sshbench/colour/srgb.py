"""The transfer functions of sRGB (IEC 61966-2-1) for values over 0..1."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def decode(encoded: NDArray[Any]) -> Floats:
    """Linear light of sRGB values over 0..1."""
    values = np.asarray(encoded, np.float64)
    return np.where(values <= 0.04045, values / 12.92, ((np.maximum(values, 0.04045) + 0.055) / 1.055) ** 2.4)


def encode(linear: Floats) -> Floats:
    """SRGB values of linear light over 0..1."""
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * np.maximum(linear, 0.0031308) ** (1 / 2.4) - 0.055)
