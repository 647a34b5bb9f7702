"""`Selection`: some of the photographs of a source, chosen by their names."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sshbench.triplets.held_out import Part, in_part
from sshbench.triplets.source import Partners, Photo, SkippedImage, Source, SourceError, fingerprint_of


class Selection:
    """Some photographs of a source, in the order and with the row ids of the source.

    Parameters
    ----------
    part
        The part of the photographs to take.
    masked
        Whether photographs without a mask are left out.
    limit
        The number of photographs to take, spread over the source by a hash of their row ids; None takes all.

    Raises
    ------
    SourceError
        No photograph is selected, or the source is a stream, whose photographs cannot be listed.
    """

    streaming = False

    def __init__(self, source: Source, part: Part = "all", *, masked: bool = False, limit: int | None = None) -> None:
        if source.streaming:
            raise SourceError(
                "a stream cannot be listed, so no part of its photographs can be selected; leave --streaming out"
            )
        if limit is not None and limit < 1:
            raise SourceError(f"the limit must be at least 1 photograph, not {limit}")
        self.source, self._part = source, part
        rows = [i for i in range(len(source)) if in_part(source.row_id(i), part)]
        refused: list[SkippedImage] = []
        if masked:
            rows = [i for i in rows if _has_mask(source, i, refused)]
        if not rows and refused:
            raise SourceError(f"none of {len(refused)} masks can be used, the first because {refused[0]}")
        if not rows:
            with_masks = " with masks" if masked else ""
            raise SourceError(
                f"{source.description.get('spec', 'the source')}: none of its {len(source)} photographs{with_masks} is "
                f"in the part {part!r}, which depends on their names; give more photographs, or take --part all"
            )
        if limit is not None:
            order = Partners([source.row_id(i) for i in rows]).order
            rows = sorted(rows[k] for k in order[:limit])
        self._rows = rows
        said: dict[str, Any] = {"part": part, "masked": masked, "limit": limit}
        self.fingerprint = fingerprint_of([source.fingerprint, *map(str, said.values())])
        self.description = source.description | said | {"photographs": len(rows)}

    def __len__(self) -> int:
        return len(self._rows)

    def row_id(self, i: int) -> str:
        return self.source.row_id(self._rows[i])

    def index(self, row: str) -> int:
        place = bisect_left(self._rows, i := self.source.index(row))
        if place == len(self) or self._rows[place] != i:
            raise SourceError(f"{row} is not among the photographs that were selected")
        return place

    def read(self, i: int, short_side: int | None = None) -> NDArray[np.uint8]:
        return self.source.read(self._rows[i], short_side)

    def read_mask(self, i: int, short_side: int | None = None) -> NDArray[np.uint8] | None:
        return self.source.read_mask(self._rows[i], short_side)

    def photos(self, start: int = 0, stop: int | None = None) -> Iterator[Photo]:
        for i in self._rows[start:stop]:
            yield from self.source.photos(i, i + 1)


def _has_mask(source: Source, i: int, refused: list[SkippedImage]) -> bool:
    try:
        return source.read_mask(i) is not None
    except SkippedImage as skipped:
        refused.append(skipped)
        return False
