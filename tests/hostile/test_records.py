"""Folders of results that anybody may have made: files of records, the lines of runs under way, and `run.json`."""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from sshbench.errors import SshbenchError, printable
from sshbench.results.formats import FORMATS
from sshbench.results.frame import records_frame
from sshbench.results.journal import Journal
from sshbench.results.records import Record, read_records, write_records
from sshbench.results.report import page, payload
from sshbench.results.run import run_of
from sshbench.results.summary import one_of, summarise
from tests.hostile.driver import ODD_NAMES, ODD_NUMBERS, Files, Target, damaged, fuzz, odd_json

_PARQUET, _LINES, _RUN = "records/dc-sshbench-v1.parquet", "records/dc-sshbench-v1.jsonl", "run.json"


def _records(random: Random) -> list[Record]:
    return [
        Record(
            id=f"part/{number}",
            benchmark="sample",
            method="dc",
            protocol="sshbench-v1",
            protocol_version="1",
            metrics={"psnr": random.uniform(10, 40), "mse": random.uniform(1, 900)} if number else {},
            attributes={"subset": random.choice("ab"), "foreground_ratio": random.random()},
            seconds=0.1,
            peak_memory=1,
            failed=None if number else "no idea",
            prediction=f"predictions/dc/part/{number}.png",
            traceback="" if number else "Traceback",
        )
        for number in range(4)
    ]


def _make(random: Random) -> Files:
    records = _records(random)
    return {
        _PARQUET: _table(records),
        _LINES: b"".join(b"\n" + json.dumps(asdict(record)).encode() for record in records),
        _RUN: json.dumps({"benchmark": "sample", "process": "x"}).encode(),
    }


def _table(records: list[Record], change: Callable[[pa.Table], pa.Table] = lambda table: table) -> bytes:
    file = io.BytesIO()
    with tempfile.TemporaryDirectory() as folder:
        write_records(Path(folder) / "x.parquet", records)
        pq.write_table(change(pq.read_table(Path(folder) / "x.parquet")), file)
    return file.getvalue()


def _damage(random: Random, files: Files) -> Files:
    """Odd values in fields, in what the file says of itself and in lines of JSON; and damaged bytes."""
    files = dict(files)
    match random.randrange(5):
        case 0:
            files[_PARQUET] = _table([_odd(random, record) for record in _records(random)])
        case 1:
            files[_PARQUET] = _table(_records(random), lambda table: _odd_column(random, table))
        case 2:
            lines = [odd_json(random, asdict(record)) for record in _records(random)]
            files[_LINES] = b"\n".join(json.dumps(line).encode() for line in lines)
        case 3:
            files[_RUN] = json.dumps(odd_json(random, {"benchmark": "sample", "process": "x"})).encode()
        case _:
            files = dict(damaged(random, files))
    return damaged(random, files) if random.random() < 0.2 else files


def _odd(random: Random, record: Record) -> Record:
    """A record as a program may write one, with values that no run would."""
    text, number = random.choice(ODD_NAMES), random.choice([*ODD_NUMBERS, float("nan"), float("inf"), -float("inf")])
    return random.choice(
        (
            record,
            replace(record, **{random.choice(("id", "method", "benchmark", "protocol", "trained_by", "failed")): text}),
            replace(record, metrics={random.choice(("psnr", printable(text))): float(number)}),
            replace(
                record,
                attributes={random.choice(("subset", "foreground_ratio", "id", text)): random.choice((text, number))},
            ),
            replace(record, prediction=text, seconds=float(number)),
        )
    )


def _odd_column(random: Random, table: pa.Table) -> pa.Table:
    place = random.randrange(table.num_columns)
    name, count = table.column_names[place], table.num_rows
    match random.randrange(4):
        case 0:
            return table.remove_column(place)
        case 1:
            return table.append_column(random.choice((name, "x")), pa.array(range(count)))
        case 2:
            said = json.loads(table.schema.metadata[b"sshbench.records"])
            new = json.dumps(odd_json(random, said)).encode()
            return table.replace_schema_metadata({b"sshbench.records": new})
        case _:
            kinds: tuple[Any, ...] = (
                pa.array([None] * count),
                pa.array(range(count)),
                pa.array([b"\xff"] * count),
                pa.array([[1]] * count),
                pa.array([{"a": 1}] * count),
                pa.array(["x" * 10_000] * count),
                pa.array([True] * count),
            )
            return table.set_column(place, name, random.choice(kinds))


def _read(folder: Path) -> None:
    """What `leaderboard`, `report` and a run that goes on do with such a folder."""
    errors: list[SshbenchError] = []
    for read in (_tables, _goes_on, lambda folder: run_of(folder)):
        try:
            read(folder)
        except SshbenchError as error:
            errors.append(error)
    if errors:
        raise errors[0]


def _tables(folder: Path) -> None:
    records = one_of(read_records([folder]), benchmark=None)
    summary = summarise(records)
    for write in FORMATS.values():
        write(summary).encode()
    page(summary, payload(summary, records)).encode()
    records_frame(records)


def _goes_on(folder: Path) -> None:
    journal = Journal(folder)
    journal.finish("dc", "sshbench-v1", journal.read("dc", "sshbench-v1"), {}, order=lambda record: record.id)
    assert len(read_records([folder])) <= 8


TARGET = Target(_make, _read, _damage)


def test_records_of_others(tmp_path: Path) -> None:
    fuzz(TARGET, tmp_path)
