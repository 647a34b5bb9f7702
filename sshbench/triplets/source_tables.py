"""Parquet, Arrow and WebDataset files as a source. The files are read in place, a part at a time."""

from __future__ import annotations

import re
import tarfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, Protocol

from sshbench.errors import suggestion
from sshbench.file_names import of_one_split, same_name
from sshbench.images.cells import cell_bytes
from sshbench.images.opening import MAX_BYTES, ImageFileError
from sshbench.pieces import Pieces
from sshbench.triplets.source import FileSource, SourceError, fingerprint_of
from sshbench.triplets.source_files import IMAGES, Found

_BATCH = 16
_Surveyed = tuple[int, dict[str, bool], set[frozenset[str]]]


class _TableFile(Protocol):
    """One table file of a source."""

    def __len__(self) -> int: ...

    def row_id(self, k: int) -> str:
        """Return the id of row `k` within the file."""
        ...

    def place(self, row: str) -> int | None:
        """Return the number of the row with this id; None if there is no such row."""
        ...

    def value(self, k: int, column: str) -> Any:
        """Return the cell of row `k`: bytes, `{"bytes": ..., "path": ...}`, a path, or None."""
        ...


class TableSource(FileSource):
    """The rows of one or more table files. A row id is `file:index`, or `file:key` in a WebDataset file."""

    def __init__(
        self,
        spec: str,
        found: Found,
        *,
        split: str | None,
        column: str | None,
        masks: str | None,
        min_side: int,
        max_pixels: int,
    ) -> None:
        super().__init__(min_side, max_pixels)
        names, split = _of_split(spec, list(found.files), split)
        self.found, self.names = found, names
        self.counts, columns, samples = _survey(found, names)
        self.pieces = Pieces(self.counts)
        if not len(self.pieces):
            raise SourceError(f"{spec} holds no rows")
        self.mask_column = None if masks is None else choose_column(spec, columns, masks)
        if column is None and found.kind == "webdataset":
            column = _one_each(columns, samples, self.mask_column)
        self.column = choose_column(spec, columns, column, but=self.mask_column)
        lines = [f"{n} {found.files[n]} {c}" for n, c in zip(names, self.counts, strict=True)]
        if sum(columns.values()) > 1:  # another column holds other photographs
            lines.append(f"column {self.column}")
        self.fingerprint = fingerprint_of(lines)
        self.description = {
            "kind": found.kind,
            "spec": spec,
            "split": split,
            "column": self.column,
            "masks": self.mask_column,
            "photographs": len(self),
        }
        self._open: tuple[int, _TableFile] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_open": None}

    def __len__(self) -> int:
        return len(self.pieces)

    def row_id(self, i: int) -> str:
        part, k = self.pieces.find(i)
        inside = self._part(part).row_id(k) if self.found.kind == "webdataset" else str(k)
        return f"{self.names[part]}:{inside}"

    def index(self, row: str) -> int:
        for part, name in enumerate(self.names):
            if row.startswith(f"{name}:"):
                k = self._part(part).place(row[len(name) + 1 :])
                if k is not None:
                    return self.pieces.start(part) + k
        raise SourceError(f"{self.found.root} no longer holds {row}")

    def encoded(self, i: int) -> bytes:
        data = self._cell(i, self.column)
        if data is None:
            raise ImageFileError(self.row_id(i), f"the column {self.column} is empty there")
        return data

    def encoded_mask(self, i: int) -> bytes | None:
        return None if self.mask_column is None else self._cell(i, self.mask_column)

    def _cell(self, i: int, column: str) -> bytes | None:
        part, k = self.pieces.find(i)
        name = self.names[part]
        return cell_bytes(self._part(part).value(k, column), f"{name}:{k}", self.found.beside(name))

    def _part(self, part: int) -> _TableFile:
        if self._open is None or self._open[0] != part:
            columns = [c for c in (self.column, self.mask_column) if c is not None]
            self._open = part, _PARTS[self.found.kind](self.found, self.names[part], columns)
        return self._open[1]


def _of_split(spec: str, names: list[str], split: str | None) -> tuple[list[str], str | None]:
    """Return the files of a split and its name; by default the files of `train` if there are several splits."""
    if split is None:
        chosen, split = of_one_split(names, "train")
        if not chosen:
            raise SourceError(f"{spec} holds files of several splits and none to train on; choose --split {split}")
        return chosen, split
    chosen = names if split == "all" else [name for name in names if split in re.split(r"[/_.\-]", name)]
    if not chosen:
        raise SourceError(f"{spec}: no file has the split {split!r} in its name ({names[0]}, ...)")
    return chosen, split


