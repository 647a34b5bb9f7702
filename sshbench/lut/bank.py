"""`LutBank`: many LUTs, resampled to one size and stacked, so that one call gives each image its own LUT."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sshbench.errors import counted, suggestion
from sshbench.folders import data_folder
from sshbench.lut.arrays import through
from sshbench.lut.files import find_luts, read_lut
from sshbench.lut.kernels.cpu import PackedLuts
from sshbench.lut.table import MAX_SIZE_3D, UNIT, Lut, LutError, brief, check_size, frozen, identity_table

if TYPE_CHECKING:
    import torch

_AT_ONCE = 1 << 20  # colours that are computed at once; all colours of a large table would fill the memory


@dataclass(frozen=True, eq=False, repr=False)
class LutBank:
    """K LUTs over 0..1 with tables of one size, so that one call gives each image of a batch its own LUT.

    Make a bank with `from_folder`, `from_luts` or `of_looks`. `bank[k]` and `bank["name"]` are single LUTs.

    Parameters
    ----------
    values
        The tables, float32 `[K, B, G, R, 3]`.
    names
        K different names.
    errors
        For each LUT, the largest difference that was found to its original before resampling; 0.0 for a copy.

    Raises
    ------
    LutError
        The shape is wrong, there are not K names and K errors, or a name repeats.

    Examples
    --------
    >>> import numpy as np
    >>> from sshbench import LutBank, apply_lut
    >>> bank = LutBank.of_looks()
    >>> bank
    <LutBank of 100 LUTs, 17^3 points: 'amber-and-ink', 'arctic-light', 'autochrome', ...>
    >>> images = np.full((2, 8, 8, 3), 100, np.uint8)
    >>> apply_lut(images, bank, ["golden-hour", "autochrome"]).shape
    (2, 8, 8, 3)
    """

    values: NDArray[np.float32]
    names: tuple[str, ...]
    errors: tuple[float, ...]
    _tensors: dict[str, Any] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", frozen(self.values, "bank"))
        if self.values.ndim != 5 or len({*self.values.shape[1:4]}) != 1 or self.values.shape[4] != 3:
            raise LutError(f"a bank has shape [K, N, N, N, 3], not {list(self.values.shape)}")
        if not len(self.values) == len(self.names) == len(self.errors):
            raise LutError("a bank needs one name and one error for each LUT")
        if len(set(self.names)) != len(self.names):
            repeated = sorted({n for n in self.names if self.names.count(n) > 1})
            raise LutError(f"LUT names in a bank differ from each other; repeated: {', '.join(repeated)}")

    @classmethod
    def from_luts(cls, luts: Sequence[Lut], size: int = 33, names: Sequence[str] | None = None) -> LutBank:
        """Resample `luts` of any size, domain and kind to `size` points on each axis over 0..1, and stack them.

        Names default to the titles, and then to the file names; repeated names get a number.
        """
        if not luts:
            raise LutError("a bank needs at least one LUT")
        resampled = [resample(lut, size) for lut in luts]
        if names is None:
            names = _distinct([lut.title or Path(lut.source).stem or f"lut {i}" for i, lut in enumerate(luts)])
        return cls(np.stack([values for values, _ in resampled]), tuple(names), tuple(error for _, error in resampled))

    @classmethod
    def from_folder(cls, folder: str | Path, size: int = 33) -> LutBank:
        """Read every LUT file below `folder`; the names are the paths within the folder without their suffix."""
        folder = Path(folder)
        paths = find_luts(folder)
        if not paths:
            raise LutError(f"{folder}: contains no .cube file or Hald image")
        names = _distinct([path.relative_to(folder).with_suffix("").as_posix() for path in paths])
        return cls.from_luts([read_lut(path) for path in paths], size, names)

    @classmethod
    def joined(cls, banks: Sequence[LutBank]) -> LutBank:
        """Return a bank with the LUTs of several banks, resampled to the largest size; repeated names get a number."""
        if len(banks) == 1:
            return banks[0]
        size = max(bank.size for bank in banks)
        names = _distinct([name for bank in banks for name in bank.names])
        joined = cls.from_luts([bank[k] for bank in banks for k in range(len(bank))], size, names)
        errors = [a + b for a, b in zip(joined.errors, (e for bank in banks for e in bank.errors), strict=True)]
        return cls(joined.values, joined.names, tuple(errors))

    @classmethod
    def of_looks(cls, size: int = 17) -> LutBank:
        """Read the looks that ship with sshbench; the names are those of the looks, such as `"golden-hour"`."""
        return cls.from_folder(data_folder("luts"), size)

    def __repr__(self) -> str:
        few = ", ".join(brief(name, 20) for name in self.names[:3])
        return (
            f"<LutBank of {counted(len(self), 'LUT')}, {self.size}^3 points: {few}{', ...' if len(self) > 3 else ''}>"
        )

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, which: int | str) -> Lut:
        k = self.position(which) if isinstance(which, str) else range(len(self))[which]
        return Lut(values=self.values[k], title=self.names[k])

    @property
    def size(self) -> int:
        """The number of points on each axis."""
        return int(self.values.shape[1])

    def position(self, name: str) -> int:
        """Return the index of the LUT called `name`."""
        if name not in self.names:
            raise LutError(f"no LUT called {name!r} in this bank{suggestion(name, self.names)}")
        return self.names.index(name)

    def select(self, which: Sequence[int | str]) -> LutBank:
        """Return the bank of these LUTs, in this order."""
        rows = [self.position(w) if isinstance(w, str) else range(len(self))[w] for w in which]
        pick = [(self.names[k], self.errors[k]) for k in rows]
        return LutBank(self.values[rows], tuple(n for n, _ in pick), tuple(e for _, e in pick))

    def draw(
        self,
        rng: np.random.Generator,
        count: int,
        *,
        weights: Sequence[float] | None = None,
        distinct: int = 1,
    ) -> NDArray[np.int32]:
        """Draw LUT numbers: `[count]`, or `[count, distinct]` with different LUTs in each row if `distinct` > 1.

        Parameters
        ----------
        weights
            How often each of the K LUTs is drawn, relative to the others; None draws all equally often.
        """
        chances = None
        if weights is not None:
            chances = np.asarray(weights, np.float64)
            if chances.shape != (len(self),) or not np.isfinite(chances).all() or (chances < 0).any():
                raise LutError(f"weights must have one number of at least 0 for each LUT ({len(self)})")
            if np.count_nonzero(chances) < distinct:
                raise LutError(f"{distinct} different LUTs need as many weights above 0")
            chances = chances / chances.sum()
        elif distinct > len(self):
            raise LutError(f"{distinct} different LUTs cannot come from a bank of {len(self)}")
        if distinct == 1:
            return rng.choice(len(self), count, p=chances).astype(np.int32)
        # The largest of log-weights with Gumbel noise are a weighted draw without replacement (Vieira 2014).
        with np.errstate(divide="ignore"):
            logs = np.zeros(len(self)) if chances is None else np.log(chances)
        keys = logs + rng.gumbel(size=(count, len(self)))
        return np.argsort(-keys, axis=1)[:, :distinct].astype(np.int32)

    @cached_property
    def packed(self) -> PackedLuts:
        """The tables in the form that the CPU kernels read."""
        return PackedLuts(self.values, None, UNIT, UNIT)

    def tensor(self, device: torch.device | str = "cpu") -> torch.Tensor:
        """Return the tables `[K, B, G, R, 3]` on `device`; the copy is cached."""
        import torch

        key = str(device)
        if key not in self._tensors:
            self._tensors[key] = torch.from_numpy(self.values.copy()).to(device)
        tensor: torch.Tensor = self._tensors[key]
        return tensor

    def to(self, device: torch.device | str) -> LutBank:
        """Copy the tables to `device` now rather than at their first use there."""
        self.tensor(device)
        return self


def resample(lut: Lut, size: int) -> tuple[NDArray[np.float32], float]:
    """Convert a LUT of any kind to a 3D table with `size` points on each axis over 0..1.

    Returns
    -------
    The table `[B, G, R, 3]`, and the largest difference between it and `lut`, over the points of both tables and 2^15
    random points.
    """
    check_size(size, MAX_SIZE_3D, "3D table")
    if lut.kind == "3d" and lut.size == size and lut.domain == UNIT:
        assert lut.values is not None
        return lut.values, 0.0

    values = through(lut, identity_table(size))
    result = Lut(values=values)
    return values, max(float(np.abs(through(lut, p) - through(result, p)).max(initial=0.0)) for p in _probes(lut))


def _probes(lut: Lut) -> Iterator[NDArray[np.float32]]:
    """Yield colours `[N, 3]`, in parts of limited size, at which to compare a LUT with its resampled table."""
    yield np.random.default_rng(0).random((1 << 15, 3), np.float32)
    if lut.values is not None:
        nodes = identity_table(lut.size, lut.domain).reshape(-1, 3)
        for start in range(0, len(nodes), _AT_ONCE):
            part = nodes[start : start + _AT_ONCE]
            yield part[((part >= 0) & (part <= 1)).all(axis=1)]


def _distinct(names: Sequence[str]) -> list[str]:
    out: list[str] = []
    taken: set[str] = set()
    for name in names:
        unique, n = name, 1
        while unique in taken:
            n += 1
            unique = f"{name} ({n})"
        taken.add(unique)
        out.append(unique)
    return out
