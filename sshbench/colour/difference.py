"""Colour differences of sRGB-encoded colours, for numpy arrays and torch tensors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np

Values = TypeVar("Values")
"""A float numpy array or torch tensor."""
Planes = tuple[Values, Values, Values]

_TINY = 1e-30
_COS = {degrees: math.cos(math.radians(degrees)) for degrees in (6, 30, 63)}
_SIN = {degrees: math.sin(math.radians(degrees)) for degrees in (6, 30, 63)}
_RGB_TO_XYZ = (  # IEC 61966-2-1
    (0.4124, 0.3576, 0.1805),
    (0.2126, 0.7152, 0.0722),
    (0.0193, 0.1192, 0.9505),
)
_WHITE = (0.3127 / 0.3290, 1.0, (1 - 0.3127 - 0.3290) / 0.3290)
"""D65 from its chromaticity. The matrix has four decimals and differs by 5e-5, which tints greys by less than 0.01."""
RGB_TO_RATIOS = tuple(tuple(weight / white for weight in row) for row, white in zip(_RGB_TO_XYZ, _WHITE, strict=True))
"""Matrix from linear light to X, Y and Z, each divided by the value of white."""


def _namespace(values: Any) -> Any:
    if isinstance(values, np.ndarray | np.generic):
        return np
    import torch

    return torch


def linear_of_srgb(encoded: Values) -> Values:
    """Return the linear light of sRGB-encoded values, 0..1. The curve is odd about zero for values outside 0..1."""
    xp, x = _namespace(encoded), encoded
    size: Any = xp.abs(x)
    linear: Values = xp.sign(x) * xp.where(size <= 0.04045, size / 12.92, ((size + 0.055) / 1.055) ** 2.4)
    return linear


def luminance(linear: Values) -> Values:
    """Return the luminance Y `[...]`, 0..1, of linear light `[..., 3]`, 0..1."""
    red, green, blue = _planes(linear)
    light: Values = _RGB_TO_XYZ[1][0] * red + _RGB_TO_XYZ[1][1] * green + _RGB_TO_XYZ[1][2] * blue
    return light


def lab_of_srgb(encoded: Values) -> Values:
    """Return CIE 1976 L*a*b* `[..., 3]` under D65 of sRGB-encoded colours `[..., 3]`, 0..1."""
    red, green, blue = _planes(linear_of_srgb(encoded))
    ratios = [row[0] * red + row[1] * green + row[2] * blue for row in RGB_TO_RATIOS]
    lab: Values = _namespace(encoded).stack(lab_planes(ratios), -1)
    return lab


def ciede2000(one: Values, other: Values) -> Values:
    """Return the colour difference `[...]` of two arrays of L*a*b* `[..., 3]`, see `ciede2000_of_planes`."""
    difference: Values = ciede2000_of_planes(_planes(one), _planes(other))
    return difference


def lab_planes(ratios: Sequence[Values]) -> Planes[Values]:
    """Return L*, a* and b* as three arrays, from three arrays of X, Y and Z that were divided by the values of white.

    Separate arrays are several times as fast as one array `[..., 3]`.
    """
    xp = _namespace(ratios[0])
    x, y, z = (_response(xp, ratio) for ratio in ratios)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def _planes(values: Any) -> Any:
    return values[..., 0], values[..., 1], values[..., 2]


def _response(xp: Any, part: Any) -> Any:
    """Return the cube root of values; below a bound, return the tangent of the cube root."""
    bound = (6 / 29) ** 3
    return xp.clip(part, bound, None) ** (1 / 3) + (xp.clip(part, None, bound) - bound) * ((29 / 6) ** 2 / 3)


def ciede2000_of_planes(one: Planes[Values], other: Planes[Values]) -> Values:
    """Return the CIEDE2000 difference of two colours, each given as three arrays L*, a* and b* of one shape.

    The formula and the equation numbers are those of Sharma, Wu and Dalal, "The CIEDE2000 Color-Difference Formula",
    Color Research and Application 30 (2005).
    """
    xp = _namespace(one[0])
    l1, a1, b1, l2, a2, b2 = _any([*one, *other])
    stretch = 1.5 - 0.5 * _root_of_share(xp, (xp.sqrt(a1 * a1 + b1 * b1) + xp.sqrt(a2 * a2 + b2 * b2)) / 2)  # 4
    a1, a2 = a1 * stretch, a2 * stretch
    c1, c2 = xp.sqrt(a1 * a1 + b1 * b1), xp.sqrt(a2 * a2 + b2 * b2)

    # Hues are unit vectors, zero for greys, so that their difference and mean need no wrapping angles.
    (x1, y1), (x2, y2) = (
        (a / xp.clip(c, _TINY, None), b / xp.clip(c, _TINY, None)) for a, b, c in ((a1, b1, c1), (a2, b2, c2))
    )
    turn = xp.sqrt((x2 - x1) ** 2 + (y2 - y1) ** 2)  # 10, as 2 sin(dh / 2)
    delta_h = xp.sqrt(c1 * c2) * xp.copysign(turn, x1 * y2 - x2 * y1)  # 11
    x, y = x1 + x2, y1 + y2
    length = xp.clip(xp.sqrt(x * x + y * y), _TINY, None)
    x, y = x / length, y / length  # 14, the cosine and sine of the mean hue
    x2, y2 = x * x - y * y, 2 * x * y
    weight = (  # 15
        1
        - 0.17 * (_COS[30] * x + _SIN[30] * y)
        + 0.24 * x2
        + 0.32 * (_COS[6] * (x * x2 - y * y2) - _SIN[6] * (x * y2 + y * x2))
        - 0.20 * (_COS[63] * (x2 * x2 - y2 * y2) + _SIN[63] * (2 * x2 * y2))
    )
    mean_c, from_middle = (c1 + c2) / 2, ((l1 + l2) / 2 - 50) ** 2
    lightness = (l2 - l1) / (1 + 0.015 * from_middle / xp.sqrt(20 + from_middle))
    chroma = (c2 - c1) / (1 + 0.045 * mean_c)
    hue = delta_h / (1 + 0.015 * mean_c * weight)
    angle = xp.arctan2(-y, -x) * (180 / math.pi) + 180  # 0..360
    bend = xp.sin((math.pi / 3) * xp.exp(-xp.clip(((angle - 275) / 25) ** 2, None, 64)))  # denormals are slow
    rotation = -2 * bend * _root_of_share(xp, mean_c)
    difference: Values = xp.sqrt(
        xp.clip(lightness * lightness + chroma * chroma + hue * hue + rotation * chroma * hue, 0, None)
    )
    return difference


def _any(values: Any) -> Any:
    return values


def _root_of_share(xp: Any, chroma: Any) -> Any:
    """Return the square root of C^7 / (C^7 + 25^7)."""
    square = chroma * chroma
    seventh = square * square * square * chroma
    return xp.sqrt(seventh / (seventh + 25.0**7))
