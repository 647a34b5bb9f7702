"""Sources of photographs: the embedded sample, a folder, Parquet, Arrow or WebDataset files, a Hugging Face dataset."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from sshbench.errors import SshbenchError
from sshbench.triplets.decode import SkippedImage

__all__ = ["Partners", "Photo", "SkippedImage", "Source", "SourceError", "open_source"]


class SourceError(SshbenchError):
    """A source that cannot be opened, and the way out."""


class Photo(Protocol):
    """One row of a source, not decoded yet."""

    row: str

    def read(self, short_side: int | None = None) -> NDArray[np.uint8]:
        """As `Source.read`."""
        ...

    def read_mask(self, short_side: int | None = None) -> NDArray[np.uint8] | None:
        """As `Source.read_mask`."""
        ...


@runtime_checkable
class Source(Protocol):
    """Photographs with an id each. A source can be pickled, and opens its files again in the process it lands in."""

    streaming: bool
    """Whether rows come only in order, by `photos`; `len`, `row_id`, `index` and `read` then raise SourceError."""
    fingerprint: str
    """A hash that changes when the list of photographs changes (names, sizes, times; not the pixels)."""
    description: dict[str, Any]
    """Kind, place, config, split, column, revision, licence where known; for the manifest and the card."""

    def __len__(self) -> int:
        """Rows."""
        ...

    def row_id(self, i: int) -> str:
        """The id of row `i`: a path inside the folder, or `revision:split:index`."""
        ...

    def index(self, row: str) -> int:
        """The row with the id `row`."""
        ...

    def read(self, i: int, short_side: int | None = None) -> NDArray[np.uint8]:
        """Row `i` as `[H, W, 3]` uint8 sRGB, upright.

        With `short_side` a JPEG may be decoded at a smaller scale that keeps at least so many pixels on its short side.

        Raises
        ------
        SkippedImage
            The row cannot be decoded, or is too small or absurdly large.
        """
        ...

    def read_mask(self, i: int, short_side: int | None = None) -> NDArray[np.uint8] | None:
        """The mask of row `i`, `[h, w]` uint8, 255 inside; None where the source has no masks."""
        ...

    def photos(self, start: int = 0, stop: int | None = None) -> Iterator[Photo]:
        """Rows `start` to `stop` (or the end) in order, read ahead in whatever way is fastest."""
        ...


class Partners:
    """The photographs of a source on a ring, from which colour transfer takes the other photograph.

    The ring is ordered by a hash of the row id. A photograph that is added to the source becomes the partner of about
    one recipe in as many as there are photographs, and changes no other.
    """

    def __init__(self, rows: Sequence[str]) -> None:
        raise NotImplementedError

    def of(self, seed: int, row: str) -> Iterator[str]:
        """The other photographs, from the one next to `seed` on the ring on; never `row` itself."""
        raise NotImplementedError


def open_source(
    spec: str,
    *,
    config: str | None = None,
    split: str | None = None,
    column: str | None = None,
    revision: str | None = None,
    streaming: bool = False,
    masks: str | None = None,
    min_side: int = 224,
    max_pixels: int = 178_956_970,
) -> Source:
    """Open `sample`, a folder, a Parquet, Arrow or WebDataset path (or glob), or a Hugging Face dataset id.

    Parameters
    ----------
    config, split, column, revision, streaming
        Of a dataset; the split defaults to `train` or the only one, the column to the only one that holds images.
    masks
        A folder whose files have the photographs' names (with any suffix), or a column of the dataset.
    min_side
        Photographs with a smaller short side are skipped.
    max_pixels
        Photographs with more pixels are skipped.

    Raises
    ------
    SourceError
        Nothing of that name is there, it holds no photographs, the column is not in it, or the hub cannot be reached.
    """
    raise NotImplementedError
