"""Files of records: what goes in comes out, and what is no such file is refused in a sentence."""

from __future__ import annotations

import json
import math
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pandas
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from sshbench.cli.leaderboard import leaderboard
from sshbench.cli.report import report
from sshbench.results import records
from sshbench.results.folder import check_output, records_file
from sshbench.results.journal import Journal
from sshbench.results.records import (
    Record,
    RecordsError,
    read_records,
    read_records_file,
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
        assert read_records([path]) == read_records(path) == read_records(str(path)) == ALL


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
    with pytest.raises(RecordsError, match="contains no records; make records with sshbench evaluate"):
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


def test_a_file_that_says_another_number_of_records_than_it_holds(tmp_path: Path) -> None:
    path = save(tmp_path, ALL)
    data, said = path.read_bytes(), b"\x16\x06\x19"  # num_rows = 3 in Thrift's compact protocol, then the row groups
    footer = data.index(b"schema")
    path.write_bytes(data[:footer] + data[footer:].replace(said, b"\x16\x0a\x19", 1))
    with pytest.raises(RecordsError, match="says that it has 5 records and holds another number"):
        read_records_file(path)


class TestJournal:
    def test_seconds_may_be_a_whole_number(self, tmp_path: Path) -> None:
        journal = Journal(tmp_path)
        journal.append([replace(ONE, seconds=2**63 - 1)])
        journal.finish("dc", "sshbench-v1", journal.read("dc", "sshbench-v1"), {})
        assert [record.seconds for record in read_records([tmp_path])] == [2.0**63]

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

    def test_two_runs_at_once_keep_the_records_of_both(self, tmp_path: Path) -> None:
        longer, shorter = Journal(tmp_path), Journal(tmp_path)
        longer.append([ONE])
        shorter.append([PERFECT])
        shorter.finish("dc", "sshbench-v1", [PERFECT], {}, also=lambda record: True)
        longer.append([FAILED])
        longer.finish("dc", "sshbench-v1", [ONE, FAILED], {}, also=lambda record: True, order=lambda record: record.id)
        assert sorted(Journal(tmp_path).read("dc", "sshbench-v1"), key=repr) == sorted(ALL, key=repr)
        assert read_records([tmp_path]) == sorted(ALL, key=lambda record: record.id)

    def test_of_two_records_of_an_image_the_one_that_did_not_fail_stays(self, tmp_path: Path) -> None:
        journal = Journal(tmp_path)
        for first, second in ((ONE, replace(ONE, metrics={}, failed="x")), (replace(ONE, metrics={}, failed="x"), ONE)):
            journal.drop("dc", "sshbench-v1")
            journal.append([first])
            journal.finish("dc", "sshbench-v1", [second], {}, also=lambda record: True)
            assert read_records([tmp_path]) == [ONE]

    def test_what_does_not_belong_into_the_file_is_dropped(self, tmp_path: Path) -> None:
        journal = Journal(tmp_path)
        journal.append([replace(ONE, method_hash="old"), PERFECT])
        journal.finish("dc", "sshbench-v1", [FAILED], {}, also=lambda record: record.method_hash == "cc")
        assert read_records([tmp_path]) == [PERFECT, FAILED]

    def test_a_run_without_lines_of_its_own_is_finished_too(self, tmp_path: Path) -> None:
        Journal(tmp_path).finish("dc", "sshbench-v1", [ONE], {})
        assert read_records([tmp_path]) == [ONE]

    def test_dropped_records_are_gone_and_others_stay(self, tmp_path: Path) -> None:
        save(tmp_path, [ONE])
        journal = Journal(tmp_path)
        journal.append([PERFECT, replace(ONE, method="other")])
        for _ in range(2):
            journal.drop("dc", "sshbench-v1")
            assert journal.read("dc", "sshbench-v1") == []
        assert len(journal.read("other", "sshbench-v1")) == 1

    def test_many_processes_lose_no_line(self, tmp_path: Path) -> None:
        def work(number: int) -> None:
            journal = Journal(tmp_path)
            for i in range(20):
                journal.append([replace(ONE, id=f"{number}/{i}")])
                if i % 5 == number:
                    journal.finish("dc", "sshbench-v1", [], {}, also=lambda record: True)

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(work, range(4)))
        assert {record.id for record in Journal(tmp_path).read("dc", "sshbench-v1")} == {
            f"{number}/{i}" for number in range(4) for i in range(20)
        }

    @pytest.mark.parametrize(
        "line",
        [b"[]", b"3", b'"x"', b"{", b"{}", b"\xff", b"[" * 100_000, b'{"id": 3}', b"null", b'{"nothing": 1}'],
    )
    def test_a_line_that_is_no_record_is_passed_over(self, tmp_path: Path, line: bytes) -> None:
        journal = Journal(tmp_path)
        journal.append([ONE])
        path = records_file(tmp_path, "dc", "sshbench-v1").with_suffix(".jsonl")
        path.write_bytes(line + b"\n" + path.read_bytes() + b"\n" + line)
        assert journal.read("dc", "sshbench-v1") == [ONE]

    @pytest.mark.parametrize(
        "odd",
        [{"id": 3}, {"metrics": {"psnr": "x"}}, {"metrics": []}, {"attributes": {"a": []}}, {"seconds": "x"},
         {"sees_target": 1}, {"failed": 3}, {"method": "../../evil"}, {"protocol": "other"}, {"peak_memory": 1.5},
         {"peak_memory": 2**70}, {"metrics": {"psnr": 10**400}}, {"metrics": {"psnr": True}},
         {"metrics": {"psnr": 1e308}}, {"metrics": {"\ud800": 1.0}}],
    )  # fmt: skip
    def test_a_record_of_other_types_or_of_another_method_is_passed_over(self, tmp_path: Path, odd: dict) -> None:
        journal = Journal(tmp_path)
        journal.append([ONE])
        path = records_file(tmp_path, "dc", "sshbench-v1").with_suffix(".jsonl")
        with open(path, "ab") as file:
            file.write(b"\n" + json.dumps(asdict(PERFECT) | odd).encode())
        assert journal.read("dc", "sshbench-v1") == [ONE]


