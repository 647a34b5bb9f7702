"""`Record`: the result of one method on one image under one protocol, and the files that hold records.

A folder of results has files `records/<method>-<protocol>.parquet` with one row for each image
(`sshbench.results.folder`). During a run, its records are in files beside them (`sshbench.results.journal`).
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, ValidationError

from sshbench.errors import SshbenchError, sentence, storable
from sshbench.whole_file import whole_file

FORMAT = 1
MOST_ROWS = 10_000_000
MOST_TEXT = 2**30  # bytes of all texts in a file of records
_KEY = b"sshbench.records"


class RecordsError(SshbenchError):
    """Records cannot be read, or do not belong together."""


@dataclass(frozen=True)
class Record:
    """The result of one method on one image under one protocol.

    Parameters
    ----------
    id, benchmark, method, protocol, protocol_version
        The image, the benchmark, the method and the protocol of the result. `id` is the key of every join.
    metrics
        The value of each metric by its name, in the unit of the metric; empty for a failure. A metric that could not be
        computed is absent.
    attributes
        The attributes of the composite: subset, foreground_ratio and others.
    seconds, peak_memory
        The cost of the prediction: wall time in seconds, and peak memory of the process (or the CUDA device) in bytes.
        None if the cost was not measured.
    failed
        The reason why there are no metrics; None for a success.
    prediction
        The path of the predicted image, relative to the folder of results (`predictions/<method>/<id>.png`), or "".
    sees_target
        Whether the method is a ceiling, which uses the ground truth.
    input_hash, prediction_hash, method_hash, weights_hash
        The hashes of the composite's pixels, of the predicted pixels, of the method's code, options and state, and of
        the method's weights ("" without weights).
    scorer_hash, lpips_hash
        The hash of the protocol and of the code of the metrics, and the hashes of the LPIPS weights as `METRIC=HASH`.
    traceback
        The traceback of an exception in the method, or "".
    trained_by
        The origin of the method's weights: `authors`, `sshbench` or `user`; `missing` if the weights are missing; "" if
        the method has no weights.

    Examples
    --------
    >>> import sshbench
    >>> found = sshbench.evaluate("sample", "dc", metrics=["psnr"], limit=1, workers=1)
    >>> record = found.rows[0]
    >>> record.id, record.method, round(record.metrics["psnr"], 2)
    ('vendor_testing_1/astronaut', 'dc', 22.0)
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
    scorer_hash: str = ""
    lpips_hash: str = ""
    traceback: str = ""

    @property
    def key(self) -> tuple[str, str, str]:
        """The key of a record in a folder of results: method, protocol and id."""
        return self.method, self.protocol, self.id


class _Meta(BaseModel):
    """The metadata of a file of records."""

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
        ("scorer_hash", pa.string()),
        ("lpips_hash", pa.string()),
        ("traceback", pa.string()),
    ]
)
_NEWER = {"trained_by", "scorer_hash", "lpips_hash", "traceback"}  # columns that older files of this format lack


def write_records(
    path: str | os.PathLike[str], records: Sequence[Record], versions: Mapping[str, str] | None = None
) -> None:
    """Write records of one method and protocol to a Parquet file, which appears only when it is complete.

    Each metric and attribute has a column of its own name. If another column has the name of an attribute, the
    attribute's column has the prefix `attribute_`.
    """
    metrics = list(dict.fromkeys(name for record in records for name in record.metrics))
    attributes = attribute_columns(records, {*_COLUMNS.names, *metrics})
    said = {column: str(storable(name)) for column, name in attributes.items()}
    meta = _Meta(format=FORMAT, metrics=metrics, attributes=said, versions=dict(versions or {}))
    arrays = [pa.array([_cell(getattr(record, f.name), f.type) for record in records], f.type) for f in _COLUMNS]
    columns = list(_COLUMNS)
    for name in metrics:
        columns.append(pa.field(name, pa.float64()))
        numbers = [record.metrics.get(name) for record in records]
        arrays.append(pa.array([None if n is None else float(n) for n in numbers], pa.float64()))
    for column, name in attributes.items():
        values = [record.attributes.get(name) for record in records]
        is_text = any(value is not None and not _is_number(value) for value in values)
        kind = pa.string() if is_text else pa.float64()
        columns.append(pa.field(column, kind))
        arrays.append(pa.array([v if v is None else storable(str(v)) if is_text else float(v) for v in values], kind))
    schema = pa.schema(columns, metadata={_KEY: meta.model_dump_json().encode()})
    with whole_file(path) as temporary:
        pq.write_table(pa.Table.from_arrays(arrays, schema=schema), temporary)


