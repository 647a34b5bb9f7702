"""The transfer functions of sRGB (IEC 61966-2-1), for values over 0..1."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def decode(encoded: NDArray[Any]) -> Floats:
    """Return the linear light, 0..1, of sRGB-encoded values of any shape over 0..1, as floats."""
    values = np.asarray(encoded, np.float64)
    return np.where(values <= 0.04045, values / 12.92, ((np.maximum(values, 0.04045) + 0.055) / 1.055) ** 2.4)


def encode(linear: Floats) -> Floats:
    """Return the sRGB-encoded values, 0..1, of linear light of any shape over 0..1, as floats."""
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * np.maximum(linear, 0.0031308) ** (1 / 2.4) - 0.055)
