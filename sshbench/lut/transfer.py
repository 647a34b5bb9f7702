"""Colour transfer: a photograph with the colour statistics of another one.

Reinhard's, Xiao and Ma's, Fecker's and Pitie's are those with which iHarmony4 was made (Cong et al., "DoveNet", CVPR
2020, section 3.1). Each is a function of the colour of a pixel alone, given the colours of both images, so an image may
be any arrangement of pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from sshbench.lut.srgb import decode, encode
from sshbench.lut.table import LutError

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float64]

# Reinhard et al. 2001, equations 4 and 6: linear RGB to LMS, and log LMS to the decorrelated l, alpha, beta.
RGB_TO_LMS = np.array([[0.3811, 0.5783, 0.0402], [0.1967, 0.7244, 0.0782], [0.0241, 0.1288, 0.8444]])
LMS_TO_LAB = np.diag(1 / np.sqrt([3.0, 6.0, 2.0])) @ np.array([[1.0, 1.0, 1.0], [1.0, 1.0, -2.0], [1.0, -1.0, 0.0]])
_DARKEST = 1 / 255 / 12.92  # linear light of the level 1, so that black has a logarithm

ITERATIONS = 12
_BINS = 300


def transfer_reinhard(image: Pixels, target: Pixels) -> Pixels:
    """Give `image` the mean and the deviation of `target` along each axis of l-alpha-beta.

    Parameters
    ----------
    image, target
        `[H, W, 3]` uint8 sRGB, of any sizes.

    Raises
    ------
    LutError
        An image of another type or without pixels.

    References
    ----------
    Reinhard, Ashikhmin, Gooch, Shirley: "Color transfer between images", IEEE CG&A 21 (5), 2001. sRGB is decoded to
    linear light before equation 4, which expects it.
    """
    source, other = _to_lab(image), _to_lab(target)
    scale = _ratio(other.std(axis=0), source.std(axis=0))
    return _from_lab((source - source.mean(axis=0)) * scale + other.mean(axis=0), image.shape)


def transfer_xiao(image: Pixels, target: Pixels) -> Pixels:
    """Give `image` the mean and the covariance of `target` in encoded RGB.

    Parameters
    ----------
    image, target
        As for `transfer_reinhard`.

    References
    ----------
    Xiao, Ma: "Color transfer in correlated color space", VRCIA 2006, equations 1 to 7: translate to the mean, rotate
    to the principal axes, scale, and back along the target's. The axes are matched by their variance and turned to
    the side that is nearest, which the paper leaves to the decomposition.
    """
    source, other = _flat(image), _flat(target)
    mean, matrix = covariance_map(source, other)
    return _rounded((source - source.mean(axis=0)) @ matrix.T + mean, image.shape)


def covariance_map(source: Floats, target: Floats) -> tuple[Floats, Floats]:
    """Mean of `target` `[3]`, and the matrix `[3, 3]` that brings the covariance of `source` to that of `target`."""
    variances, axes = np.linalg.eigh(np.cov(source, rowvar=False))
    others, other_axes = np.linalg.eigh(np.cov(target, rowvar=False))
    signs = np.sign(np.einsum("ij,ij->j", axes, other_axes))
    other_axes = other_axes * np.where(signs == 0, 1.0, signs)
    scale = _ratio(np.sqrt(np.maximum(others, 0)), np.sqrt(np.maximum(variances, 0)))
    return target.mean(axis=0), (other_axes * scale) @ axes.T


def transfer_monge_kantorovich(image: Pixels, target: Pixels) -> Pixels:
    """Give `image` the mean and the covariance of `target` in encoded RGB, by the linear map that moves colours least.

    Parameters
    ----------
    image, target
        As for `transfer_reinhard`.

    References
    ----------
    Pitie, Kokaram: "The linear Monge-Kantorovitch linear colour mapping for example-based colour transfer", CVMP 2007,
    section 3.3.
    """
    source, other = _flat(image), _flat(target)
    matrix = optimal_map(np.cov(source, rowvar=False), np.cov(other, rowvar=False))
    return _rounded((source - source.mean(axis=0)) @ matrix + other.mean(axis=0), image.shape)


def optimal_map(source: Floats, target: Floats) -> Floats:
    """The symmetric matrix T with ``T @ source @ T == target``, for covariances `[3, 3]`; 1 where nothing varies."""
    variances, axes = np.linalg.eigh(source)
    roots = np.sqrt(np.maximum(variances, 0))
    varies = roots > 1e-6
    inverses = np.divide(1.0, roots, out=np.zeros_like(roots), where=varies)
    root, inverse = (axes * roots) @ axes.T, (axes * inverses) @ axes.T
    inner, turns = np.linalg.eigh(root @ target @ root)
    middle = (turns * np.sqrt(np.maximum(inner, 0))) @ turns.T
    return np.asarray(inverse @ middle @ inverse + (axes * ~varies) @ axes.T)


def transfer_histogram(image: Pixels, target: Pixels) -> Pixels:
    """Give each channel of `image` the histogram of the same channel of `target`.

    A level goes to where the cumulative histogram of `target` reaches the same value, interpolated between its levels.

    Parameters
    ----------
    image, target
        As for `transfer_reinhard`.

    References
    ----------
    Fecker, Barkowsky, Kaup: "Histogram-based prefiltering for luminance and chrominance compensation of multiview
    video", IEEE TCSVT 18 (9), 2008.
    """
    image, target = _checked(image), _checked(target)
    out = np.empty_like(image)
    for channel in range(3):
        source = np.bincount(image[..., channel].ravel(), minlength=256).cumsum() / (image.size // 3)
        counts = np.bincount(target[..., channel].ravel(), minlength=256)
        levels = np.flatnonzero(counts)
        places = counts[levels].cumsum() / (target.size // 3)
        table = np.floor(np.interp(source, places, levels) + 0.5).astype(np.uint8)
        out[..., channel] = table[image[..., channel]]
    return out


def transfer_distribution(image: Pixels, target: Pixels, iterations: int = ITERATIONS) -> Pixels:
    """Give `image` the colour distribution of `target`.

    Again and again both are projected on three axes that are turned at random (but the same in every call), and the
    histogram along each axis is matched.

    Parameters
    ----------
    image, target
        As for `transfer_reinhard`.

    References
    ----------
    Pitie, Kokaram, Dahyot: "Automated colour grading using colour distribution transfer", CVIU 107, 2007.
    """
    colours, other = np.ascontiguousarray(_flat(image).T), _flat(target).T
    for rotation in rotations(iterations):
        turned = rotation @ colours
        for along, wanted in zip(turned, rotation @ other, strict=True):
            along[:] = _matched(along, wanted)
        colours = rotation.T @ turned
    return _rounded(colours.T, image.shape)


TRANSFER_FUNCTIONS: dict[str, Callable[[Pixels, Pixels], Pixels]] = {
    "reinhard": transfer_reinhard,
    "xiao": transfer_xiao,
    "histogram": transfer_histogram,
    "distribution": transfer_distribution,
}


def _matched(source: Floats, target: Floats) -> Floats:
    """Bring numbers to the histogram of others, by the monotonous map between their cumulative histograms."""
    low, high = min(source.min(), target.min()), max(source.max(), target.max())
    if high - low < 1e-9:
        return source
    unit = _BINS / (high - low)
    place = (source - low) * unit
    bins, others = (np.minimum(p.astype(np.int32), _BINS - 1) for p in (place, (target - low) * unit))
    rising = np.arange(_BINS + 1) * 1e-9  # so that both can be inverted where they are flat
    reached, reached_by_target = (
        np.concatenate([[0.0], np.bincount(b, minlength=_BINS).cumsum() / len(b)]) + rising for b in (bins, others)
    )
    table = np.interp(reached, reached_by_target, np.linspace(low, high, _BINS + 1))
    return np.asarray(np.clip(table[bins] + (place - bins) * np.diff(table)[bins], target.min(), target.max()))


@lru_cache(maxsize=4)
def rotations(count: int) -> Floats:
    """`[count, 3, 3]`: the identity, then rotations drawn uniformly with a fixed seed."""
    quaternions = np.random.RandomState(0).normal(size=(count, 4))
    quaternions[0] = 1, 0, 0, 0
    w, x, y, z = (quaternions / np.linalg.norm(quaternions, axis=1, keepdims=True)).T
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    return np.moveaxis(np.array(rows), 2, 0)


def _checked(image: Pixels) -> Pixels:
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.shape[-1:] != (3,) or not image.size:
        given = f"{image.dtype} {list(image.shape)}" if hasattr(image, "dtype") else type(image).__name__
        raise LutError(f"colours are transferred between uint8 images [H, W, 3], not {given}")
    return image


def _flat(image: Pixels) -> Floats:
    return _checked(image).reshape(-1, 3).astype(np.float64)


def _ratio(wanted: Floats, present: Floats) -> Floats:
    """`wanted / present`, and 1 where nothing varies that could be scaled."""
    return np.asarray(np.divide(wanted, present, out=np.ones_like(wanted), where=present > 1e-6))


def _rounded(values: Floats, shape: tuple[int, ...]) -> Pixels:
    return np.floor(np.clip(values, 0.0, 255.0) + 0.5).astype(np.uint8).reshape(shape)


@lru_cache(maxsize=1)
def _linear() -> Floats:
    """Linear light of the 256 levels of sRGB."""
    return decode(np.arange(256) / 255.0)


def _to_lab(image: Pixels) -> Floats:
    linear = np.maximum(_linear(), _DARKEST)[_checked(image)].reshape(-1, 3)
    return np.asarray(np.log10(linear @ RGB_TO_LMS.T) @ LMS_TO_LAB.T)


def _from_lab(lab: Floats, shape: tuple[int, ...]) -> Pixels:
    linear = 10.0 ** (lab @ np.linalg.inv(LMS_TO_LAB).T) @ np.linalg.inv(RGB_TO_LMS).T
    return _rounded(255.0 * encode(np.clip(linear, 0.0, 1.0)), shape)