def attribute_columns(records: Iterable[Record], taken: set[str]) -> dict[str, str]:
    """Return the column of each attribute: its own name, with the prefix `attribute_` if the name is taken."""
    columns: dict[str, str] = {}
    for name in dict.fromkeys(name for record in records for name in record.attributes):
        column = str(storable(name))
        while column in taken or column in columns:
            column = f"attribute_{column}"
        columns[column] = name
    return columns


def _cell(value: Any, kind: pa.DataType) -> Any:
    """Return the value in the type of its column. Whole seconds from a line of JSON become a float."""
    return float(value) if pa.types.is_floating(kind) and value is not None else storable(value)


def _is_score(value: Any) -> bool:
    """Return whether the value is a number, NaN or infinite. Finite values over 1e100 would overflow in sums."""
    return _is_number(value) and not 1e100 < abs(float(value)) < math.inf


def _fits(value: Any) -> bool:
    """Return whether a column of integers can hold the value; True for values that are not integers."""
    return not isinstance(value, int) or -(2**63) <= value < 2**63


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError, OverflowError):
        return False
    return not isinstance(value, str)


def read_records(paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]]) -> list[Record]:
    """Return the records in folders of results or in single `.parquet` files, in the order of file names.

    Parameters
    ----------
    paths
        One or several folders that `sshbench evaluate` wrote, or files of records.

    Returns
    -------
    list of Record
        One record for each image, method and protocol.

    Raises
    ------
    RecordsError
        A path is missing, holds no records, or holds damaged records, or two files have different results of an image.

    Examples
    --------
    >>> import sshbench
    >>> from sshbench.results import read_records
    >>> found = sshbench.evaluate("sample", "dc", metrics=["psnr"], limit=1, workers=1, out="results")
    >>> record, = read_records(["results"])
    >>> record.id, round(record.metrics["psnr"], 2)
    ('vendor_testing_1/astronaut', 22.0)
    """
    found: dict[tuple[str, ...], Record] = {}
    for path in map(Path, [paths] if isinstance(paths, str | os.PathLike) else paths):
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
    # Texts are compared, since a NaN is not equal to itself.
    return repr((record.protocol_version, sorted(record.metrics.items()), record.failed))


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise RecordsError(f"{path}: there is no such file or folder of results")
    pattern = "*.parquet" if path.name == "records" else "**/records/*.parquet"
    files = sorted(path.glob(pattern))
    if not files:
        raise RecordsError(f"{path} contains no records; make records with sshbench evaluate --out {path}")
    return files


