"""Rows by their number among pieces."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sshbench.pieces import Pieces


def test_every_row_is_found_in_its_piece_also_behind_empty_ones():
    pieces = Pieces([2, 0, 3, 0])
    assert len(pieces) == 5
    assert [pieces.find(row) for row in range(5)] == [(0, 0), (0, 1), (2, 0), (2, 1), (2, 2)]
    assert [pieces.start(piece) for piece in range(4)] == [0, 2, 2, 5]


@pytest.mark.parametrize("row", [-1, 5])
def test_a_row_that_is_not_there_is_an_index_error(row: int):
    with pytest.raises(IndexError):
        Pieces([2, 3]).find(row)


def test_no_pieces_have_no_rows():
    assert len(Pieces([])) == 0


def test_row_groups_of_a_parquet_file_are_pieces(tmp_path):
    pq.write_table(pa.table({"a": range(10)}), tmp_path / "a.parquet", row_group_size=4)
    pieces = Pieces.of_groups(pq.read_metadata(tmp_path / "a.parquet"))
    assert pieces.ends == [4, 8, 10]
    assert pieces.find(9) == (2, 1)
