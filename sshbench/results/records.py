"""`Record`: how one method did on one image under one protocol, and the files that hold records.

A folder of results has `records/<method>-<protocol>.parquet`, one row an image. While a run goes on, finished rows
stand in `.jsonl` files beside them, a line each, so that a killed run loses at most the image it was at.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, ValidationError

from sshbench.benchmarks.ids import fault_of, leads_out
from sshbench.errors import SshbenchError
from sshbench.methods.registry import NAME
from sshbench.whole_file import whole_file

FORMAT = 1
_KEY = b"sshbench.records"


class RecordsError(SshbenchError):
    """Records that cannot be read, or that do not belong together."""


@dataclass(frozen=True)
class Record:
    """One image x method x protocol.

    Parameters
    ----------
    id, benchmark, method, protocol, protocol_version
        What was judged and how. `id` is the key of every join.
    metrics
        Name of a metric -> value, in the metric's own unit; empty for a failure. A metric that could not be computed
        is absent.
    attributes
        The composite's: subset, foreground_ratio and others.
    seconds, peak_memory
        What the prediction took: wall time, and the peak of the process (or on the CUDA device) in bytes; None where
        it was not made here.
    failed
        Why there are no metrics; None where there are.
    prediction
        The predicted image, relative to the folder of results (`predictions/<method>/<id>.png`); "" without one.
    sees_target
        The method is a ceiling, which looks at the ground truth.
    input_hash, prediction_hash, method_hash, weights_hash
        Of the composite's pixels, the predicted pixels, the method's code, and its weights ("": has none).
    trained_by
        Whose weights: `authors`, `sshbench` or `user`, `missing` where the method lacks them; "" where it has none.
    """

    id: str
    benchmark: str
    method: str
    protocol: str
    protocol_version: str
    metrics: Mapping[str, float] = field(default_factory=dict)
    attributes: Mapping[str, str | float] = field(default_factory=dict)
    seconds: float | None = None
    peak_memory: int | None = None
    failed: str | None = None
    prediction: str = ""
    sees_target: bool = False
    input_hash: str = ""
    prediction_hash: str = ""
    method_hash: str = ""
    weights_hash: str = ""
    trained_by: str = ""

    @property
    def key(self) -> tuple[str, str, str]:
        """Method, protocol and id: what a record is looked up by in a folder of results."""
        return self.method, self.protocol, self.id


class _Meta(BaseModel):
    """What a file of records says of itself."""

    model_config = ConfigDict(extra="forbid", strict=True)
    format: int
    metrics: list[str]
    attributes: dict[str, str]  # column -> name
    versions: dict[str, str]


_COLUMNS = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("benchmark", pa.string(), nullable=False),
        pa.field("method", pa.string(), nullable=False),
        pa.field("protocol", pa.string(), nullable=False),
        pa.field("protocol_version", pa.string(), nullable=False),
        ("seconds", pa.float64()),
        ("peak_memory", pa.int64()),
        ("failed", pa.string()),
        ("prediction", pa.string()),
        ("sees_target", pa.bool_()),
        ("input_hash", pa.string()),
        ("prediction_hash", pa.string()),
        ("method_hash", pa.string()),
        ("weights_hash", pa.string()),
        ("trained_by", pa.string()),
    ]
)
_NEWER = {"trained_by"}  # columns that older files of this format lack


def records_file(out: str | os.PathLike[str], method: str, protocol: str) -> Path:
    """Where the records of a method under a protocol are kept in the folder of results `out`.

    Raises
    ------
    RecordsError
        The method's name is that of no file.
    """
    _check_path(method)
    return Path(out) / "records" / f"{method}-{protocol}.parquet"


def prediction_file(out: str | os.PathLike[str], method: str, id: str) -> Path:
    """Where the prediction of `method` for the composite `id` is kept in the folder of results `out`.

    Raises
    ------
    RecordsError
        No file can have the name, or it leads out of the folder.
    """
    _check_path(method)
    if leads_out(id) or fault_of(id):
        raise RecordsError(f"the id {id!r} is no path in a folder of results")
    return Path(out) / "predictions" / method / f"{id}.png"


def _check_path(method: str) -> None:
    if not NAME.fullmatch(method):
        raise RecordsError(f"the name of the method, {method!r}, is not of up to 200 letters, digits and . _ + -")


def write_records(
    path: str | os.PathLike[str], records: Sequence[Record], versions: Mapping[str, str] | None = None
) -> None:
    """Write records of one method and protocol to a Parquet file, which appears whole or not at all.

    Metrics and attributes are columns of their own names, so that the file reads well as a table; an attribute that
    has the name of another column gets `attribute_` in front.
    """
    metrics = list(dict.fromkeys(name for record in records for name in record.metrics))
    names = list(dict.fromkeys(name for record in records for name in record.attributes))
    taken = {*_COLUMNS.names, *metrics}
    attributes = {(f"attribute_{name}" if name in taken else name): name for name in names}
    meta = _Meta(format=FORMAT, metrics=metrics, attributes=attributes, versions=dict(versions or {}))
    arrays = [pa.array([getattr(record, f.name) for record in records], f.type) for f in _COLUMNS]
    fields = list(_COLUMNS)
    for name in metrics:
        fields.append(pa.field(name, pa.float64()))
        arrays.append(pa.array([record.metrics.get(name) for record in records], pa.float64()))
    for column, name in attributes.items():
        values = [record.attributes.get(name) for record in records]
        is_text = any(isinstance(value, str) for value in values)
        kind = pa.string() if is_text else pa.float64()
        values = [value if value is None or not is_text else str(value) for value in values]
        fields.append(pa.field(column, kind))
        arrays.append(pa.array(values, kind))
    schema = pa.schema(fields, metadata={_KEY: meta.model_dump_json().encode()})
    with whole_file(path) as temporary:
        pq.write_table(pa.Table.from_arrays(arrays, schema=schema), temporary)


def read_records(paths: Iterable[str | os.PathLike[str]]) -> list[Record]:
    """Read the records of folders of results, or of single `.parquet` files, in the order of their names.

    Raises
    ------
    RecordsError
        A path is missing, holds no records, or holds damaged ones, or two files differ on one image.
    """
    found: dict[tuple[str, ...], Record] = {}
    for path in map(Path, paths):
        for file in _files(path):
            for record in read_records_file(file):
                key = record.benchmark, *record.key
                other = found.setdefault(key, record)
                if other is not record and _result(other) != _result(record):
                    raise RecordsError(
                        f"{file}: {record.method} on {record.id} under {record.protocol} differs from another file "
                        "given; leave one of them out"
                    )
    return list(found.values())


def _result(record: Record) -> Any:
    # As text, since a NaN is not equal to itself.
    return repr((record.protocol_version, sorted(record.metrics.items()), record.failed))


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise RecordsError(f"{path}: there is no such file or folder of results")
    pattern = "*.parquet" if path.name == "records" else "**/records/*.parquet"
    files = sorted(path.glob(pattern))
    if not files:
        raise RecordsError(f"{path} holds no records; make some with sshbench evaluate --out {path}")
    return files


def read_records_file(path: str | os.PathLike[str]) -> list[Record]:
    """Read one Parquet file of records.

    Raises
    ------
    RecordsError
        It is missing or damaged, or holds something else.
    """
    try:
        table = pq.read_table(path)
    except FileNotFoundError as error:
        raise RecordsError(f"{path}: there is no such file of records") from error
    except (pa.ArrowException, OSError) as error:
        raise RecordsError(f"{path} is damaged or no Parquet file; delete it and run evaluate again") from error
    meta = _meta(Path(path), table)
    records = []
    for row in table.to_pylist():
        metrics = {name: row[name] for name in meta.metrics if row[name] is not None}
        attributes = {name: row[column] for column, name in meta.attributes.items() if row[column] is not None}
        plain = {name: row[name] for name in _COLUMNS.names if name in row}
        records.append(Record(**plain, metrics=metrics, attributes=attributes))
    return records


def _meta(path: Path, table: pa.Table) -> _Meta:
    text = (table.schema.metadata or {}).get(_KEY)
    if text is None:
        raise RecordsError(f"{path} is a Parquet file, but not one of records that sshbench evaluate wrote")
    try:
        meta = _Meta.model_validate_json(text)
    except ValidationError as error:
        raise RecordsError(f"{path}: what the file says of its records is damaged; run evaluate again") from error
    if meta.format != FORMAT:
        raise RecordsError(f"{path} has records of format {meta.format} and this sshbench reads {FORMAT}; update it")
    missing = {*_COLUMNS.names, *meta.metrics, *meta.attributes} - {*table.column_names, *_NEWER}
    if missing:
        raise RecordsError(f"{path} lacks the column {min(missing)!r}; run evaluate again")
    return meta


class Journal:
    """Records of a run under way, appended line by line to `<method>-<protocol>.jsonl`."""

    def __init__(self, out: Path) -> None:
        self.folder = out / "records"
        self.folder.mkdir(parents=True, exist_ok=True)

    def append(self, records: Iterable[Record]) -> None:
        """Add records; each is one line, written at once."""
        for record in records:
            path = records_file(self.folder.parent, record.method, record.protocol).with_suffix(".jsonl")
            # A new line first: the line before may have been cut short by a kill.
            with open(path, "ab", buffering=0) as file:
                file.write(b"\n" + json.dumps(asdict(record)).encode())

    def read(self, method: str, protocol: str) -> list[Record]:
        """All records of a method and protocol, of finished runs and of the one under way; the latest of each id."""
        path = records_file(self.folder.parent, method, protocol)
        found = {record.id: record for record in read_records_file(path)} if path.exists() else {}
        lines = path.with_suffix(".jsonl")
        for line in lines.read_bytes().splitlines() if lines.exists() else []:
            try:
                record = Record(**json.loads(line))
            except (ValueError, TypeError):  # cut short
                continue
            found[record.id] = record
        return list(found.values())

    def finish(self, method: str, protocol: str, records: Sequence[Record], versions: Mapping[str, str]) -> None:
        """Write all records of a method and protocol to their Parquet file and drop the lines."""
        path = records_file(self.folder.parent, method, protocol)
        write_records(path, records, versions)
        path.with_suffix(".jsonl").unlink(missing_ok=True)

    def drop(self, method: str, protocol: str) -> None:
        """Forget what is known of a method and protocol."""
        path = records_file(self.folder.parent, method, protocol)
        path.unlink(missing_ok=True)
        path.with_suffix(".jsonl").unlink(missing_ok=True)


def without_costs(record: Record) -> Record:
    """The record less what differs between two runs of the same: time and memory."""
    return replace(record, seconds=None, peak_memory=None)
