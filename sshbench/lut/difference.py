"""Colour differences of sRGB-encoded colours, for numpy arrays and torch tensors alike."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np

Values = TypeVar("Values")
"""A float numpy array or torch tensor."""

_RGB_TO_XYZ = (  # IEC 61966-2-1
    (0.4124, 0.3576, 0.1805),
    (0.2126, 0.7152, 0.0722),
    (0.0193, 0.1192, 0.9505),
)


def _namespace(values: Any) -> Any:
    if isinstance(values, np.ndarray):
        return np
    import torch

    return torch


def linear_of_srgb(encoded: Values) -> Values:
    """Linear light of sRGB-encoded values; odd about zero, for values outside 0..1."""
    xp, x = _namespace(encoded), encoded
    size: Any = xp.abs(x)
    linear: Values = xp.sign(x) * xp.where(size <= 0.04045, size / 12.92, ((size + 0.055) / 1.055) ** 2.4)
    return linear


def luminance(linear: Values) -> Values:
    """Luminance Y `[...]`, 0..1, of linear light `[..., 3]`."""
    light: Values = _row(linear, 1)
    return light


def lab_of_linear(linear: Values) -> Values:
    """CIE 1976 L*a*b* `[..., 3]` under D65 of linear light `[..., 3]`, 0..1."""
    xp = _namespace(linear)
    x, y, z = (_response(xp, _row(linear, i) / sum(_RGB_TO_XYZ[i])) for i in range(3))
    lab: Values = xp.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1)
    return lab


def lab_of_srgb(encoded: Values) -> Values:
    """CIE 1976 L*a*b* `[..., 3]` under D65 of sRGB-encoded colours `[..., 3]`, 0..1."""
    return lab_of_linear(linear_of_srgb(encoded))


def _row(linear: Any, i: int) -> Any:
    return sum(weight * linear[..., c] for c, weight in enumerate(_RGB_TO_XYZ[i]))


def _response(xp: Any, part: Any) -> Any:
    root = xp.clip(part, 1e-30, None) ** (1 / 3)
    return xp.where(part > (6 / 29) ** 3, root, part * ((29 / 6) ** 2 / 3) + 4 / 29)


def ciede2000(one: Values, other: Values) -> Values:
    """Colour difference `[...]` of two arrays of L*a*b* `[..., 3]`.

    After Sharma, Wu and Dalal, "The CIEDE2000 Color-Difference Formula", Color Research and Application 30 (2005);
    equation numbers are theirs.
    """
    xp = _namespace(one)
    (l1, a1, b1), (l2, a2, b2) = ([lab[..., c] for c in range(3)] for lab in (_any(one), _any(other)))
    stretch = 1.5 - 0.5 * _root_of_share(xp, (xp.hypot(a1, b1) + xp.hypot(a2, b2)) / 2)  # 4
    a1, a2 = a1 * stretch, a2 * stretch
    c1, c2 = xp.hypot(a1, b1), xp.hypot(a2, b2)
    h1, h2 = xp.rad2deg(xp.arctan2(b1, a1)) % 360, xp.rad2deg(xp.arctan2(b2, a2)) % 360

    coloured = c1 * c2 != 0
    turn = xp.where(coloured, (h2 - h1 + 180) % 360 - 180, 0.0)  # 10
    delta_h = 2 * xp.sqrt(c1 * c2) * xp.sin(xp.deg2rad(turn / 2))
    mean_l, mean_c = (l1 + l2) / 2, (c1 + c2) / 2
    sum_h = h1 + h2
    across = xp.where(xp.abs(h1 - h2) > 180, (sum_h + 360) / 2 % 360, sum_h / 2)
    mean_h = xp.where(coloured, across, sum_h)  # 14

    weight = (  # 15
        1
        - 0.17 * xp.cos(xp.deg2rad(mean_h - 30))
        + 0.24 * xp.cos(xp.deg2rad(2 * mean_h))
        + 0.32 * xp.cos(xp.deg2rad(3 * mean_h + 6))
        - 0.20 * xp.cos(xp.deg2rad(4 * mean_h - 63))
    )
    from_middle = (mean_l - 50) ** 2
    lightness = (l2 - l1) / (1 + 0.015 * from_middle / xp.sqrt(20 + from_middle))
    chroma = (c2 - c1) / (1 + 0.045 * mean_c)
    hue = delta_h / (1 + 0.015 * mean_c * weight)
    bend = xp.sin(xp.deg2rad(60 * xp.exp(-(((mean_h - 275) / 25) ** 2))))
    rotation = -2 * bend * _root_of_share(xp, mean_c)
    difference: Values = xp.sqrt(xp.clip(lightness**2 + chroma**2 + hue**2 + rotation * chroma * hue, 0, None))
    return difference


def _any(values: Any) -> Any:
    return values


def _root_of_share(xp: Any, chroma: Any) -> Any:
    """The root of C^7 / (C^7 + 25^7)."""
    square = chroma * chroma
    seventh = square * square * square * chroma
    return xp.sqrt(seventh / (seventh + 25.0**7))
