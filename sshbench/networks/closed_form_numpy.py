"""Colour maps between two images in closed form in numpy, for commands that should not wait for torch to load.

The functions have the names of their counterparts in `sshbench.networks.closed_form`, where the steps are explained;
`tests/networks/test_ssh_lut_numpy.py` checks that the results are equal.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sshbench.networks.layers import Array

# These constants are shared with `sshbench.networks.closed_form`.
LEVELS = 256  # bins of the histograms from which quantiles are read
LUMA = (0.2126, 0.7152, 0.0722)
DARK = 1e-3  # replaces darker light, which would give extreme gains
NOISE = 4e-4  # added to each variance: 2% of the range, so that plain areas are not stretched to texture

WHITE, BLACK = 252 / 255, 3 / 255  # values from which pixels count as clipped, and up to which they count as black
EXTREMES = 7

_LUMA = np.array(LUMA, np.float32)
_UPPER = np.triu_indices(3)
_STEP = np.repeat(np.array([-1 / 3, 1 / 3], np.float32), 3)  # from one pixel's grey to the next


class Statistics(NamedTuple):
    """The counterpart of `sshbench.networks.closed_form.Statistics`."""

    mean: Array
    covariance: Array
    quantiles: Array
    light: Array

    def flat(self) -> Array:
        """Return all statistics as `[B, 9 + 4 Q]`, with numbers of about -1..1."""
        upper = self.covariance[:, _UPPER[0], _UPPER[1]] * 10
        return np.concatenate([self.mean * 2 - 1, upper, self.quantiles.reshape(len(self.mean), -1) * 2 - 1], 1)


def statistics(images: Array, masks: Array, count: int) -> Statistics:
    """Return the statistics of images `[B, H, W, 3]` under masks `[B, H, W, 1]`; an empty mask counts as full."""
    weights = masks.reshape(len(masks), 1, -1)
    weights = weights + (weights.sum((1, 2), keepdims=True) < 0.5)
    pixels = np.ascontiguousarray(images.reshape(len(images), -1, 3).transpose(0, 2, 1))  # numpy is fast on long rows
    total = weights.sum(2, keepdims=True)
    mean = pixels @ weights.transpose(0, 2, 1) / total
    centred = (pixels - mean) * np.sqrt(weights)
    covariance = centred @ centred.transpose(0, 2, 1) / total
    light = (decoded(pixels) @ weights.transpose(0, 2, 1) / total)[..., 0]
    light = np.concatenate([light, light @ _LUMA[:, None]], 1)
    return Statistics(mean[..., 0], covariance, _quantiles(pixels, weights, total, count), light)


def _quantiles(pixels: Array, weights: Array, total: Array, count: int) -> Array:
    """Return the quantiles `[B, 4, count]` of pixels `[B, 3, P]` with weights `[B, 1, P]`."""
    with_luma = np.concatenate([pixels, _LUMA[None] @ pixels], 1)
    with_luma *= np.float32(LEVELS - 1)
    with_luma += np.float32(0.5)
    rows = len(pixels) * 4
    levels = with_luma.clip(0, LEVELS - 1, out=with_luma).astype(np.intp).reshape(rows, -1)
    levels += LEVELS * np.arange(rows)[:, None]  # so that one call makes all histograms
    found = np.bincount(levels.ravel(), np.repeat(weights, 4, 1).ravel(), rows * LEVELS)
    reached = (found.reshape(-1, 4, LEVELS).cumsum(2) / total).astype(np.float32).reshape(rows, LEVELS)
    shares = ((np.arange(count, dtype=np.float32) + np.float32(0.5)) / np.float32(count)).astype(np.float32)
    shares[0], shares[-1] = 0.002, 0.998
    level = np.stack([np.searchsorted(row, shares) for row in reached]).clip(max=LEVELS - 1)
    after = np.take_along_axis(reached, level, 1)
    before = np.where(level > 0, np.take_along_axis(reached, level - 1, 1), 0)
    within = (shares - before) / np.maximum(after - before, 1e-6)
    quantiles = ((level - 0.5 + within) / (LEVELS - 1)).clip(0, 1).astype(np.float32)
    return quantiles.reshape(-1, 4, count)


def extremes(images: Array, masks: Array) -> Array:
    """Return `[B, 7]` for images `[B, H, W, 3]` under masks `[B, H, W, 1]`."""
    # numpy is slow along an axis of three, so that two neighbours share one
    pairs = images[:, ::2].reshape(len(images), -1, 6)
    weights = masks[:, ::2].reshape(len(images), -1, 2)
    total = np.maximum(weights.sum((1, 2)), 1e-6)[:, None]
    ends = (weights.transpose(0, 2, 1) @ at.astype(np.float32) for at in (pairs >= WHITE, pairs <= BLACK))
    shares = [(at[:, 0, :3] + at[:, 1, 3:]) / total for at in ends]
    both = weights[..., 0] * weights[..., 1]
    steps = (np.abs(pairs @ _STEP) * both).sum(1) / np.maximum(both.sum(1), 1)
    return np.concatenate([*(40 * np.sqrt(share) for share in shares), 400 * steps[:, None]], 1)


def light_ratio(source: Statistics, target: Statistics) -> Array:
    """Return the stops `[B, 4]` from the light of `source` to that of `target`."""
    found: Array = np.log2(np.maximum(target.light, DARK) / np.maximum(source.light, DARK)).clip(-6, 6)
    return found


def closed_form_maps(points: Array, source: Statistics, target: Statistics) -> tuple[Array, Array]:
    """Return the maps `[B, 4, 3, P, 3]` and the matrix `[B, 3, 3]`."""
    means, others, at = source.mean[:, None], target.mean[:, None], points[:, None]
    matrix = _optimal_matrix(source.covariance, target.covariance)
    matched = [_matched(points, *pair) for pair in zip(source.quantiles, target.quantiles, strict=True)]
    own = of_own_channels(np.stack([others - at, np.stack(matched) - at], 1))
    own[:, 0] += (at - means).transpose(0, 2, 1)[..., None] * matrix.transpose(0, 2, 1)[:, :, None]
    return np.concatenate([simple_maps(points, source, target), own], 1), matrix


def simple_maps(points: Array, source: Statistics, target: Statistics) -> Array:
    """Return the first two of the closed-form maps, `[B, 2, 3, P, 3]`."""
    means, others, at = source.mean[:, None], target.mean[:, None], points[:, None]
    variances, aims = (
        np.diagonal(s.covariance, axis1=1, axis2=2)[:, None] + np.float32(NOISE) for s in (source, target)
    )
    curves = [
        np.broadcast_to(others - means, (len(means), len(points), 3)),
        (at - means) * np.sqrt(aims / variances) + others - at,
    ]
    return of_own_channels(np.stack(curves, 1))


def of_own_channels(curves: Array) -> Array:
    """Return curves `[..., P, 3]` as `[..., 3, P, 3]`: input, value, output."""
    found: Array = np.eye(3, dtype=np.float32)[:, None] * curves[..., None, :, :]
    return found


def on_grid(maps: Array) -> Array:
    """Return the sums `[..., B, G, R, 3]` of maps `[..., 3, P, 3]` at a grid."""
    red, green, blue = np.moveaxis(maps, -3, 0)
    found: Array = red[..., None, None, :, :] + green[..., None, :, None, :] + blue[..., :, None, None, :]
    return found


def _optimal_matrix(source: Array, target: Array) -> Array:
    noise = np.eye(3) * NOISE
    variances, axes = np.linalg.eigh(source + noise)
    roots, turned = np.sqrt(variances)[:, None], axes.transpose(0, 2, 1)
    root, inverse = (axes * roots) @ turned, (axes / roots) @ turned
    inner, turns = np.linalg.eigh(root @ (target + noise) @ root)
    between = (turns * np.sqrt(inner.clip(min=0))[:, None]) @ turns.transpose(0, 2, 1)
    found: Array = (inverse @ between @ inverse).astype(np.float32)
    return found


def _matched(points: Array, source: Array, target: Array) -> Array:
    """Return the curves `[P, 3]` through the quantiles `[4, Q]`; the last quantiles, of luma, are not used."""
    rising = np.arange(source.shape[1], dtype=np.float32) * np.float32(1e-5)
    curves = []
    for x, y in zip(source[:3], target[:3], strict=True):
        low, high = min(x[0] - 0.02, -0.001), max(x[-1] + 0.02, 1.001)
        curves.append(np.interp(points, np.concatenate([[low], x + rising, [high]]), np.concatenate([[0], y, [1]])))
    return np.stack(curves, 1).astype(np.float32)


def decoded(values: Array) -> Array:
    """Return the linear light of sRGB-encoded values over 0..1."""
    return np.where(values <= 0.04045, values / 12.92, ((np.maximum(values, 0.04045) + 0.055) / 1.055) ** 2.4).astype(
        np.float32
    )


def encoded(light: Array) -> Array:
    """Return the sRGB-encoded values of linear light of at least 0."""
    return np.where(
        light <= 0.0031308, light * 12.92, 1.055 * np.maximum(light, 0.0031308) ** (1 / 2.4) - 0.055
    ).astype(np.float32)
