"""Fit a colour map that is linear in polynomial terms to two sets of colours, by least squares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sshbench.errors import LutError

Floats = NDArray[np.float64]

TERMS = (3, 4, 10, 17)


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
    """Return the polynomial terms `[..., terms]` of colours `[..., 3]`.

    3 terms are R, G and B; 4 terms add a constant; 10 and 17 are the second and third order of Cheung, Westland,
    Connah, Ripamonti: "A comparative study of the characterisation of colour cameras by means of neural networks and
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
    """Fit the polynomial that maps `source` as close as possible to `target`.

    The fit minimises the sum of `weights * (map(source) - target)**2`. Among several best maps, the
    one with the smallest norm is chosen.

    Parameters
    ----------
    source, target
        Colours `[N, 3]` of any range and encoding.
    terms
        3 (R, G, B), 4 (with a constant), 10 (second order) or 17 (third order).
    weights
        `[N]`, not negative. The default is 1 for all.

    Returns
    -------
    PolynomialMap
        A function of colours `[..., 3]`, with the `matrix` `[terms, 3]`.

    Raises
    ------
    LutError
        The shapes do not match, there are no colours, or the number of terms is none of these.

    References
    ----------
    The terms are those of Cheung, Westland, Connah, Ripamonti: "A comparative study of the characterisation of colour
    cameras by means of neural networks and polynomial transforms", Coloration Technology 120, 2004.

    Examples
    --------
    >>> import numpy as np
    >>> from sshbench.lut import fit_polynomial
    >>> source = np.random.default_rng(0).random((100, 3))
    >>> halved = fit_polynomial(source, source / 2, terms=4)
    >>> np.allclose(halved(np.ones(3)), 0.5)
    True
    """
    source, target, weights = checked(source, target, weights)
    root = np.sqrt(weights)[:, None]
    matrix, *_ = np.linalg.lstsq(root * expand(source, terms), root * target, rcond=None)
    return PolynomialMap(np.asarray(matrix, np.float64))


def checked(source: Any, target: Any, weights: Any) -> tuple[Floats, Floats, Floats]:
    """Return two sets of colours `[N, 3]` and their weights `[N]` (1 if None is given) as float64.

    Raises
    ------
    LutError
        The shapes do not match, there are no colours, or a weight is negative.
    """
    source, target = np.asarray(source, np.float64), np.asarray(target, np.float64)
    if source.ndim != 2 or source.shape[1] != 3 or source.shape != target.shape or not len(source):
        raise LutError(f"a map is fitted to colours [N, 3] and as many others, not {source.shape} and {target.shape}")
    weights = np.ones(len(source)) if weights is None else np.asarray(weights, np.float64)
    if weights.shape != (len(source),) or (weights < 0).any():
        raise LutError(f"weights are one number a colour ({len(source)}) and not negative")
    return source, target, weights
