"""Photographs held in memory, as a source: what the tests of datasets and stores read from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sshbench.triplets.source import SkippedImage, SourceError

Pixels = NDArray[np.uint8]


@dataclass
class MemorySource:
    """`count` photographs of 80 x 60 pixels that differ from each other; those of `broken` cannot be used."""

    count: int
    broken: tuple[int, ...] = ()
    streaming: bool = False
    fingerprint: str = "memory"
    description: dict[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        if self.streaming:
            raise SourceError("a stream has no length")
        return self.count

    def row_id(self, i: int) -> str:
        if self.streaming:
            raise SourceError("rows come in order")
        return f"{i:04d}"

    def index(self, row: str) -> int:
        return int(row)

    def read(self, i: int, short_side: int | None = None) -> Pixels:
        if self.streaming:
            raise SourceError("rows come in order")
        return photo(i, self.broken)

    def read_mask(self, i: int, short_side: int | None = None) -> None:
        return None

    def photos(self, start: int = 0, stop: int | None = None) -> Iterator[MemoryPhoto]:
        for i in range(start, self.count if stop is None else min(stop, self.count)):
            yield MemoryPhoto(f"{i:04d}", self.broken)


@dataclass
class MemoryPhoto:
    row: str
    broken: tuple[int, ...]

    def read(self, short_side: int | None = None) -> Pixels:
        return photo(int(self.row), self.broken)

    def read_mask(self, short_side: int | None = None) -> None:
        return None


def photo(i: int, broken: tuple[int, ...] = ()) -> Pixels:
    if i in broken:
        raise SkippedImage(f"{i:04d}", "is broken")
    rng = np.random.default_rng(i)
    coarse = rng.integers(0, 256, (6, 8, 3), np.uint8)
    return np.ascontiguousarray(coarse.repeat(10, axis=0).repeat(10, axis=1))
