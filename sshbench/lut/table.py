"""`Lut`: one colour look-up table as an immutable value, independent of the file that it came from."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from sshbench.errors import LutError
from sshbench.lut.domain import UNIT, Domain
from sshbench.lut.kernels.cpu import PackedLuts

if TYPE_CHECKING:
    import torch

__all__ = [
    "MAX_SIZE_1D", "MAX_SIZE_3D", "MIN_SIZE", "UNIT", "Domain", "Lut", "LutError", "brief", "check_size", "frozen",
    "identity_table", "rising",
]  # fmt: skip

Kind = Literal["1d", "3d", "shaper+3d"]

MIN_SIZE = 2
MAX_SIZE_3D = 256
MAX_SIZE_1D = 65536


@dataclass(frozen=True, eq=False, repr=False)
class Lut:
    """One lookup table: 1D curves (the shaper), a 3D table, or a shaper followed by a table.

    A `Lut` is immutable and independent of the file that it came from. `sshbench.apply_lut` applies it.

    Parameters
    ----------
    values
        The 3D table, float32 `[B, G, R, 3]` with red varying fastest, as in a `.cube` file; None for a 1D LUT.
    shaper_values
        The 1D curves, float32 `[S, 3]`, one column for each channel; None if there are none.
    domain, shaper_domain
        The input range of the table and of the shaper.
    title, source, metadata
        The title in the file, the path of the file, and keywords of the file that have no meaning here.

    Raises
    ------
    LutError
        There is neither a table nor a shaper, a shape or size is wrong (2 to 256 points along an axis of a 3D table, 2
        to 65536 points of a shaper), or there are NaN or infinities.

    Examples
    --------
    >>> from sshbench import Lut
    >>> lut = Lut.identity(17)
    >>> lut
    <Lut 'identity' 3d, 17^3 points>
    >>> lut.values.shape, lut.values[0, 0, 16].tolist()  # pure red
    ((17, 17, 17, 3), [1.0, 0.0, 0.0])
    """

    values: NDArray[np.float32] | None = None
    shaper_values: NDArray[np.float32] | None = None
    domain: Domain = UNIT
    shaper_domain: Domain = UNIT
    title: str = ""
    source: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    _tensors: dict[str, tuple[torch.Tensor | None, torch.Tensor | None]] = field(
        default_factory=dict, init=False, repr=False
    )

    def __post_init__(self) -> None:
        if self.values is None and self.shaper_values is None:
            raise LutError("a LUT needs a table, a shaper or both")
        if self.values is not None:
            values = frozen(self.values, "table")
            size = values.shape[0]
            if values.shape != (size, size, size, 3):
                raise LutError(f"a 3D table has shape [N, N, N, 3], not {list(values.shape)}")
            check_size(size, MAX_SIZE_3D, "3D table")
            object.__setattr__(self, "values", values)
        if self.shaper_values is not None:
            shaper = frozen(self.shaper_values, "shaper")
            if shaper.ndim != 2 or shaper.shape[1] != 3:
                raise LutError(f"a shaper has shape [S, 3], not {list(shaper.shape)}")
            check_size(shaper.shape[0], MAX_SIZE_1D, "shaper")
            object.__setattr__(self, "shaper_values", shaper)

    def __repr__(self) -> str:
        name = self.title or os.path.basename(self.source)
        shaper = "" if self.shaper_values is None else f"{len(self.shaper_values)} points"
        table = "" if self.values is None else f"{self.size}^3 points"
        return f"<Lut {brief(name)} {self.kind}, {' and '.join(filter(None, (shaper, table)))}>"

    @property
    def kind(self) -> Kind:
        """`"1d"`, `"3d"` or `"shaper+3d"`."""
        if self.values is None:
            return "1d"
        return "3d" if self.shaper_values is None else "shaper+3d"

    @property
    def size(self) -> int:
        """The number of points on each axis of the 3D table, or of the shaper of a 1D LUT."""
        stage = self.values if self.values is not None else self.shaper_values
        assert stage is not None
        return int(stage.shape[0])

    @property
    def table(self) -> torch.Tensor | None:
        """The 3D table as a float32 CPU tensor `[B, G, R, 3]`; None for a 1D LUT."""
        return self.tensors()[0]

    @property
    def shaper(self) -> torch.Tensor | None:
        """The 1D curves as a float32 CPU tensor `[S, 3]`; None if there are none."""
        return self.tensors()[1]

    def tensors(self, device: torch.device | str = "cpu") -> tuple[torch.Tensor | None, torch.Tensor | None]:
        """Return the table and the shaper on `device`; the copies are cached."""
        # This is not a cached_property, because torch.compile cannot trace the lock of Python 3.11's version.
        key = str(device)
        if key not in self._tensors:
            import torch

            stages = (self.values, self.shaper_values)
            table, shaper = (None if s is None else torch.from_numpy(s.copy()).to(device) for s in stages)
            self._tensors[key] = table, shaper
        return self._tensors[key]

    @cached_property
    def packed(self) -> PackedLuts:
        """The LUT in the form that the CPU kernels read."""
        values = None if self.values is None else self.values[None]
        shaper = None if self.shaper_values is None else self.shaper_values[None]
        return PackedLuts(values, shaper, self.domain, self.shaper_domain)

    @classmethod
    def identity(cls, size: int = 33) -> Lut:
        """Return the 3D LUT that changes nothing, with `size` points on each axis over 0..1."""
        return cls(values=identity_table(size), title="identity")


def brief(name: str, width: int = 40) -> str:
    """Return a name in quotes, shortened, on one line."""
    return repr(name if len(name) <= width else f"{name[: width - 3]}...")


def identity_table(size: int, domain: Domain = UNIT) -> NDArray[np.float32]:
    """Return the grid points of a 3D table, float32 `[B, G, R, 3]`, which map each point of `domain` to itself."""
    red, green, blue = (np.linspace(lo, up, size) for lo, up in zip(domain.lower, domain.upper, strict=True))
    table = np.empty((size, size, size, 3), np.float32)
    table[..., 0], table[..., 1], table[..., 2] = red, green[:, None], blue[:, None, None]
    return table


def rising(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a table `[B, G, R, 3]` in which no channel falls as its own input rises.

    The result is the mean of two repairs of a falling channel: the largest value so far, and the smallest value that
    follows.
    """
    values = values.copy()
    for axis, channel in ((0, 2), (1, 1), (2, 0)):
        along = np.moveaxis(values[..., channel], axis, 0)
        highest, lowest = np.maximum.accumulate(along), np.minimum.accumulate(along[::-1])[::-1]
        values[..., channel] = np.moveaxis((highest + lowest) / 2, 0, axis)
    return values


