"""`Source`: a list of photographs, each with an id that does not change when photographs are added.

`sshbench.triplets.sources.open_source` opens a source by name. The modules `source_files`, `source_tables` and
`source_hub` implement the kinds of sources.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from sshbench.errors import SshbenchError
from sshbench.images.decode import decode_photo, shape_of
from sshbench.images.masks import as_8_bit, read_mask
from sshbench.images.opening import ImageFileError

SAMPLE = "sample"
"""The name of the photographs that ship with sshbench."""


class SourceError(SshbenchError):
    """A source cannot be opened or read; the message says what to do."""


class SkippedImage(Exception):
    """A photograph cannot be used; the message gives the reason. A run continues without the photograph."""

    def __init__(self, row: str, reason: str) -> None:
        self.row = row
        self.reason = reason
        super().__init__(row, reason)

    def __str__(self) -> str:
        return f"{self.row}: {self.reason}"


class SkippedWarning(RuntimeWarning):
    """A photograph was left out; the message gives the reason."""


class Photo(Protocol):
    """One row of a source, not decoded yet."""

    row: str

    def read(self, short_side: int | None = None) -> NDArray[np.uint8]:
        """Return the photograph as `Source.read` does."""
        ...

    def read_mask(self, short_side: int | None = None) -> NDArray[np.uint8] | None:
        """Return the mask as `Source.read_mask` does."""
        ...


@runtime_checkable
class Source(Protocol):
    """A list of photographs with ids. A source can be pickled; in another process, it opens its files again."""

    streaming: bool
    """Whether only `photos` can read rows, in order. `len`, `row_id`, `index` and `read` then raise SourceError."""
    fingerprint: str
    """A hash of the list of photographs: of their names and sizes, and not of their pixels."""
    description: dict[str, Any]
    """The kind, place, config, split, column, revision and licence, where known, for the manifest and the card."""

    def __len__(self) -> int:
        """Return the number of rows."""
        ...

    def row_id(self, i: int) -> str:
        """Return the id of row `i`: a path in the folder, `file:index` in table files, or `revision:split:index`."""
        ...

    def index(self, row: str) -> int:
        """Return the number of the row with the id `row`."""
        ...

    def read(self, i: int, short_side: int | None = None) -> NDArray[np.uint8]:
        """Return row `i` as uint8 `[H, W, 3]`, sRGB, upright.

        With `short_side`, a large image may be decoded at a reduced size, with at least this short side in pixels.

        Raises
        ------
        SkippedImage
            The row cannot be decoded, or is too small or too large.
        """
        ...

    def read_mask(self, i: int, short_side: int | None = None) -> NDArray[np.uint8] | None:
        """Return the mask of row `i`, uint8 `[h, w]`, 255 inside; None if the row has no mask."""
        ...

    def photos(self, start: int = 0, stop: int | None = None) -> Iterator[Photo]:
        """Yield the rows from `start` up to, but not including, `stop` (or the end), in order."""
        ...


class FileSource(ABC):
    """The base class of sources of encoded image files; a subclass returns the bytes of the files.

    Parameters
    ----------
    min_side, max_pixels
        The limits of `sshbench.triplets.sources.open_source`.
    """

    streaming = False
    fingerprint: str
    description: dict[str, Any]

    def __init__(self, min_side: int, max_pixels: int) -> None:
        self.min_side = min_side
        self.max_pixels = max_pixels

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def row_id(self, i: int) -> str: ...

    @abstractmethod
    def index(self, row: str) -> int: ...

    @abstractmethod
    def encoded(self, i: int) -> bytes:
        """Return the bytes of the image file of row `i`; raise SkippedImage or OSError if it cannot be read."""

    @abstractmethod
    def encoded_mask(self, i: int) -> bytes | None:
        """Return the bytes of the mask file of row `i`; None if the row has no mask."""

    def read(self, i: int, short_side: int | None = None) -> NDArray[np.uint8]:
        row = self.row_id(i)
        with skipping(row):
            return self.decoded(self.encoded(i), row, short_side)

    def read_mask(self, i: int, short_side: int | None = None) -> NDArray[np.uint8] | None:
        row = self.row_id(i)
        with skipping(row, "its mask "):
            mask = self.encoded_mask(i)
        return None if mask is None else self.decoded_mask(mask, row, lambda: self.encoded(i))

    def photos(self, start: int = 0, stop: int | None = None) -> Iterator[Photo]:
        for i in range(start, len(self) if stop is None else min(stop, len(self))):
            yield _Row(self, i)

    def decoded(self, data: bytes, row: str, short_side: int | None) -> NDArray[np.uint8]:
        """Return the decoded photograph, uint8 `[H, W, 3]`; raise SkippedImage outside the limits of this source."""
        with skipping(row):
            return decode_photo(data, row, short_side=short_side, min_side=self.min_side, max_pixels=self.max_pixels)

    def decoded_mask(self, data: bytes, row: str, photo: Callable[[], bytes]) -> NDArray[np.uint8]:
        """Return the decoded mask, uint8 `[h, w]`, with the aspect ratio and the orientation of its photograph.

        `photo` is a function that returns the bytes of the photograph.
        """
        with skipping(row):
            beside = shape_of(photo(), row)
        with skipping(row, "its mask "):
            return as_8_bit(read_mask(data, row, beside, max_pixels=self.max_pixels))


@contextmanager
def skipping(row: str, what: str = "") -> Iterator[None]:
    """Turn any error of the reading library about a row into `SkippedImage`.

    Parameters
    ----------
    what
        A text to put before the reason, such as the name of the part of the row that cannot be read.
    """
    try:
        yield
    except ImageFileError as error:
        raise SkippedImage(row, f"{what}{error.reason}") from error
    except (SkippedImage, SshbenchError, MemoryError):
        raise
    except Exception as error:  # storages and table formats raise their own classes of errors
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())[:200] or type(error).__name__
        raise SkippedImage(row, f"{what}cannot be read ({reason})") from error


class _Row:
    """A row of a source that can be read in any order."""

    def __init__(self, source: FileSource, i: int) -> None:
        self.source, self.i, self.row = source, i, source.row_id(i)

    def read(self, short_side: int | None = None) -> NDArray[np.uint8]:
        return self.source.read(self.i, short_side)

    def read_mask(self, short_side: int | None = None) -> NDArray[np.uint8] | None:
        return self.source.read_mask(self.i, short_side)


class Partners:
    """The photographs of a source on a ring, from which colour transfer takes the partner of a photograph.

    The ring is ordered by a hash of the row id. A photograph that is added to a source of N photographs becomes the
    partner in about one of N recipes; all other recipes keep their partners.
    """

    def __init__(self, rows: Sequence[str]) -> None:
        self.rows = rows
        places = [
            blake2b(row.encode("utf-8", "surrogateescape"), digest_size=8, person=b"sshbench ring").digest()
            for row in rows
        ]
        keys = np.frombuffer(b"".join(places), "<u8")
        self.order = np.argsort(keys, kind="stable")
        self.keys = keys[self.order]

    def of(self, seed: int, row: str) -> Iterator[str]:
        """Yield the row ids of the other photographs along the ring from `seed` (63 bits); never yield `row`."""
        first = int(np.searchsorted(self.keys, np.uint64(seed << 1)))
        for k in range(len(self.rows)):
            other = self.rows[self.order[(first + k) % len(self.rows)]]
            if other != row:
                yield other


def fingerprint_of(lines: Sequence[str]) -> str:
    """Return a hash of a list of rows."""
    whole = blake2b(digest_size=16)
    for line in lines:
        whole.update(line.encode("utf-8", "surrogateescape") + b"\0")
    return whole.hexdigest()
