"""What a LUT does, in numbers: how far it moves colours, and whether it keeps their order."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sshbench.lut.resize import input_domain, through
from sshbench.lut.table import Lut, identity_table

Array = NDArray[np.float64]

_TOLERANCE = 1e-5  # what six decimals in a file may turn around
_RGB_TO_XYZ = np.array(  # IEC 61966-2-1
    [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
)


def strength(lut: Lut, size: int = 17) -> float:
    """Mean CIEDE2000 between colours and what the LUT makes of them, over a grid of its domain.

    Colours are taken as sRGB-encoded. About 1 is just visible; a strong look has 10 and more.
    """
    grid = identity_table(size, input_domain(lut))
    return float(ciede2000(lab_of_srgb(grid), lab_of_srgb(through(lut, grid))).mean())


def is_monotone(lut: Lut) -> bool:
    """Whether no output channel falls where the same input channel rises."""
    rising = True
    if lut.shaper_values is not None:
        rising &= bool((np.diff(lut.shaper_values, axis=0) >= -_TOLERANCE).all())
    if lut.values is not None:
        for channel in range(3):
            rising &= bool((np.diff(lut.values[..., channel], axis=2 - channel) >= -_TOLERANCE).all())
    return rising


def keeps_grey_order(lut: Lut, steps: int = 1024) -> bool:
    """Whether a lighter grey never comes out darker, in luminance of sRGB."""
    domain = input_domain(lut)
    greys = np.linspace(domain.lower, domain.upper, steps, dtype=np.float32)
    luminance = _linear(through(lut, greys).astype(np.float64)) @ _RGB_TO_XYZ[1]
    return bool((np.diff(luminance) >= -_TOLERANCE).all())


def _linear(encoded: Array) -> Array:
    """Linear light of sRGB-encoded values; odd about zero, for values outside 0..1."""
    size = np.abs(encoded)
    return np.asarray(np.sign(encoded) * np.where(size <= 0.04045, size / 12.92, ((size + 0.055) / 1.055) ** 2.4))


def lab_of_srgb(encoded: NDArray[np.float32] | Array) -> Array:
    """CIE 1976 L*a*b* `[..., 3]` under D65 of sRGB-encoded colours `[..., 3]`, 0..1."""
    xyz = _linear(np.asarray(encoded, np.float64)) @ _RGB_TO_XYZ.T / _RGB_TO_XYZ.sum(axis=1)
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz * (29 / 6) ** 2 / 3 + 4 / 29)
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], axis=-1)


def ciede2000(one: Array, other: Array) -> Array:
    """Colour difference `[...]` of two arrays of L*a*b* `[..., 3]`.

    After Sharma, Wu and Dalal, "The CIEDE2000 Color-Difference Formula", Color Research and Application 30 (2005);
    equation numbers are theirs.
    """
    (l1, a1, b1), (l2, a2, b2) = np.moveaxis(one, -1, 0), np.moveaxis(other, -1, 0)
    mean_c = (np.hypot(a1, b1) + np.hypot(a2, b2)) / 2
    stretch = 1.5 - 0.5 * np.sqrt(mean_c**7 / (mean_c**7 + 25.0**7))  # 4
    a1, a2 = a1 * stretch, a2 * stretch
    c1, c2 = np.hypot(a1, b1), np.hypot(a2, b2)
    h1, h2 = np.degrees(np.arctan2(b1, a1)) % 360, np.degrees(np.arctan2(b2, a2)) % 360

    coloured = c1 * c2 != 0
    turn = np.where(coloured, (h2 - h1 + 180) % 360 - 180, 0)  # 10
    delta_h = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn / 2))
    mean_l, mean_c = (l1 + l2) / 2, (c1 + c2) / 2
    mean_h = np.where(
        coloured, np.where(np.abs(h1 - h2) > 180, (h1 + h2 + 360) / 2 % 360, (h1 + h2) / 2), h1 + h2
    )  # 14

    weight = (  # 15
        1
        - 0.17 * np.cos(np.radians(mean_h - 30))
        + 0.24 * np.cos(np.radians(2 * mean_h))
        + 0.32 * np.cos(np.radians(3 * mean_h + 6))
        - 0.20 * np.cos(np.radians(4 * mean_h - 63))
    )
    lightness = (l2 - l1) / (1 + 0.015 * (mean_l - 50) ** 2 / np.sqrt(20 + (mean_l - 50) ** 2))
    chroma = (c2 - c1) / (1 + 0.045 * mean_c)
    hue = delta_h / (1 + 0.015 * mean_c * weight)
    rotation = -np.sin(np.radians(60 * np.exp(-(((mean_h - 275) / 25) ** 2)))) * (
        2 * np.sqrt(mean_c**7 / (mean_c**7 + 25.0**7))
    )
    return np.asarray(np.sqrt(np.maximum(lightness**2 + chroma**2 + hue**2 + rotation * chroma * hue, 0)))
