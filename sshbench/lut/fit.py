"""Fit the 3D LUT that maps one set of colours nearest to another, by least squares."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sshbench.colour.polynomial import Floats, checked
from sshbench.lut.ranges import unit_colours
from sshbench.lut.table import MAX_SIZE_3D, Lut, check_size, identity_table

_RIDGE = 1e-7  # relative to a grid point's mean weight; keeps points that few colours touch near the identity


def fit_lut(source: NDArray[Any], target: NDArray[Any], *, size: int = 17, weights: NDArray[Any] | None = None) -> Lut:
    """Fit the 3D LUT over 0..1 that, interpolated trilinearly, brings `source` nearest to `target`.

    Trilinear interpolation is linear in the table, so the fit is sparse least squares, solved by conjugate gradients.
    Grid points that no colour touches keep the identity, and grid points with little weight stay near the identity.

    Parameters
    ----------
    source, target
        Colours `[..., 3]`, such as `[N, 3]` or two images `[H, W, 3]`: uint8, uint16, or floats over 0..1. Values of
        `source` outside this range are clamped, as when the LUT is applied.
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
        The shapes do not match, there are no colours, a value is not finite, the floats are over 0..255, or no LUT has
        this size.

    Examples
    --------
    >>> import numpy as np
    >>> from sshbench.lut import apply_lut, fit_lut
    >>> source = np.random.default_rng(0).random((5000, 3)).astype(np.float32)
    >>> lut = fit_lut(source, source * 0.5, size=5)
    >>> bool(np.abs(apply_lut(source[None], lut, layout="HWC")[0] - source * 0.5).max() < 0.01)
    True
    """
    from scipy import sparse
    from scipy.sparse.linalg import cg

    source, target, weights = checked(unit_colours(source), unit_colours(target), weights)
    check_size(size, MAX_SIZE_3D, "3D table")
    start = identity_table(size).reshape(-1, 3).astype(np.float64)
    rows = _interpolation(source, size)
    weighted = sparse.diags_array(weights) @ rows
    normal = (rows.T @ weighted).tocsr()
    touched = normal.diagonal()[normal.diagonal() > 0]
    ridge = _RIDGE * float(touched.mean()) if len(touched) else 1.0
    normal = normal + ridge * sparse.eye_array(size**3)
    right = weighted.T @ target + ridge * start
    jacobi = sparse.diags_array(1 / normal.diagonal())
    values = np.empty_like(start)
    for channel in range(3):
        values[:, channel], _ = cg(normal, right[:, channel], x0=start[:, channel], rtol=1e-9, maxiter=2000, M=jacobi)
    return Lut(values=values.reshape(size, size, size, 3).astype(np.float32), title="fitted")


def _interpolation(source: Floats, size: int) -> Any:
    """Return a sparse matrix `[N, size**3]`, red fastest: the weights of the eight grid points around each colour."""
    from scipy import sparse

    place = np.clip(source, 0.0, 1.0) * (size - 1)
    low = np.minimum(place.astype(np.int64), size - 2)
    part = place - low
    stride = np.array([1, size, size * size])
    columns, values = [], []
    for corner in range(8):
        bits = np.array([corner & 1, corner >> 1 & 1, corner >> 2])
        columns.append((low + bits) @ stride)
        values.append(np.where(bits, part, 1 - part).prod(axis=1))
    count = len(source)
    rows = np.tile(np.arange(count), 8)
    return sparse.csr_array((np.concatenate(values), (rows, np.concatenate(columns))), shape=(count, size**3))