def read_records_file(path: str | os.PathLike[str]) -> list[Record]:
    """Return the records in one Parquet file.

    Raises
    ------
    RecordsError
        The file is missing or damaged, or is not a file of records.
    """
    path = Path(path)
    if not path.is_file():
        raise RecordsError(f"{path}: there is no such file of records")
    try:
        with pq.ParquetFile(path) as file:
            schema, count = file.schema_arrow, file.metadata.num_rows
            meta = _meta(path, schema)
            texts = [name for name in schema.names if pa.types.is_string(schema.field(name).type)]
        if count > MOST_ROWS:
            raise RecordsError(f"{path} says that it has {count:,} records; the most that are read are {MOST_ROWS:,}")
        # A dictionary keeps repeated texts once, so that a small file cannot fill the memory.
        with pq.ParquetFile(path, read_dictionary=texts) as file:
            columns = {name: _values(path, file, name) for name in schema.names}
        if any(len(values) != count for values in columns.values()):
            raise RecordsError(f"{path} says that it has {count:,} records and holds another number; delete it")
    except (pa.ArrowException, OSError) as error:
        raise RecordsError(f"{path} is damaged or no Parquet file; delete it and run evaluate again") from error
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        raise RecordsError(f"{path} holds a value that a record cannot have ({sentence(error)})") from error
    records = []
    for place in range(count):
        row = {name: values[place] for name, values in columns.items()}
        metrics = {name: row[name] for name in meta.metrics if row[name] is not None}
        attributes = {name: row[column] for column, name in meta.attributes.items() if row[column] is not None}
        given = [f for f in _COLUMNS if f.name in row]
        plain = {f.name: row[f.name] for f in given if not (row[f.name] is None and f.nullable and f.name not in _NONE)}
        records.append(checked(path, Record(**plain, metrics=metrics, attributes=attributes)))
    return records


_NONE = {"seconds", "peak_memory", "failed"}  # fields that may be None
_TYPES: Mapping[str, tuple[type, ...]] = {
    "seconds": (float, int, type(None)),
    "peak_memory": (int, type(None)),
    "failed": (str, type(None)),
    "sees_target": (bool,),
    "metrics": (dict,),
    "attributes": (dict,),
}


def _values(path: Path, file: pq.ParquetFile, name: str) -> list[Any]:
    column = file.read(columns=[name])[name].combine_chunks()
    if not pa.types.is_dictionary(column.type):
        return list(column.to_pylist())
    texts = column.dictionary.to_pylist()
    if sum(len(text) for text in texts if text is not None) > MOST_TEXT:
        raise RecordsError(f"{path}: the column {name} holds more text than records have")
    return [None if index is None else texts[index] for index in column.indices.to_pylist()]


def checked(path: Path, record: Record) -> Record:
    """Return the record; raise RecordsError if a value has the wrong type."""
    for one in fields(Record):
        value = getattr(record, one.name)
        kinds = _TYPES.get(one.name, (str,))
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds) or not _fits(value):
            raise RecordsError(f"{path} holds a record whose {one.name} is {str(value)[:40]!r}; run evaluate again")
    for name, value in record.metrics.items():
        if not name.isprintable() or isinstance(value, bool | str) or not _is_score(value):
            raise RecordsError(f"{path} holds a record whose metric {name!r} is no number; run evaluate again")
    for name, text in record.attributes.items():
        if not isinstance(name, str) or not isinstance(text, str | float | int):
            raise RecordsError(f"{path} holds a record whose attribute {name} is no text or number; run evaluate again")
    return record


def _meta(path: Path, schema: pa.Schema) -> _Meta:
    text = (schema.metadata or {}).get(_KEY)
    if text is None:
        raise RecordsError(f"{path} is a Parquet file, but not one of records that sshbench evaluate wrote")
    try:
        meta = _Meta.model_validate_json(text)
    except ValidationError as error:
        raise RecordsError(f"{path}: the metadata of its records is damaged; run evaluate again") from error
    if meta.format != FORMAT:
        raise RecordsError(f"{path} has records of format {meta.format} and this sshbench reads {FORMAT}; update it")
    missing = {*_COLUMNS.names, *meta.metrics, *meta.attributes} - {*schema.names, *_NEWER}
    if missing:
        raise RecordsError(f"{path} lacks the column {min(missing)!r}; run evaluate again")
    if len(set(schema.names)) < len(schema.names):
        raise RecordsError(f"{path} has two columns of one name; run evaluate again")
    return meta