def frozen(array: Any, what: str) -> NDArray[np.float32]:
    """Return a read-only float32 array in C order, copied if anyone could write to it.

    Raises
    ------
    LutError
        The array does not hold numbers, has a NaN or an infinity, or has integers above 1, whose white is unknown.
    """
    if hasattr(array, "detach"):
        if str(array.layout) != "torch.strided" or array.device.type == "meta":
            raise LutError(f"the {what} is a tensor without dense values; give a dense one")
        exact = array.detach().cpu().resolve_neg()
        array = (exact.float() if exact.is_floating_point() and exact.element_size() < 4 else exact).numpy()
    if isinstance(array, np.ma.MaskedArray) and np.ma.is_masked(array):
        raise LutError(f"the {what} has masked values; fill them first")
    if isinstance(array, np.ndarray) and array.dtype.kind in "iu" and array.size and array.max() > 1:
        raise LutError(f"the {what} is {array.dtype.name} up to {array.max()}; give floats in which 1 is white")
    try:
        numbers = np.asarray(array)
        if numbers.dtype.kind not in "fiubO":
            raise TypeError(f"of real numbers, not of {numbers.dtype}")
        with np.errstate(over="ignore"):  # values beyond float32 become infinite, and are refused below
            out = np.asarray(numbers, dtype=np.float32, order="C")
    except (TypeError, ValueError) as error:
        raise LutError(f"the {what} is an array of numbers ({error})") from error
    if _can_be_written(out):
        out = out.copy()
    if not np.isfinite(out).all():
        raise LutError(f"the {what} holds NaN or infinities")
    out.flags.writeable = False
    return out


def _can_be_written(array: NDArray[Any]) -> bool:
    """Return whether a caller who keeps using the array, or the array that it is a view of, could write to it."""
    owner: Any = array
    while isinstance(owner, np.ndarray):
        if owner.flags.writeable:
            return True
        owner = owner.base
    return owner is not None and not isinstance(owner, bytes)


def check_size(size: int, largest: int, what: str) -> None:
    """Refuse a number of points on an axis that no LUT has."""
    if isinstance(size, bool) or not isinstance(size, int | np.integer):
        raise LutError(f"the size of a {what} is a whole number of points per axis, not {size!r}")
    if not MIN_SIZE <= size <= largest:
        raise LutError(f"a {what} has {MIN_SIZE} to {largest} points per axis, not {size}")
