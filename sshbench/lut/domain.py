"""`Domain`: the box of input values that a LUT is defined over."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sshbench.errors import LutError


@dataclass(frozen=True)
class Domain:
    """The range of a table's input values in each channel R, G, B; values outside are clamped to the range.

    Parameters
    ----------
    lower, upper
        Three bounds each, finite in float32 and with `lower < upper`.

    Raises
    ------
    LutError
        There are not three lower and three upper bounds, a bound is not finite, or the domain is empty.

    Examples
    --------
    >>> from sshbench import Domain
    >>> Domain()
    Domain(lower=(0.0, 0.0, 0.0), upper=(1.0, 1.0, 1.0))
    >>> Domain(upper=(4.0, 4.0, 4.0)).is_unit
    False
    """

    lower: tuple[float, float, float] = (0.0, 0.0, 0.0)
    upper: tuple[float, float, float] = (1.0, 1.0, 1.0)

    def __post_init__(self) -> None:
        # Kernels compute in float32, so the bounds must also be valid in float32.
        lower, upper = np.asarray(self.lower, np.float32), np.asarray(self.upper, np.float32)
        if lower.shape != (3,) or upper.shape != (3,):
            raise LutError("a domain needs three lower and three upper bounds (R, G, B)")
        if not (np.isfinite(lower).all() and np.isfinite(upper).all()):
            raise LutError(f"domain {self.lower} to {self.upper} is not finite in float32")
        if not (lower < upper).all():
            raise LutError(f"domain {self.lower} to {self.upper} is empty or inverted")
        object.__setattr__(self, "lower", tuple(float(v) for v in lower))
        object.__setattr__(self, "upper", tuple(float(v) for v in upper))

    @property
    def is_unit(self) -> bool:
        """Whether the domain is 0..1 in every channel."""
        return self == UNIT

    @property
    def fits_kernels(self) -> bool:
        """Whether float32 can hold the width of the domain and the points per unit, as the kernels need."""
        widths = [upper - lower for lower, upper in zip(self.lower, self.upper, strict=True)]
        return all(_NARROWEST <= width <= _WIDEST for width in widths)


_NARROWEST, _WIDEST = 1e-33, 3e38  # beyond these, 65535 points over the width, or the width, is infinite in float32
UNIT = Domain()
