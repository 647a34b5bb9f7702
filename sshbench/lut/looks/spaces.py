"""The colour spaces looks are computed in: encoded sRGB, linear light, Oklab and ACES AP1, all as float64 `[..., 3]`.

Every look starts and ends in encoded sRGB. In between, colours may leave 0..1; `into_gamut` brings them back softly.
"""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

from sshbench.colour.science import colour_science

colour = colour_science()
Array = NDArray[np.float64]

SRGB = colour.RGB_COLOURSPACES["sRGB"]
TO_XYZ = np.asarray(SRGB.matrix_RGB_to_XYZ, np.float64)
FROM_XYZ = np.linalg.inv(TO_XYZ)
LUMINANCE = TO_XYZ[1]
TO_AP1 = np.asarray(colour.matrix_RGB_to_RGB(SRGB, colour.RGB_COLOURSPACES["ACEScg"], "CAT02"), np.float64)
FROM_AP1 = np.linalg.inv(TO_AP1)
_WHITES = colour.CCS_ILLUMINANTS["CIE 1931 2 Degree Standard Observer"]
DAYLIGHT_LOWEST = 4000.0  # CIE D illuminants start here; warmer light follows the Planckian locus


def decode(encoded: Array) -> Array:
    """Linear light of encoded sRGB; odd about zero, so that values below 0 survive a round trip."""
    return np.asarray(np.sign(encoded) * colour.models.eotf_sRGB(np.abs(encoded)), np.float64)


def encode(linear: Array) -> Array:
    """Encoded sRGB of linear light; odd about zero."""
    return np.asarray(np.sign(linear) * colour.models.eotf_inverse_sRGB(np.abs(linear)), np.float64)


def luminance(linear: Array) -> Array:
    """Relative luminance Y `[..., 1]` of linear sRGB."""
    return np.asarray(linear @ LUMINANCE, np.float64)[..., None]


def to_oklab(encoded: Array) -> Array:
    """Oklab (L 0..1, a, b about -0.3..0.3) of encoded sRGB."""
    xyz = decode(encoded) @ TO_XYZ.T
    # The cube root would make 2e-6 of the 1e-17 that a matrix product may leave of black.
    return np.asarray(colour.XYZ_to_Oklab(np.where(np.abs(xyz) < 1e-12, 0, xyz)), np.float64)


def from_oklab(lab: Array) -> Array:
    """Encoded sRGB of Oklab."""
    return encode(np.asarray(colour.Oklab_to_XYZ(lab), np.float64) @ FROM_XYZ.T)


def illuminant(light: float | str, duv: float = 0.0) -> Array:
    """Chromaticity xy of a light: a colour temperature in kelvin or the name of a CIE illuminant.

    `duv` moves it off the locus in CIE 1960 uv, towards green where positive and magenta where negative.
    """
    if isinstance(light, str):
        return np.asarray(_WHITES[light], np.float64)
    here, warmer = (_uv(light * (1 - step)) for step in (0.0, 1e-3))
    along = (here - warmer) / np.linalg.norm(here - warmer)
    return np.asarray(colour.UCS_uv_to_xy(here + duv * np.array([along[1], -along[0]])), np.float64)


def _uv(kelvin: float) -> Array:
    method = "CIE Illuminant D Series" if kelvin >= DAYLIGHT_LOWEST * 0.999 else "Kang 2002"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a step below 4000 K for the direction of the locus is meant
        return np.asarray(colour.xy_to_UCS_uv(colour.CCT_to_xy(kelvin, method=method)), np.float64)


def relight(xy: Array) -> Array:
    """Matrix for linear sRGB that turns daylight D65 into the light `xy`, white's largest channel staying 1."""
    day, light = (np.asarray(colour.xy_to_XYZ(white), np.float64) for white in (_WHITES["D65"], xy))
    adapt = np.asarray(colour.adaptation.matrix_chromatic_adaptation_VonKries(day, light, "CAT16"), np.float64)
    matrix = FROM_XYZ @ adapt @ TO_XYZ
    return np.asarray(matrix / (matrix @ np.ones(3)).max(), np.float64)


def soft_limit(values: Array, knee: float) -> Array:
    """Identity up to `knee`, then a shoulder that approaches 1 slowly; two continuous derivatives."""
    over = np.maximum(values - knee, 0) / (1 - knee)
    return np.minimum(values, knee) + (1 - knee) * over / np.sqrt(1 + over**2)


def into_gamut(encoded: Array) -> Array:
    """Bring colours into 0..1 without an edge: below 0 by drawing them towards grey, above 1 by a shoulder a channel.

    In linear light: along encoded values, whose slope is steep near 0, the way to grey would end in an edge.
    """
    linear = decode(encoded)
    y, most = luminance(linear), np.max(np.abs(linear), axis=-1, keepdims=True)
    grey = 0.5 * (y + np.hypot(y, 0.03 * most)) + 1e-9  # near y, yet never below 0
    offset = linear - grey
    reach = np.max(-offset, axis=-1, keepdims=True) / grey  # 1 where a channel is 0
    inside = grey + offset * soft_limit(reach, 0.8) / np.maximum(reach, 1e-9)
    return np.clip(encode(soft_limit(inside, 0.95)), 0, 1)
