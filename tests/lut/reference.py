"""An independent float64 reference for LUT application: scipy's interpolators, and of sshbench only the value `Lut`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RegularGridInterpolator

from sshbench.lut.table import Domain, Lut


def apply_reference(colours: NDArray, lut: Lut) -> NDArray[np.float64]:
    """Send colours `[..., 3]` (0..1 for 8-bit codes / 255) through `lut` by linear and trilinear interpolation."""
    x = np.asarray(colours, np.float64)
    if lut.shaper_values is not None:
        nodes = [axis(lut.shaper_domain, c, len(lut.shaper_values)) for c in range(3)]
        curves = lut.shaper_values.astype(np.float64)
        x = np.stack([np.interp(x[..., c], nodes[c], curves[:, c]) for c in range(3)], axis=-1)
    if lut.values is not None:
        grid = [axis(lut.domain, c, lut.size) for c in (2, 1, 0)]
        x = np.clip(x, lut.domain.lower, lut.domain.upper)
        x = RegularGridInterpolator(grid, lut.values.astype(np.float64))(x[..., ::-1])
    return x


def axis(domain: Domain, channel: int, size: int) -> NDArray[np.float64]:
    return np.linspace(domain.lower[channel], domain.upper[channel], size)
