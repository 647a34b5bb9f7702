"""Measure a LUT: how far it moves colours, and whether it keeps their order."""

from __future__ import annotations

import numpy as np

from sshbench.colour.difference import ciede2000, lab_of_srgb, linear_of_srgb, luminance
from sshbench.lut.arrays import through
from sshbench.lut.resampling import input_domain
from sshbench.lut.table import Lut, identity_table

_TOLERANCE = 1e-5  # rounding to six decimals in a file may cause falls of this size


def strength(lut: Lut, size: int = 17) -> float:
    """Return the mean CIEDE2000 between colours before and after the LUT, over a grid of its domain.

    Colours count as sRGB-encoded. A difference of about 1 is just visible; a strong look has 10 and more.
    """
    grid = identity_table(size, input_domain(lut))
    one, other = (lab_of_srgb(colours.astype(np.float64)) for colours in (grid, through(lut, grid)))
    return float(ciede2000(one, other).mean())


def is_monotone(lut: Lut) -> bool:
    """Return whether no output channel falls as the same input channel rises."""
    rising = True
    if lut.shaper_values is not None:
        rising &= bool((np.diff(lut.shaper_values, axis=0) >= -_TOLERANCE).all())
    if lut.values is not None:
        for channel in range(3):
            rising &= bool((np.diff(lut.values[..., channel], axis=2 - channel) >= -_TOLERANCE).all())
    return rising


def keeps_grey_order(lut: Lut, steps: int = 1024) -> bool:
    """Return whether the luminance of greys never falls as their input rises."""
    domain = input_domain(lut)
    greys = np.linspace(domain.lower, domain.upper, steps, dtype=np.float32)
    light = linear_of_srgb(through(lut, greys).astype(np.float64))
    return bool((np.diff(luminance(light)) >= -_TOLERANCE).all())
