"""Fit a smooth 3D LUT to noisy colours: the displacement of each colour is a cubic spline with few control points.

The method is penalised regression splines (Eilers, Marx: "Flexible smoothing with B-splines and penalties", Statistical
Science 11, 1996) over the colour cube. The penalty is on the displacement, so far from the given colours the
displacement flattens to that of the nearest ones. A cubic spline has no steps that would show as bands.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sshbench.colour.polynomial import Floats, checked
from sshbench.lut.apply import apply_lut
from sshbench.lut.ranges import unit_colours
from sshbench.lut.table import MAX_SIZE_3D, Lut, LutError, check_size, identity_table

_SEGMENTS = 5  # segments of the spline along an axis
_CONTROLS = _SEGMENTS + 3
_SLOPE, _BEND = 1e-4, 1e-5  # weights of the squared first and second derivatives; all colours together weigh 1
_CELLS = 24  # cells on each axis; colours in one cell are averaged before the fit
_CROWD = 0.75  # n colours in a cell weigh n ** 0.75, so that a large plain surface does not dominate the fit
_ROUNDS = 4  # rounds of robust reweighting
_FALL = 1.0  # weight of a squared slope below 0
_ROUNDS_OF_FALLS = 8
_BEYOND = 0.05  # how much further other colours may move than the given colours
_INSIDE_OUT = -0.05  # below this determinant a cell is inside out; flat cells of monochrome looks have some noise


def fit_smooth_lut(
    source: NDArray[Any], target: NDArray[Any], *, size: int = 33, weights: NDArray[Any] | None = None
) -> Lut:
    """Fit a LUT over 0..1 that brings `source` near `target` and does no harm to other colours.

    Colours that disagree with the rest, such as a network's artefacts and blurred edges, lose their weight. No channel
    falls along its own axis or along the greys, and no channel moves more than 0.05 further than at `source`. The
    values are within 0..1.

    Parameters
    ----------
    source, target
        Colours `[..., 3]`, such as `[N, 3]` or two images `[H, W, 3]`, sRGB-encoded: uint8, uint16, or floats over
        0..1.
    size
        The number of points along an axis.
    weights
        The weights of the colours, `[N]` or `[H, W]`, finite and not negative. The default is 1 for all colours.

    Returns
    -------
    Lut
        A 3D LUT of `size` points along an axis.

    Raises
    ------
    LutError
        The shapes do not fit, there are no colours or no weight, a value is not finite, the floats are over 0..255, or
        no LUT has this size.

    References
    ----------
    The weights are those of Geman, McClure: "Statistical methods for tomographic image reconstruction", 1987.

    Examples
    --------
    >>> import numpy as np
    >>> from sshbench.lut import fit_smooth_lut
    >>> source = np.random.default_rng(0).random((2000, 3)).astype(np.float32)
    >>> lut = fit_smooth_lut(source, source * 0.9, size=9)
    >>> lut.size, bool(0 <= lut.values.min() and lut.values.max() <= 1)
    (9, True)
    """
    source, target, weights = checked(unit_colours(source), unit_colours(target), weights)
    check_size(size, MAX_SIZE_3D, "3D table")
    if not weights.any():
        raise LutError("a map cannot be fitted if all weights are 0")
    source, target, weights = (array[weights > 0] for array in (np.clip(source, 0, 1), target, weights))
    cell = np.minimum((source * _CELLS).astype(np.int64), _CELLS - 1) @ np.array([1, _CELLS, _CELLS**2])
    found, cell = np.unique(cell, return_inverse=True)
    count = len(found)

    def means(colours: Floats, weights: Floats) -> Floats:
        sums = [np.bincount(cell, weights * channel, count) for channel in colours.T]
        return np.stack(sums, axis=1) / np.bincount(cell, weights, count)[:, None]

    place = means(source, weights)
    rows = _rows(place)
    trust = np.ones(len(source))
    for remaining in reversed(range(_ROUNDS)):
        share = np.bincount(cell, weights * trust, count) ** _CROWD
        weighted = (share / share.sum())[:, None] * rows
        normal, right = _product(weighted, rows), _product(weighted, means(target - source, weights * trust))
        if remaining:
            table = Lut(values=_sampled(_solve(normal + _penalty(), right), size).astype(np.float32))
            moved = apply_lut(source[None].astype(np.float32), table, layout="HWC")[0]
            error = ((source + moved - target) ** 2).sum(axis=1)
            trust = (1 + error / max(4 * float(np.median(error)), 4e-6)) ** -2
    for stiffness in 4.0 ** np.arange(6):  # in the limit, all colours move equally
        controls = _without_falls(normal + stiffness * _penalty(), right)
        values = identity_table(size) + limited(_sampled(controls, size), rows @ controls)
        if not _turns_inside_out(values):
            break
    return Lut(values=np.clip(values, 0, 1).astype(np.float32), title="fitted")


# We use torch, because numpy and scipy would call OpenBLAS. On a busy machine and for matrices of this size, the
# threads of OpenBLAS wait for each other ten times as long as they compute.
def _product(left: Floats, right: Floats) -> Floats:
    import torch

    product: Floats = (torch.from_numpy(left).T @ torch.from_numpy(right)).numpy()
    return product


def _solve(normal: Floats, right: Floats) -> Floats:
    import torch

    factor = torch.linalg.cholesky(torch.from_numpy(normal))
    solution: Floats = torch.cholesky_solve(torch.from_numpy(right), factor).numpy()
    return solution


def _without_falls(normal: Floats, right: Floats) -> Floats:
    """Solve for the controls `[_CONTROLS ** 3, 3]`, then raise slopes below 0 until there are none."""
    controls = _solve(normal, right)
    for channel in range(3):
        slopes = _slopes(channel)
        falls = np.zeros(len(slopes), bool)
        for _ in range(_ROUNDS_OF_FALLS):
            found = 1 + slopes @ controls[:, channel] < -1e-3
            if not (found & ~falls).any():
                break
            falls |= found
            up = _FALL * slopes[falls]
            pull = right[:, channel] - up.sum(axis=0)
            controls[:, channel] = _solve(normal + _product(up, slopes[falls]), pull[:, None])[:, 0]
    return controls


@lru_cache(maxsize=3)
def _slopes(channel: int) -> Floats:
    """Return the matrix from a channel's controls to the slopes of its displacement, along its axis and the greys."""
    differences = np.diff(np.eye(_CONTROLS), axis=0) * _SEGMENTS
    axes = [np.eye(_CONTROLS)] * 3
    axes[2 - channel] = differences
    greys = np.repeat(np.linspace(0, 1, 33)[:, None], 3, axis=1)
    return np.concatenate([_kron(*axes), np.diff(_rows(greys), axis=0) * 32])


