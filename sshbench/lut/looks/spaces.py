"""The colour spaces of looks: encoded sRGB, linear light, Oklab and ACES AP1, all as float64 `[..., 3]`.

Every look starts and ends in encoded sRGB. In between, colours may leave 0..1; `into_gamut` brings them back smoothly.
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
    """Return the linear light of encoded sRGB; the curve is odd about zero, so negative values survive a round trip."""
    return np.asarray(np.sign(encoded) * colour.models.eotf_sRGB(np.abs(encoded)), np.float64)


def encode(linear: Array) -> Array:
    """Return the encoded sRGB of linear light; the curve is odd about zero."""
    return np.asarray(np.sign(linear) * colour.models.eotf_inverse_sRGB(np.abs(linear)), np.float64)


def luminance(linear: Array) -> Array:
    """Return the relative luminance Y `[..., 1]` of linear sRGB."""
    return np.asarray(linear @ LUMINANCE, np.float64)[..., None]


def to_oklab(encoded: Array) -> Array:
    """Convert encoded sRGB to Oklab (L 0..1, a, b about -0.3..0.3)."""
    xyz = decode(encoded) @ TO_XYZ.T
    # A matrix product may turn black into 1e-17, whose cube root would be 2e-6.
    return np.asarray(colour.XYZ_to_Oklab(np.where(np.abs(xyz) < 1e-12, 0, xyz)), np.float64)


def from_oklab(lab: Array) -> Array:
    """Convert Oklab to encoded sRGB."""
    return encode(np.asarray(colour.Oklab_to_XYZ(lab), np.float64) @ FROM_XYZ.T)


def illuminant(light: float | str, duv: float = 0.0) -> Array:
    """Return the chromaticity xy of a light: a colour temperature in kelvin or the name of a CIE illuminant.

    `duv` moves the chromaticity off the locus in CIE 1960 uv: towards green if positive, towards magenta if negative.
    """
    if isinstance(light, str):
        return np.asarray(_WHITES[light], np.float64)
    here, warmer = (_uv(light * (1 - step)) for step in (0.0, 1e-3))
    along = (here - warmer) / np.linalg.norm(here - warmer)
    return np.asarray(colour.UCS_uv_to_xy(here + duv * np.array([along[1], -along[0]])), np.float64)


def _uv(kelvin: float) -> Array:
    method = "CIE Illuminant D Series" if kelvin >= DAYLIGHT_LOWEST * 0.999 else "Kang 2002"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the direction of the locus needs a step below 4000 K
        return np.asarray(colour.xy_to_UCS_uv(colour.CCT_to_xy(kelvin, method=method)), np.float64)


def relight(xy: Array) -> Array:
    """Return the matrix for linear sRGB that turns D65 into the light `xy`; the largest channel of white stays 1."""
    day, light = (np.asarray(colour.xy_to_XYZ(white), np.float64) for white in (_WHITES["D65"], xy))
    adapt = np.asarray(colour.adaptation.matrix_chromatic_adaptation_VonKries(day, light, "CAT16"), np.float64)
    matrix = FROM_XYZ @ adapt @ TO_XYZ
    return np.asarray(matrix / (matrix @ np.ones(3)).max(), np.float64)


def soft_limit(values: Array, knee: float) -> Array:
    """Return values unchanged up to `knee`, and then a shoulder that approaches 1 with two continuous derivatives."""
    over = np.maximum(values - knee, 0) / (1 - knee)
    return np.minimum(values, knee) + (1 - knee) * over / np.sqrt(1 + over**2)


def into_gamut(encoded: Array) -> Array:
    """Bring colours into 0..1 smoothly: below 0 by moving them towards grey, above 1 by a shoulder for each channel.

    The move towards grey is computed in linear light, because encoded values, with their steep slope near 0, would show
    an edge.
    """
    linear = decode(encoded)
    y, most = luminance(linear), np.max(np.abs(linear), axis=-1, keepdims=True)
    grey = 0.5 * (y + np.hypot(y, 0.03 * most)) + 1e-9  # close to y, but never below 0
    offset = linear - grey
    reach = np.max(-offset, axis=-1, keepdims=True) / grey  # 1 where a channel is 0
    inside = grey + offset * soft_limit(reach, 0.8) / np.maximum(reach, 1e-9)
    return np.clip(encode(soft_limit(inside, 0.95)), 0, 1)
