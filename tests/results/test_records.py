"""Files of records: what goes in comes out, and what is no such file is refused in a sentence."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pandas
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sshbench.results.records import (
    Journal,
    Record,
    RecordsError,
    read_records,
    read_records_file,
    records_file,
    write_records,
)

ONE = Record(
    id="vendor_testing_1/a/3",
    benchmark="realhm",
    method="dc",
    protocol="sshbench-v1",
    protocol_version="1",
    metrics={"psnr": 27.5, "mse": 115.625},
    attributes={"subset": "vendor_testing_1", "foreground_ratio": 0.25},
    seconds=0.125,
    peak_memory=10**9,
    prediction="predictions/dc/vendor_testing_1/a/3.png",
    input_hash="aa",
    prediction_hash="bb",
    method_hash="cc",
)
PERFECT = replace(ONE, id="x", metrics={"psnr": math.inf, "mse": 0.0})
FAILED = replace(ONE, id="y", metrics={}, failed="NaN", seconds=None, peak_memory=None, prediction="")
ALL = [ONE, PERFECT, FAILED]


def save(out: Path, records: list[Record]) -> Path:
    path = records_file(out, records[0].method, records[0].protocol)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_records(path, records)
    return path


def test_what_is_written_is_read(tmp_path: Path) -> None:
    save(tmp_path / "out", ALL)
    for path in (tmp_path, tmp_path / "out", tmp_path / "out/records"):
        assert read_records([path]) == ALL


def test_a_frame_has_a_column_a_metric_and_attribute(tmp_path: Path) -> None:
    table = pandas.read_parquet(save(tmp_path, ALL))
    assert table["psnr"].tolist()[:2] == [27.5, math.inf]
    assert math.isnan(table["psnr"][2])
    assert table["subset"].tolist() == ["vendor_testing_1"] * 3


def test_an_attribute_may_have_any_name(tmp_path: Path) -> None:
    odd = replace(ONE, attributes={"id": "other", "psnr": 3.0, "kind": "object"})
    save(tmp_path, [odd])
    assert read_records([tmp_path]) == [odd]


def test_the_same_records_twice_are_one(tmp_path: Path) -> None:
    save(tmp_path / "a", ALL)
    save(tmp_path / "b", ALL)
    assert read_records([tmp_path / "a", tmp_path / "b"]) == ALL


def test_records_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    save(tmp_path / "a", ALL)
    save(tmp_path / "b", [replace(ONE, metrics={"psnr": 28.0})])
    with pytest.raises(RecordsError, match="dc on vendor_testing_1/a/3 under sshbench-v1 differs"):
        read_records([tmp_path])


def test_a_missing_and_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(RecordsError, match="holds no records; make some with sshbench evaluate"):
        read_records([tmp_path])
    with pytest.raises(RecordsError, match="there is no such file or folder"):
        read_records([tmp_path / "none"])


@pytest.mark.parametrize("cut", [0, 10, -10])
def test_a_damaged_file(tmp_path: Path, cut: int) -> None:
    path = save(tmp_path, ALL)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(RecordsError, match="is damaged or no Parquet file"):
        read_records([tmp_path])


def test_another_parquet_file(tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": ["a"]}), tmp_path / "other.parquet")
    with pytest.raises(RecordsError, match="but not one of records"):
        read_records([tmp_path / "other.parquet"])


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [(b'"format":1', b'"format":2', "records of format 2"), (b'"format":1', b'"format":x', "is damaged")],
)
def test_what_the_file_says_of_itself_is_checked(tmp_path: Path, old: bytes, new: bytes, sentence: str) -> None:
    table = pq.read_table(save(tmp_path, ALL))
    meta = {key: value.replace(old, new) for key, value in table.schema.metadata.items()}
    pq.write_table(table.replace_schema_metadata(meta), tmp_path / "changed.parquet")
    with pytest.raises(RecordsError, match=sentence):
        read_records_file(tmp_path / "changed.parquet")


class TestJournal:
    def test_lines_join_the_file(self, tmp_path: Path) -> None:
        save(tmp_path, [ONE])
        Journal(tmp_path).append([PERFECT, FAILED])
        assert Journal(tmp_path).read("dc", "sshbench-v1") == ALL

    def test_the_latest_of_an_id_counts(self, tmp_path: Path) -> None:
        journal = Journal(tmp_path)
        journal.append([replace(ONE, metrics={}, failed="killed"), ONE])
        assert journal.read("dc", "sshbench-v1") == [ONE]

    @pytest.mark.parametrize("cut", range(1, 60, 7))
    def test_a_line_that_was_cut_short_is_lost_alone(self, tmp_path: Path, cut: int) -> None:
        journal = Journal(tmp_path)
        journal.append([ONE, PERFECT])
        path = records_file(tmp_path, "dc", "sshbench-v1").with_suffix(".jsonl")
        path.write_bytes(path.read_bytes()[:-cut])
        journal.append([FAILED])
        assert journal.read("dc", "sshbench-v1") == [ONE, FAILED]

    def test_when_finished_no_lines_are_left(self, tmp_path: Path) -> None:
        journal = Journal(tmp_path)
        journal.append([ONE])
        journal.finish("dc", "sshbench-v1", ALL, {})
        assert [path.suffix for path in (tmp_path / "records").iterdir()] == [".parquet"]
        assert journal.read("dc", "sshbench-v1") == ALL
