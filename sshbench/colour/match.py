"""Maps of colours that give one set of colours the statistics of another set, in a colour space.

Colours are `[N, 3]` in float64. The transfers of `sshbench.colour.transfer` and the methods that match statistics use
these maps.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sshbench.colour.srgb import decode, encode

Floats = NDArray[np.float64]

# Reinhard et al. 2001, equations 4 and 6: linear RGB to LMS, and log LMS to the decorrelated l, alpha, beta.
RGB_TO_LMS = np.array([[0.3811, 0.5783, 0.0402], [0.1967, 0.7244, 0.0782], [0.0241, 0.1288, 0.8444]])
LMS_TO_LAB = np.diag(1 / np.sqrt([3.0, 6.0, 2.0])) @ np.array([[1.0, 1.0, 1.0], [1.0, 1.0, -2.0], [1.0, -1.0, 0.0]])
# ITU-R BT.601: luma, and the differences of blue and red from luma, without the offsets, which cancel.
RGB_TO_YCBCR = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])
_DARKEST = 1 / 255 / 12.92  # linear light of code 1, so that black has a logarithm

ITERATIONS = 12
_BINS = 300


ColourFunction = Callable[[Floats], Floats]
"""A function from colours `[N, 3]` to colours `[N, 3]`, both in one space and unbounded."""

Space = Literal["srgb", "linear", "lab", "ycbcr"]


def in_space(space: Space, fit: Callable[[Floats, Floats], ColourFunction], source: Floats, target: Floats) -> Floats:
    """Match `source` to `target` in a colour space, and return the result in 8-bit codes.

    Parameters
    ----------
    space
        `srgb`, encoded values; `linear`, linear light; `lab`, l-alpha-beta (Reinhard et al. 2001, equations 4 and 6);
        `ycbcr`, luma and chroma of encoded values (ITU-R BT.601).
    fit
        One of the `match_` functions.
    source, target
        Codes `[N, 3]` and `[M, 3]`, 0..255.
    """
    return function_in_space(space, fit, source, target)(source)


def function_in_space(
    space: Space, fit: Callable[[Floats, Floats], ColourFunction], source: Floats, target: Floats
) -> ColourFunction:
    """Return the map of codes 0..255 that `in_space` applies; its results are within 0..255."""
    to, back = _WAYS[space]
    own = to(source)
    function = fit(own, to(target))
    return lambda codes: np.clip(back(function(own if codes is source else to(codes))), 0.0, 255.0)


def match_deviation(source: Floats, target: Floats) -> ColourFunction:
    """Return the map that gives each axis of `source` `[N, 3]` the mean and the deviation of `target` `[M, 3]`."""
    mean, other, scale = source.mean(axis=0), target.mean(axis=0), _ratio(target.std(axis=0), source.std(axis=0))
    return lambda colours: (colours - mean) * scale + other


def match_covariance(source: Floats, target: Floats) -> ColourFunction:
    """Return the affine map that gives `source` `[N, 3]` the mean and the covariance of `target` `[M, 3]`."""
    mean, (other, matrix) = source.mean(axis=0), covariance_map(source, target)
    return lambda colours: (colours - mean) @ matrix.T + other


def match_covariance_optimally(source: Floats, target: Floats) -> ColourFunction:
    """Return the affine map with this effect that moves colours least (Monge-Kantorovich)."""
    mean, other = source.mean(axis=0), target.mean(axis=0)
    matrix = optimal_map(_covariance(source), _covariance(target))
    return lambda colours: (colours - mean) @ matrix + other


def match_histograms(source: Floats, target: Floats) -> ColourFunction:
    """Return the map that gives each axis of `source` `[N, 3]` the histogram of `target` `[M, 3]`.

    A value is mapped to the value at which the cumulative histogram of `target` reaches the same fraction, with
    interpolation. A value that `source` does not contain is mapped as the next smaller value of `source`.
    """
    curves = []
    for own, other in zip(source.T, target.T, strict=True):
        levels, counts = np.unique(own, return_counts=True)
        others, other_counts = np.unique(other, return_counts=True)
        curves.append((levels, np.interp(counts.cumsum() / len(own), other_counts.cumsum() / len(other), others)))

    def function(colours: Floats) -> Floats:
        places = [np.searchsorted(curve[0], axis, "right") - 1 for curve, axis in zip(curves, colours.T, strict=True)]
        return np.stack([curve[1][np.maximum(at, 0)] for curve, at in zip(curves, places, strict=True)], axis=1)

    return function


def match_distribution(source: Floats, target: Floats, iterations: int = ITERATIONS) -> ColourFunction:
    """Return the map that gives `source` `[N, 3]` the distribution of `target` `[M, 3]`: `transfer_distribution`."""
    matched, steps = with_distribution(source, target, iterations)

    def function(colours: Floats) -> Floats:
        if colours is source:  # the iterations have already mapped the source
            return matched
        colours = np.ascontiguousarray(colours.T)
        for rotation, curves in steps:
            turned = rotation @ colours
            for along, curve in zip(turned, curves, strict=True):
                along[:] = curve(along)
            colours = rotation.T @ turned
        return colours.T

    return function


def _covariance(colours: Floats) -> Floats:
    """Return the covariance `[3, 3]` of colours `[N, 3]`, which is zero for a single one."""
    return np.cov(colours, rowvar=False) if len(colours) > 1 else np.zeros((3, 3))


def covariance_map(source: Floats, target: Floats) -> tuple[Floats, Floats]:
    """Return the mean `[3]` of `target`, and the matrix `[3, 3]` that gives `source` the covariance of `target`."""
    variances, axes = np.linalg.eigh(_covariance(source))
    others, other_axes = np.linalg.eigh(_covariance(target))
    signs = np.sign(np.einsum("ij,ij->j", axes, other_axes))
    other_axes = other_axes * np.where(signs == 0, 1.0, signs)
    scale = _ratio(np.sqrt(np.maximum(others, 0)), np.sqrt(np.maximum(variances, 0)))
    return target.mean(axis=0), (other_axes * scale) @ axes.T


def optimal_map(source: Floats, target: Floats) -> Floats:
    """Return the symmetric T with ``T @ source @ T == target`` for covariances `[3, 3]`; 1 without variance."""
    variances, axes = np.linalg.eigh(source)
    roots = np.sqrt(np.maximum(variances, 0))
    varies = roots > 1e-6
    inverses = np.divide(1.0, roots, out=np.zeros_like(roots), where=varies)
    root, inverse = (axes * roots) @ axes.T, (axes * inverses) @ axes.T
    inner, turns = np.linalg.eigh(root @ target @ root)
    middle = (turns * np.sqrt(np.maximum(inner, 0))) @ turns.T
    return np.asarray(inverse @ middle @ inverse + (axes * ~varies) @ axes.T)


def with_distribution(
    source: Floats, target: Floats, iterations: int
) -> tuple[Floats, list[tuple[Floats, list[Callable[[Floats], Floats]]]]]:
    """Return `source` `[N, 3]` with the distribution of `target`, and the rotations with a curve for each axis."""
    colours, other, steps = np.ascontiguousarray(source.T), target.T, []
    for rotation in rotations(iterations):
        turned = rotation @ colours
        curves = [_curve(along, wanted) for along, wanted in zip(turned, rotation @ other, strict=True)]
        for along, curve in zip(turned, curves, strict=True):
            along[:] = curve(along)
        colours = rotation.T @ turned
        steps.append((rotation, curves))
    return colours.T, steps


def _curve(source: Floats, target: Floats) -> Callable[[Floats], Floats]:
    """Return the monotonic map that gives numbers the histogram of other numbers."""
    low, high = min(source.min(), target.min()), max(source.max(), target.max())
    if high - low < 1e-9:
        return lambda values: values
    unit = _BINS / (high - low)

    def place(values: Floats) -> tuple[Floats, NDArray[np.int32]]:
        places = (values - low) * unit
        return places, np.clip(places.astype(np.int32), 0, _BINS - 1)

    rising = np.arange(_BINS + 1) * 1e-9  # so that both can be inverted on flat parts
    reached, reached_by_target = (
        np.concatenate([[0.0], np.bincount(place(values)[1], minlength=_BINS).cumsum() / len(values)]) + rising
        for values in (source, target)
    )
    table = np.interp(reached, reached_by_target, np.linspace(low, high, _BINS + 1))
    slopes, bounds = np.diff(table), (target.min(), target.max())

    def curve(values: Floats) -> Floats:
        places, bins = place(values)
        return np.asarray(np.clip(table[bins] + (places - bins) * slopes[bins], *bounds))

    return curve


@lru_cache(maxsize=4)
def rotations(count: int) -> Floats:
    """Return `[count, 3, 3]`: the identity, then rotations that are drawn uniformly with a fixed seed."""
    quaternions = np.random.RandomState(0).normal(size=(count, 4))
    quaternions[0] = 1, 0, 0, 0
    w, x, y, z = (quaternions / np.linalg.norm(quaternions, axis=1, keepdims=True)).T
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    return np.moveaxis(np.array(rows), 2, 0)


def _ratio(wanted: Floats, present: Floats) -> Floats:
    """Return `wanted / present`, or 1 where nothing varies."""
    return np.asarray(np.divide(wanted, present, out=np.ones_like(wanted), where=present > 1e-6))


def _to_linear(codes: Floats) -> Floats:
    return decode(codes / 255.0)


def _from_linear(linear: Floats) -> Floats:
    return 255.0 * encode(np.clip(linear, 0.0, 1.0))


def _to_lab(codes: Floats) -> Floats:
    return decorrelated(_to_linear(codes))


def decorrelated(linear: Floats) -> Floats:
    """Return linear light `[N, 3]`, 0..1, in l-alpha-beta; black counts as code 1, so that it has a logarithm."""
    return np.asarray(np.log10(np.maximum(linear, _DARKEST) @ RGB_TO_LMS.T) @ LMS_TO_LAB.T)


def _from_lab(lab: Floats) -> Floats:
    return _from_linear(10.0 ** (lab @ np.linalg.inv(LMS_TO_LAB).T) @ np.linalg.inv(RGB_TO_LMS).T)


def _same(codes: Floats) -> Floats:
    return codes


_WAYS: dict[Space, tuple[ColourFunction, ColourFunction]] = {
    "srgb": (_same, _same),
    "linear": (_to_linear, _from_linear),
    "lab": (_to_lab, _from_lab),
    "ycbcr": (lambda codes: codes @ RGB_TO_YCBCR.T, lambda values: values @ np.linalg.inv(RGB_TO_YCBCR).T),
}
