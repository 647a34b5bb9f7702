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
    """Return the polynomial terms `[..., terms]` of colours `[..., 3]`; raise LutError for another shape.

    3 terms are R, G and B; 4 terms add a constant; 10 and 17 are the second and third order of Cheung, Westland,
    Connah, Ripamonti: "A comparative study of the characterisation of colour cameras by means of neural networks and
    polynomial transforms", Coloration Technology 120, 2004, in the order of colour-science.
    """
    array = as_numbers(colours, "colours")
    if not array.ndim or array.shape[-1] != 3:
        raise LutError(f"colours are [..., 3], not {list(array.shape)}")
    r, g, b = np.moveaxis(array.astype(np.float64), -1, 0)
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
        Colours `[..., 3]` of any range and encoding, such as `[N, 3]` or two images `[H, W, 3]`.
    terms
        3 (R, G, B), 4 (with a constant), 10 (second order) or 17 (third order).
    weights
        One for each colour, such as `[N]` or `[H, W]`, finite and not negative. The default is 1 for all.

    Returns
    -------
    PolynomialMap
        A function of colours `[..., 3]`, with the `matrix` `[terms, 3]`.

    Raises
    ------
    LutError
        The shapes do not match, there are no colours, a value is not a finite number, or no polynomial has this number
        of terms.

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
    """Return two sets of colours as `[N, 3]` and their weights as `[N]` (1 if None is given), in float64.

    Raises
    ------
    LutError
        The shapes do not match, there are no colours, a value is not a finite number, or a weight is negative.
    """
    source, target = as_numbers(source, "colours"), as_numbers(target, "colours")
    shape = source.shape
    if len(shape) < 2 or shape[-1] != 3 or shape != target.shape or not source.size:
        raise LutError(
            f"a map is fitted to colours [N, 3] or [H, W, 3] and as many others, not {list(shape)} and "
            f"{list(target.shape)}"
        )
    weights = np.ones(shape[:-1]) if weights is None else as_numbers(weights, "weights")
    if weights.shape not in (shape[:-1], (source.size // 3,)) or (weights < 0).any():
        raise LutError(f"weights are one number a colour ({source.size // 3}) and not negative")
    for array, what in ((source, "colours"), (target, "colours"), (weights, "weights")):
        if not np.isfinite(array).all():
            raise LutError(f"the {what} hold values that are not finite; leave them out")
    return (
        source.reshape(-1, 3).astype(np.float64),
        target.reshape(-1, 3).astype(np.float64),
        weights.reshape(-1).astype(np.float64),
    )


def as_numbers(values: Any, what: str) -> NDArray[Any]:
    """Return an array of real numbers; raise LutError, in which `what` is the subject, for anything else."""
    try:
        array = np.asarray(values)
    except (TypeError, ValueError, RuntimeError) as error:  # ragged lists, and tensors with gradients or on devices
        raise LutError(f"{what} are an array of numbers ({' '.join(str(error).split())[:120]})") from error
    if array.dtype.kind not in "fiub":
        raise LutError(f"{what} are an array of real numbers, not of {array.dtype}")
    return array
