"""`CachedSource`: decoded photographs in memory, so that reading them again costs no training time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sshbench.triplets.source import Photo, Source

Pixels = NDArray[np.uint8]


class CachedSource:
    """A source that keeps each photograph in memory after the first read, up to a limit.

    Parameters
    ----------
    short_side
        The short side to which photographs are resized before they are kept (Pillow's antialiased bicubic filter);
        smaller ones keep their size. Readers must ask for this short side.
    limit
        The number of bytes to keep in each process, masks included.
    """

    streaming = False

    def __init__(self, source: Source, short_side: int, limit: int) -> None:
        self.source, self.short_side, self.limit = source, short_side, limit
        self.fingerprint, self.description = source.fingerprint, source.description
        self._kept: dict[tuple[int, str], Pixels | None] = {}
        self._free = limit

    def __len__(self) -> int:
        return len(self.source)

    def row_id(self, i: int) -> str:
        return self.source.row_id(i)

    def index(self, row: str) -> int:
        return self.source.index(row)

    def read(self, i: int, short_side: int | None = None) -> Pixels:
        if short_side is None or short_side > self.short_side:
            return self.source.read(i, short_side)
        kept = self._kept.get((i, "photo"))
        return self._keep((i, "photo"), self._small(self.source.read(i, self.short_side))) if kept is None else kept

    def read_mask(self, i: int, short_side: int | None = None) -> Pixels | None:
        if (i, "mask") in self._kept:
            return self._kept[i, "mask"]
        mask = self.source.read_mask(i, short_side)
        return self._keep((i, "mask"), mask) if mask is not None else None

    def photos(self, start: int = 0, stop: int | None = None) -> Iterator[Photo]:
        return self.source.photos(start, stop)

    def __getstate__(self) -> dict[str, Any]:
        # Each process has its own cache, so the cached photographs are not pickled.
        return self.__dict__ | {"_kept": {}, "_free": self.limit}

    def _keep(self, key: tuple[int, str], pixels: Pixels) -> Pixels:
        if pixels.nbytes <= self._free:
            self._kept[key] = pixels
            self._free -= pixels.nbytes
        return pixels

    def _small(self, photo: Pixels) -> Pixels:
        height, width = photo.shape[:2]
        if min(height, width) <= self.short_side:
            return photo
        scale = self.short_side / min(height, width)
        size = (round(width * scale), round(height * scale))
        return np.asarray(Image.fromarray(photo).resize(size, Image.Resampling.BICUBIC))
