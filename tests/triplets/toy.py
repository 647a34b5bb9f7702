"""A source of small made-up photographs, some of which cannot be used, and settings to match."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sshbench.lut.bank import LutBank
from sshbench.lut.table import Lut, identity_table
from sshbench.triplets.engine import plan
from sshbench.triplets.manifest import Run
from sshbench.triplets.settings import Settings
from sshbench.triplets.source import Photo, SkippedImage, SourceError

SMALL = Settings(crop=32, scale=(32, 40), overlap=(0.0, 1.0))


@dataclass
class ToySource:
    """Photographs `0.png`, `1.png` ...; those in `broken` cannot be used."""

    count: int = 10
    broken: tuple[int, ...] = ()
    streaming: bool = False
    description: dict[str, Any] = field(default_factory=lambda: {"kind": "toy"})

    @property
    def fingerprint(self) -> str:
        return f"toy {self.count}"

    def __len__(self) -> int:
        if self.streaming:
            raise SourceError("a stream has no length")
        return self.count

    def row_id(self, i: int) -> str:
        return f"{i}.png"

    def index(self, row: str) -> int:
        return int(row.removesuffix(".png"))

    def read(self, i: int, short_side: int | None = None) -> NDArray[np.uint8]:
        if i in self.broken:
            raise SkippedImage(self.row_id(i), "made to fail")
        seed = int.from_bytes(hashlib.blake2b(str(i).encode(), digest_size=4).digest())
        return np.random.default_rng(seed).integers(0, 256, (40, 60, 3), np.uint8)

    def read_mask(self, i: int, short_side: int | None = None) -> NDArray[np.uint8] | None:
        return None

    def photos(self, start: int = 0, stop: int | None = None) -> Iterator[Photo]:
        for i in range(start, min(self.count, self.count if stop is None else stop)):
            yield ToyPhoto(self, i)


@dataclass
class ToyPhoto:
    source: ToySource
    i: int

    @property
    def row(self) -> str:
        return self.source.row_id(self.i)

    def read(self, short_side: int | None = None) -> NDArray[np.uint8]:
        return self.source.read(self.i, short_side)

    def read_mask(self, short_side: int | None = None) -> NDArray[np.uint8] | None:
        return None


def toy_bank(count: int = 3) -> LutBank:
    """Powers of the identity."""
    luts = [Lut(values=identity_table(5) ** np.float32(1 + k / 4)) for k in range(count)]
    return LutBank.from_luts(luts, 5, [f"power {1 + k / 4}" for k in range(count)])


def toy_run(source: ToySource, bank: LutBank | None = None, settings: Settings = SMALL, **options: Any) -> Run:
    """A run of three triplets a shard."""
    options.setdefault("rows_per_shard", 3)
    return plan(settings, source, toy_bank() if bank is None else bank, **options)