@lru_cache(maxsize=1)
def _penalty() -> Floats:
    """Return the penalty, the mean squared first and second derivatives over the cube, as a matrix for the controls."""
    one = np.eye(_CONTROLS)
    first, second = (np.diff(one, order, axis=0) * _SEGMENTS**order for order in (1, 2))
    one, first, second = one / _CONTROLS, first.T @ first / _CONTROLS, second.T @ second / _CONTROLS
    slope = _kron(first, one, one) + _kron(one, first, one) + _kron(one, one, first)
    bend = _kron(second, one, one) + _kron(one, second, one) + _kron(one, one, second)
    twist = _kron(first, first, one) + _kron(first, one, first) + _kron(one, first, first)
    return np.asarray(_SLOPE * slope + _BEND * (bend + 2 * twist) + 1e-10 * np.eye(len(slope)))


def _kron(blue: Floats, green: Floats, red: Floats) -> Floats:
    return np.kron(blue, np.kron(green, red))


def _basis(at: Floats) -> Floats:
    """Return the cubic B-splines `[N, _CONTROLS]` at numbers 0..1."""
    place = at * _SEGMENTS
    low = np.minimum(place.astype(np.int64), _SEGMENTS - 1)
    t = place - low
    parts = [(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3]
    basis = np.zeros((len(at), _CONTROLS))
    for step, part in enumerate(parts):
        basis[np.arange(len(at)), low + step] = part / 6
    return basis


def _rows(colours: Floats) -> Floats:
    """Return the basis at colours `[N, 3]`: `[N, _CONTROLS ** 3]`, red fastest."""
    red, green, blue = (_basis(channel) for channel in colours.T)
    product = blue[:, :, None, None] * green[:, None, :, None] * red[:, None, None, :]
    return product.reshape(len(colours), -1)


def _sampled(controls: Floats, size: int) -> Floats:
    """Return the spline at the points of a table, `[B, G, R, 3]`."""
    basis = _basis(np.linspace(0, 1, size))
    values = controls.reshape(_CONTROLS, _CONTROLS, _CONTROLS, 3)
    for _ in range(3):  # each round moves the first axis behind the others
        values = np.tensordot(values, basis, axes=(0, 1))
    return values.transpose(1, 2, 3, 0)


def limited(displacement: Floats, seen: Floats) -> Floats:
    """Return displacements `[..., 3]`, limited softly to within `_BEYOND` of the range of `seen` `[N, 3]`, per channel.

    The slopes of the limited displacements are no steeper than before.
    """
    channels = np.ascontiguousarray(seen.T)  # numpy is fast along long rows
    low, high = channels.min(axis=1), channels.max(axis=1)
    inside = np.clip(displacement, low, high)
    return np.asarray(inside + _BEYOND * np.tanh((displacement - inside) / _BEYOND))


def _turns_inside_out(values: Floats) -> bool:
    n = len(values) - 1
    sides = np.stack([np.diff(values, axis=axis)[:n, :n, :n] * n for axis in (2, 1, 0)], axis=-1)
    return bool((np.linalg.det(sides) < _INSIDE_OUT).any())
