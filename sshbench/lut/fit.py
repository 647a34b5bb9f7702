"""The colour map between two sets of colours, fitted by least squares: linear, polynomial, or a 3D LUT."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sshbench.lut.ranges import unit_colours
from sshbench.lut.table import Lut, LutError, identity_table

Floats = NDArray[np.float64]

TERMS = (3, 4, 10, 17)
_RIDGE = 1e-7  # of the mean weight of a grid point; holds points that few colours touch near the identity


@dataclass(frozen=True, eq=False)
class PolynomialMap:
    """A map of colours that is linear in polynomial terms of R, G and B.

    Parameters
    ----------
    matrix
        `[terms, 3]`, float64: the terms of a colour times the matrix is the new colour.
    """

    matrix: Floats

    def __call__(self, colours: NDArray[Any]) -> Floats:
        """Map colours `[..., 3]`, in the encoding and range that the map was fitted in; the result is not clipped."""
        return np.asarray(expand(colours, len(self.matrix)) @ self.matrix)


def expand(colours: NDArray[Any], terms: int) -> Floats:
    """Polynomial terms `[..., terms]` of colours `[..., 3]`.

    3 terms are R, G, B; 4 add a constant; 10 and 17 are the second and third order of Cheung, Westland, Connah,
    Ripamonti: "A comparative study of the characterisation of colour cameras by means of neural networks and
    polynomial transforms", Coloration Technology 120, 2004, in the order of colour-science.
    """
    r, g, b = np.moveaxis(np.asarray(colours, np.float64), -1, 0)
    one = np.ones_like(r)
    if terms == 3:
        columns = [r, g, b]
    elif terms == 4:
        columns = [r, g, b, one]
    elif terms == 10:
        columns = [r, g, b, r * g, r * b, g * b, r * r, g * g, b * b, one]
    elif terms == 17:
        columns = [r, g, b, r * g, r * b, g * b, r * r, g * g, b * b, r * g * b]
        columns += [r * r * g, g * g * b, b * b * r, r**3, g**3, b**3, one]
    else:
        raise LutError(f"a polynomial has {', '.join(map(str, TERMS))} terms, not {terms}")
    return np.stack(columns, axis=-1)


def fit_polynomial(
    source: NDArray[Any], target: NDArray[Any], *, terms: int = 17, weights: NDArray[Any] | None = None
) -> PolynomialMap:
    """Fit the polynomial that brings `source` nearest to `target`.

    It minimises the sum of `weights * (map(source) - target)**2`; of several best maps it is the one of smallest norm.

    Parameters
    ----------
    source, target
        `[N, 3]`, any range and encoding.
    terms
        3, 4, 10 or 17.
    weights
        `[N]`, not negative; all 1 by default.

    Raises
    ------
    LutError
        Shapes that do not fit, no colours, or another number of terms.
    """
    source, target, weights = checked(source, target, weights)
    root = np.sqrt(weights)[:, None]
    matrix, *_ = np.linalg.lstsq(root * expand(source, terms), root * target, rcond=None)
    return PolynomialMap(np.asarray(matrix, np.float64))


def fit_lut(source: NDArray[Any], target: NDArray[Any], *, size: int = 17, weights: NDArray[Any] | None = None) -> Lut:
    """Fit the 3D LUT over 0..1 that, interpolated trilinearly, brings `source` nearest to `target`.

    Trilinear interpolation is linear in the table, so this is sparse least squares, solved by conjugate gradients. Grid
    points that no colour touches keep the identity, and those that are touched faintly stay near it.

    Parameters
    ----------
    source, target
        `[N, 3]`; uint8, uint16, or floats over 0..1; `source` outside of it is clamped, as when the LUT is applied.
    size
        Points an axis.
    weights
        `[N]`, not negative; all 1 by default.

    Raises
    ------
    LutError
        Shapes that do not fit, no colours, floats over 0..255, or a size that no LUT has.
    """
    from scipy import sparse
    from scipy.sparse.linalg import cg

    source, target, weights = checked(unit_colours(source), unit_colours(target), weights)
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
    """Sparse `[N, size**3]`: the weights of the eight grid points around each colour, red fastest."""
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


def checked(source: Any, target: Any, weights: Any) -> tuple[Floats, Floats, Floats]:
    """Colours `[N, 3]`, as many others, and their weights `[N]` (1 where None is given), as float64.

    Raises
    ------
    LutError
        Shapes that do not fit, no colours, or negative weights.
    """
    source, target = np.asarray(source, np.float64), np.asarray(target, np.float64)
    if source.ndim != 2 or source.shape[1] != 3 or source.shape != target.shape or not len(source):
        raise LutError(f"a map is fitted to colours [N, 3] and as many others, not {source.shape} and {target.shape}")
    weights = np.ones(len(source)) if weights is None else np.asarray(weights, np.float64)
    if weights.shape != (len(source),) or (weights < 0).any():
        raise LutError(f"weights are one number a colour ({len(source)}) and not negative")
    return source, target, weights