def _one_each(columns: dict[str, bool], samples: set[frozenset[str]], masks: str | None) -> str | None:
    """Return all suffixes of images as one column if each sample has at most one of them; None otherwise."""
    images = [name for name, able in columns.items() if able and name not in (masks or "").split(";")]
    if len(images) > 1 and all(len(sample & set(images)) <= 1 for sample in samples):
        return ";".join(images)
    return None


def choose_column(spec: str, columns: dict[str, bool], column: str | None, but: str | None = None) -> str:
    """Return the column `column`, or by default the only column that holds images.

    Parameters
    ----------
    columns
        For each column, whether it can hold images.
    column
        The requested column. For a WebDataset file, `;` may join several suffixes; the first suffix that a sample has
        is used.
    but
        The column with the masks, which is excluded.
    """
    if column is not None and ";" in column:
        return ";".join(choose_column(spec, columns, part) for part in column.split(";"))
    able = [name for name, images in columns.items() if images and name != but]
    if column is None:
        if len(able) == 1:
            return able[0]
        named = [name for name in able if name in ("image", "img", "photo", "picture", "jpg", "png", "jpeg", "webp")]
        if len(named) == 1:
            return named[0]
        if not able:
            raise SourceError(f"{spec}: no column holds images; there are {', '.join(columns)}")
        raise SourceError(f"{spec}: several columns hold images; choose --column {' or '.join(able)}")
    if column not in columns:
        raise SourceError(f"{spec} has no column {column!r}{suggestion(column, columns)}")
    if not columns[column]:
        raise SourceError(
            f"{spec}: the column {column!r} holds no images; those that may are {', '.join(able) or 'none'}"
        )
    return column


def _survey(found: Found, names: list[str]) -> tuple[list[int], dict[str, bool], set[frozenset[str]]]:
    """Return the number of rows of each file, whether each column can hold images, and the sets of columns of samples.

    The columns are read from the first file. Samples of WebDataset files may differ, so their columns are collected
    from all files.
    """
    counts: list[int] = []
    columns: dict[str, bool] = {}
    samples: set[frozenset[str]] = set()
    for name in names:
        try:
            count, here, sets = _SURVEYS[found.kind](found, name)
        except SourceError:
            raise
        except Exception as error:  # every library raises its own classes of errors
            text = " ".join(str(error).split())[:200]
            raise SourceError(f"{found.root}/{name} is damaged or not a {found.kind} file ({text})") from error
        counts.append(count)
        samples |= sets
        if found.kind == "webdataset" or not columns:
            columns = columns | here
    return counts, columns, samples


def _arrow_columns(schema: Any) -> dict[str, bool]:
    import pyarrow.types as t

    def able(kind: Any) -> bool:
        if t.is_struct(kind):
            return bool(kind.get_field_index("bytes") >= 0)
        return bool(t.is_binary(kind) or t.is_large_binary(kind) or t.is_string(kind) or t.is_large_string(kind))

    columns = {field.name: able(field.type) for field in schema}
    images = {f.name for f in schema if columns[f.name] and not (t.is_string(f.type) or t.is_large_string(f.type))}
    # A text column may hold paths, but counts only if no other column can hold images.
    return {name: name in images for name in columns} if images else columns


def _survey_parquet(found: Found, name: str) -> _Surveyed:
    import pyarrow.parquet as pq

    with found.open(name) as file:
        metadata = pq.ParquetFile(file)
        return int(metadata.metadata.num_rows), _arrow_columns(metadata.schema_arrow), set()


class _Numbered(ABC):
    """A file in which the id of a row is its number."""

    @abstractmethod
    def __len__(self) -> int: ...

    def row_id(self, k: int) -> str:
        return str(k)

    def place(self, row: str) -> int | None:
        return int(row) if row.isdecimal() and int(row) < len(self) else None


