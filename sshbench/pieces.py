"""Find rows by their number in a sequence of pieces, such as the files of a table or the row groups of a file."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from itertools import accumulate
from typing import Any


class Pieces:
    """The positions of rows in a sequence of pieces.

    Parameters
    ----------
    counts
        The number of rows in each piece, in order.
    """

    def __init__(self, counts: Iterable[int]) -> None:
        self.ends = list(accumulate(counts))

    @classmethod
    def of_groups(cls, metadata: Any) -> Pieces:
        """Return the row groups of a Parquet file as pieces, from the file's metadata as pyarrow read them."""
        return cls(metadata.row_group(group).num_rows for group in range(metadata.num_row_groups))

    def __len__(self) -> int:
        return self.ends[-1] if self.ends else 0

    def start(self, piece: int) -> int:
        """Return the number of the first row of a piece."""
        return self.ends[piece - 1] if piece else 0

    def find(self, row: int) -> tuple[int, int]:
        """Return the index of the piece that contains a row, and the number of the row within the piece.

        Raises
        ------
        IndexError
            There is no such row; rows are counted from 0.
        """
        if not 0 <= row < len(self):
            raise IndexError(row)
        piece = bisect_right(self.ends, row)
        return piece, row - self.start(piece)
