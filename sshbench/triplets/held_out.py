"""What training sees and what it is measured on: a tenth of the photographs and of the looks is held out.

The split is by name alone, so it is the same wherever a photograph or a look lies and whatever lies beside it.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from hashlib import sha256
from pathlib import PurePosixPath
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sshbench.lut.bank import LutBank
from sshbench.lut.table import LutError
from sshbench.triplets.source_files import IMAGES
from sshbench.triplets.sources import Photo, Source, SourceError, fingerprint_of

Part = Literal["train", "held-out", "all"]

_SUFFIXES = {*IMAGES, ".cube"}
_NUMBER = re.compile(r" \(\d+\)$")  # by which a bank tells looks of one name apart


def is_held_out(name: str) -> bool:
    """Whether the photograph or look of this name is in the held-out tenth.

    The first eight bytes of the SHA-256 of the name in UTF-8, as a big-endian number, are a multiple of ten.
    """
    digest = sha256(name.encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest[:8], "big") % 10 == 0


def bare_name(name: str) -> str:
    """What the split of a row id or a look goes by: its last part, without the suffix of an image or LUT file."""
    path = PurePosixPath(_NUMBER.sub("", name))
    return path.stem if path.suffix.lower() in _SUFFIXES else path.name


def in_part(name: str, part: Part) -> bool:
    """Whether the photograph with this row id, or the look of this name, belongs to a part."""
    return part == "all" or is_held_out(bare_name(name)) == (part == "held-out")


def bank_part(bank: LutBank, part: Part, where: str = "the bank") -> LutBank:
    """The looks of a bank that belong to a part.

    Raises
    ------
    LutError
        There are none; `where` says of what.
    """
    names = [name for name in bank.names if in_part(name, part)]
    if not names:
        raise LutError(f"{where}: none of the {len(bank)} looks is in the part {part!r}; give more looks, or take all")
    return bank if len(names) == len(bank) else bank.select(names)


class SourcePart:
    """The photographs of a source that belong to a part, in its order and under their row ids.

    Raises
    ------
    SourceError
        There are none, or the source is a stream, whose photographs cannot be listed.
    """

    streaming = False

    def __init__(self, source: Source, part: Part) -> None:
        if source.streaming:
            raise SourceError("a part needs photographs that can be listed; leave --streaming out, or take --part all")
        self.source, self.part = source, part
        rows = enumerate(map(source.row_id, range(len(source))))
        self._rows = [i for i, row in rows if in_part(row, part)]
        if not self._rows:
            raise SourceError(
                f"{source.description.get('spec', 'the source')}: none of its {len(source)} photographs is in the part "
                f"{part!r}, which goes by their names; give more photographs, or take --part all"
            )
        self.fingerprint = fingerprint_of([source.fingerprint, part])
        self.description: dict[str, Any] = source.description | {"part": part, "photographs": len(self._rows)}

    def __len__(self) -> int:
        return len(self._rows)

    def row_id(self, i: int) -> str:
        return self.source.row_id(self._rows[i])

    def index(self, row: str) -> int:
        place = bisect_left(self._rows, i := self.source.index(row))
        if place == len(self) or self._rows[place] != i:
            raise SourceError(f"{row} is not in the part {self.part!r}")
        return place

    def read(self, i: int, short_side: int | None = None) -> NDArray[np.uint8]:
        return self.source.read(self._rows[i], short_side)

    def read_mask(self, i: int, short_side: int | None = None) -> NDArray[np.uint8] | None:
        return self.source.read_mask(self._rows[i], short_side)

    def photos(self, start: int = 0, stop: int | None = None) -> Iterator[Photo]:
        wanted = self._rows[start:stop]
        for i in wanted:
            yield from self.source.photos(i, i + 1)