class TestForeign:
    """Files of records that somebody else made."""

    def test_attributes_of_any_names_and_values(self, tmp_path: Path) -> None:
        attributes = {"id": "x", "attribute_id": 3.0, "attribute_attribute_id": "y", "": "z", "psnr": "p", "a\nb": 1.0}
        mixed = {"kind": 1.0, "huge": 10**400, "yes": True}
        records = [replace(ONE, attributes=attributes | mixed), replace(PERFECT, attributes={"kind": "text"})]
        save(tmp_path, records)
        first, second = read_records([tmp_path])
        assert first.attributes == attributes | {"kind": "1.0", "huge": str(10**400), "yes": 1.0}
        assert second.attributes == {"kind": "text"}

    def test_texts_that_are_not_utf_8_are_kept_as_escapes(self, tmp_path: Path) -> None:
        save(tmp_path, [replace(ONE, id="a\udcff", attributes={"b": "\ud800", "\ud800": "c"})])
        (record,) = read_records([tmp_path])
        assert (record.id, record.attributes) == ("a\\udcff", {"b": "\\ud800", "\\ud800": "c"})

    def test_a_column_of_another_type_is_a_sentence(self, tmp_path: Path) -> None:
        table = pq.read_table(save(tmp_path, ALL))
        for name, values in (
            ("id", [1, 2, 3]),
            ("seconds", ["a", "b", "c"]),
            ("psnr", ["a", "b", "c"]),
            ("failed", [1, 2, 3]),
        ):
            place = table.column_names.index(name)
            pq.write_table(table.set_column(place, name, pa.array(values)), tmp_path / "odd.parquet")
            with pytest.raises(RecordsError, match=r"odd\.parquet holds a record whose"):
                read_records_file(tmp_path / "odd.parquet")

    def test_what_is_missing_is_a_sentence(self, tmp_path: Path) -> None:
        table = pq.read_table(save(tmp_path, ALL))
        place = table.column_names.index("id")
        pq.write_table(table.set_column(place, "id", pa.array(["a", None, "c"])), tmp_path / "odd.parquet")
        with pytest.raises(RecordsError, match="holds a record whose id is 'None'"):
            read_records_file(tmp_path / "odd.parquet")

    def test_a_small_file_of_one_long_text_many_times_fills_no_memory(self, tmp_path: Path) -> None:
        long = replace(ONE, failed="x" * 100_000, metrics={})
        save(tmp_path, [replace(long, id=str(number)) for number in range(2000)])
        assert len({id(record.failed) for record in read_records([tmp_path])}) == 1

    def test_a_file_that_says_too_much_is_refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(records, "MOST_ROWS", 2)
        with pytest.raises(RecordsError, match="says that it has 3 records; the most that are read are 2"):
            read_records_file(save(tmp_path, ALL))

    def test_a_pipe_is_no_file_of_records(self, tmp_path: Path) -> None:
        (tmp_path / "records").mkdir()
        os.mkfifo(tmp_path / "records/dc-sshbench-v1.parquet")
        with pytest.raises(RecordsError, match="there is no such file of records"):
            read_records([tmp_path])

    @pytest.mark.parametrize("value", [math.inf, -math.inf, 1e100, -1e100, 0.0, 3])
    def test_metrics_that_are_scores(self, value: float) -> None:
        assert records.checked(Path("x"), replace(ONE, metrics={"psnr": value})).metrics == {"psnr": value}

    @pytest.mark.parametrize("value", [1.01e100, -1.01e100, 10**400, "1", True, None])
    def test_metrics_that_are_none(self, value: Any) -> None:
        with pytest.raises(RecordsError, match="x holds a record whose metric 'psnr' is no number"):
            records.checked(Path("x"), replace(ONE, metrics={"psnr": value}))

    def test_whole_numbers_are_those_of_64_bits(self) -> None:
        for value in (2**63 - 1, -(2**63), None):
            assert records.checked(Path("x"), replace(ONE, peak_memory=value)).peak_memory == value
        for value in (2**63, -(2**63) - 1, True, 1.0):
            with pytest.raises(RecordsError, match="whose peak_memory is"):
                records.checked(Path("x"), replace(ONE, peak_memory=value))


class TestOutputs:
    @pytest.mark.parametrize(
        "out", ["r", "r/run.json", "r/records", "r/records/dc.parquet", "r/records/new.html", "r/predictions/dc/a.png"]
    )
    def test_nothing_is_written_among_results(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, out: str) -> None:
        monkeypatch.chdir(tmp_path)
        save(tmp_path / "r", [ONE])
        (tmp_path / "link").symlink_to("r")
        held = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
        for results in ("r", "link"):
            for command in (leaderboard, report):
                done = CliRunner().invoke(command, [results, "-o", out])
                said = f"{done.exception} {done.output}"  # a folder, or a file in none, is refused before it is asked
                assert any(why in said for why in ("would lie inside the results", "is a folder", "in a folder that"))
            with pytest.raises(RecordsError, match="choose another --out"):
                check_output(out, [results])
        assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == held

    def test_beside_them_is_fine(self, tmp_path: Path) -> None:
        save(tmp_path / "r", [ONE])
        for out in ("r/report.html", "table.tex", "records/table.tex"):
            check_output(tmp_path / out, [tmp_path / "r"])