class _Parquet(_Numbered):
    """A Parquet file, read batch by batch. A row before the current batch or in another row group starts a new read."""

    def __init__(self, found: Found, name: str, columns: list[str]) -> None:
        import pyarrow.parquet as pq

        self.file = pq.ParquetFile(found.open(name), buffer_size=1 << 20, pre_buffer=False)
        self.columns = columns
        self.groups = Pieces.of_groups(self.file.metadata)
        self.batch: Any = None
        self.batches: Iterator[Any] = iter(())
        self.group, self.first, self.next = -1, 0, 0

    def __len__(self) -> int:
        return len(self.groups)

    def value(self, k: int, column: str) -> Any:
        if not self.first <= k < self.next:
            group, _ = self.groups.find(k)
            try:
                if group != self.group or k < self.next:
                    options = {"columns": self.columns, "use_threads": False}
                    self.batches = self.file.iter_batches(_BATCH, row_groups=[group], **options)
                    self.group, self.next = group, self.groups.start(group)
                while self.next <= k:
                    self.batch = next(self.batches)
                    self.first, self.next = self.next, self.next + len(self.batch)
            except Exception as error:  # a damaged file may also end early
                self.group, self.first, self.next = -1, 0, 0
                raise OSError(f"damaged group of rows: {error}") from error
        return self.batch.column(column)[k - self.first].as_py()


def _arrow_table(found: Found, name: str) -> Any:
    import pyarrow as pa

    data = found.open(name) if found.remote else pa.memory_map(f"{found.root}/{name}")
    try:
        table = pa.ipc.open_stream(data).read_all()  # the format that `datasets` writes
    except pa.ArrowInvalid:
        data.seek(0)
        table = pa.ipc.open_file(data).read_all()
    table.validate()  # offsets of a damaged file may point outside the buffers
    return table


def _survey_arrow(found: Found, name: str) -> _Surveyed:
    table = _arrow_table(found, name)
    return len(table), _arrow_columns(table.schema), set()


class _Arrow(_Numbered):
    def __init__(self, found: Found, name: str, columns: list[str]) -> None:
        self.table = _arrow_table(found, name).select(columns)

    def __len__(self) -> int:
        return len(self.table)

    def value(self, k: int, column: str) -> Any:
        cell = self.table.column(column).slice(k, 1)
        cell.validate(full=True)
        return cell[0].as_py()


Members = dict[str, tuple[int, int]]  # suffix to offset and size


def _tar_index(found: Found, name: str) -> tuple[list[str], list[Members]]:
    """Return the keys of the samples of a WebDataset file, and the members of each sample.

    The members of a sample have the same path up to the first dot in the file name.
    """
    samples: dict[str, Members] = {}
    spelled: dict[tuple[str, str], str] = {}
    with found.open(name) as file, tarfile.open(fileobj=file, mode="r:") as tar:
        for member in tar:
            folder, _, last = member.name.rpartition("/")
            stem, dot, suffix = last.partition(".")
            if member.isreg() and dot and stem:
                key = same_name(f"{folder}/{stem}" if folder else stem)
                first = spelled.setdefault((key, suffix), member.name)
                if first != member.name:  # an equal name is an update, as tar's --append writes
                    raise SourceError(f"{found.root}/{name} has {key}.{suffix} in two forms of Unicode; rename one")
                samples.setdefault(key, {})[suffix.lower()] = member.offset_data, member.size
    return list(samples), list(samples.values())


def _survey_tar(found: Found, name: str) -> _Surveyed:
    keys, members = _tar_index(found, name)
    suffixes = dict.fromkeys(suffix for sample in members for suffix in sample)
    columns = {s: f".{s.rpartition('.')[2]}" in IMAGES for s in suffixes}
    return len(keys), columns, {frozenset(sample) for sample in members}


class _Tar:
    def __init__(self, found: Found, name: str, columns: list[str]) -> None:
        self.keys, self.members = _tar_index(found, name)
        self.places = {key: k for k, key in enumerate(self.keys)}
        self.file = found.open(name)

    def __len__(self) -> int:
        return len(self.keys)

    def row_id(self, k: int) -> str:
        return self.keys[k]

    def place(self, row: str) -> int | None:
        return self.places.get(same_name(row))

    def value(self, k: int, column: str) -> bytes | None:
        suffix = next((one for one in column.split(";") if one in self.members[k]), None)
        if suffix is None:
            return None
        offset, size = self.members[k][suffix]
        if size > MAX_BYTES:
            raise OSError(f"is a file of {size >> 20} MiB; at most {MAX_BYTES >> 20} are read")
        self.file.seek(offset)
        return bytes(self.file.read(size))


_PARTS: dict[str, Any] = {"parquet": _Parquet, "arrow": _Arrow, "webdataset": _Tar}
_SURVEYS: dict[str, Any] = {"parquet": _survey_parquet, "arrow": _survey_arrow, "webdataset": _survey_tar}
