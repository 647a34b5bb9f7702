"""Tables as benchmarks: Parquet files, such as those of `sshbench realhm pack`, and Hugging Face datasets."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from sshbench.benchmarks.composite import BenchmarkError, Composite, Mask, described
from sshbench.benchmarks.files import ROLES, Images, compose, read_roles
from sshbench.benchmarks.folder import check_roles
from sshbench.benchmarks.ids import usable_ids
from sshbench.errors import listed, storable
from sshbench.file_names import of_one_split
from sshbench.images.cells import FolderFiles, ReadFile, cell_image
from sshbench.images.hub import hub_files
from sshbench.images.opening import MAX_PIXELS, ImageFileError
from sshbench.pieces import Pieces


class Rows(Protocol):
    """A table whose rows are read one at a time."""

    @property
    def columns(self) -> Sequence[str]:
        """The names of the columns."""
        ...

    def __len__(self) -> int: ...

    def plain(self, column: str) -> list[Any]:
        """Return all values of a column without images."""
        ...

    def __getitem__(self, i: int, /) -> Mapping[str, Any]: ...

    def files(self, i: int) -> ReadFile | None:
        """Return a function that reads a file by its path in a cell of row `i`; None if cells may not hold paths."""
        ...


class Table:
    """A benchmark with one sample in each row, and one column for each role.

    Parameters
    ----------
    columns
        The column of each role, by default the column with the name of the role. `id` gives the column of ids; without
        such a column, an id is the number of the row.

    Raises
    ------
    BenchmarkError
        Columns are missing, or an id is repeated or leads out of a folder of results.
    """

    max_pixels = MAX_PIXELS

    def __init__(self, name: str, where: str, rows: Rows, columns: Mapping[str, str] | None = None) -> None:
        self.name = name
        self._where = where
        self._rows = rows
        given = dict(columns) if columns else {}
        id_column = given.pop("id", "id" if "id" in rows.columns else None)
        if not given:
            given = {role: role for role in ROLES if role in rows.columns}
        check_roles(where, given)
        missing = [column for column in (*given.values(), *filter(None, [id_column])) if column not in rows.columns]
        if missing:
            raise BenchmarkError(f"{where}: there is no column {missing[0]!r}; there are {listed(rows.columns, 12)}")
        self._columns = given
        ids = [
            id.decode("utf-8", "surrogateescape") if isinstance(id, bytes) else str(id)
            for id in (rows.plain(id_column) if id_column else range(len(rows)))
        ]
        if len(set(ids)) != len(rows):
            raise BenchmarkError(f"{where}: the column {id_column!r} repeats ids")
        ids, self._faults = usable_ids(where, ids)
        self._index = {id: i for i, id in enumerate(ids)}
        self._id_column = id_column

    def __repr__(self) -> str:
        return described(self)

    def __len__(self) -> int:
        return len(self._index)

    def ids(self) -> list[str]:
        """Return the ids of all samples, in order."""
        return list(self._index)

    def __getitem__(self, key: int | str, /) -> Composite:
        id = key if isinstance(key, str) else self.ids()[key]
        i = self._index[id]
        if id in self._faults:
            raise BenchmarkError(f"{self._where}: {self._faults[id]}")
        row = self._rows[i]
        files = self._rows.files(i)
        images, mask = read_cells(f"{self._where}: {id}", row, self._columns, files, self.max_pixels)
        used = {*self._columns.values(), self._id_column, "foreground_ratio"}
        attributes = {k: storable(v) for k, v in row.items() if k not in used and isinstance(v, str | float | int)}
        return compose(id, images, mask, attributes)


def read_cells(
    where: str, row: Mapping[str, Any], columns: Mapping[str, str], read: ReadFile | None, max_pixels: int
) -> tuple[Images, Mask | None]:
    """Return the images of a row by role, uint8 `[H, W, 3]`, and its mask, float32 `[H, W]`. Empty cells are left out.

    Parameters
    ----------
    where
        The name of the row in messages.
    columns
        The column of each role.
    read
        A function that reads a file by its path in a cell; None refuses paths.

    Raises
    ------
    BenchmarkError
        A cell holds no readable image.
    """
    names = {role: f"{where}: {column}" for role, column in columns.items()}
    try:
        cells = {role: cell_image(row[column], names[role], read) for role, column in columns.items()}
    except ImageFileError as error:
        raise BenchmarkError(str(error)) from error
    return read_roles(names, {role: cell for role, cell in cells.items() if cell is not None}, max_pixels)


class ParquetRows:
    """The rows of Parquet files, in order of file name. Cells may hold paths of files below `root`."""

    def __init__(self, paths: Sequence[Path], root: str | os.PathLike[str]) -> None:
        import pyarrow.parquet as pq

        self._groups: list[tuple[Path, int]] = []  # file, row group
        self.columns: list[str] = []
        self._paths, self._root = list(paths), Path(root)
        counts: list[int] = []
        for path in paths:
            with _readable(path):
                meta = pq.read_metadata(path)
                names = pq.read_schema(path).names
            if self.columns and names != self.columns:
                raise BenchmarkError(f"{path}: has other columns than {paths[0].name}; keep one table in a folder")
            self.columns = names
            for group in range(meta.num_row_groups):
                self._groups.append((path, group))
                counts.append(meta.row_group(group).num_rows)
        self._pieces = Pieces(counts)
        self._read = lru_cache(maxsize=1)(self._group)

    def __len__(self) -> int:
        return len(self._pieces)

    def plain(self, column: str) -> list[Any]:
        """Return all values of a column without images."""
        import pyarrow.parquet as pq

        values: list[Any] = []
        for path in self._paths:
            with _readable(path):
                values += _values(pq.read_table(path, columns=[column])[column])
        return values

    def _group(self, number: int) -> Any:
        import pyarrow.parquet as pq

        path, group = self._groups[number]
        with _readable(path), pq.ParquetFile(path) as file:
            return file.read_row_group(group)

    def __getitem__(self, i: int, /) -> Mapping[str, Any]:
        number, place = self._pieces.find(i)
        with _readable(self._groups[number][0]):
            row = self._read(number).slice(place, 1)
            columns = zip(row.column_names, row.columns, strict=True)
            return {name: _typed(_values(column)[0], column.type) for name, column in columns}

    def files(self, i: int) -> ReadFile:
        """Return a function that reads a file by its path in a cell of row `i`, relative to the row's Parquet file."""
        folder = self._groups[self._pieces.find(i)[0]][0].parent.resolve()
        return FolderFiles(str(self._root.resolve() if self._root.is_dir() else folder), str(folder))

    def __reduce__(self) -> tuple[Any, ...]:
        return ParquetRows, (self._paths, self._root)


def _values(column: Any) -> list[Any]:
    """Return the values of a column. Bytes that are not UTF-8 become surrogate escapes, as in Python's file names."""
    import pyarrow as pa

    try:
        values: list[Any] = column.to_pylist()
    except UnicodeDecodeError:
        cells = column.cast(pa.large_binary()).to_pylist()
        values = [None if cell is None else cell.decode("utf-8", "surrogateescape") for cell in cells]
    return values


def _typed(value: Any, kind: Any) -> Any:
    """Return nested lists of numbers as an array. Its type is that of the table, so that 8 and 16 bits stay distinct.

    `kind` is the type of the column. Lists with empty cells or of different lengths are returned unchanged.
    """
    import pyarrow as pa

    inner = kind
    while True:
        if isinstance(inner, pa.BaseExtensionType):
            inner = inner.storage_type
        elif pa.types.is_list(inner) or pa.types.is_large_list(inner) or pa.types.is_fixed_size_list(inner):
            inner = inner.value_type
        else:
            break
    numbers = pa.types.is_integer(inner) or pa.types.is_floating(inner) or pa.types.is_boolean(inner)
    if not isinstance(value, list) or not numbers:
        return value
    try:
        return np.array(value, dtype=inner.to_pandas_dtype())
    except (TypeError, ValueError):
        return value


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turn any error of pyarrow about a damaged file into a `BenchmarkError`."""
    import pyarrow as pa

    try:
        yield
    except (OSError, ValueError, LookupError, pa.ArrowException) as error:
        text = " ".join(str(error).split())[:200]
        raise BenchmarkError(f"{path}: is damaged or not a Parquet file ({text})") from error


class DatasetRows:
    """The rows of a Hugging Face dataset with random access. Images stay encoded; sshbench decodes them itself."""

    def __init__(self, dataset: Any, read: ReadFile) -> None:
        import datasets

        for name, kind in dataset.features.items():
            if isinstance(kind, datasets.Image):
                dataset = dataset.cast_column(name, datasets.Image(decode=False))
        self._dataset, self._read = dataset, read
        self.columns = list(dataset.column_names)

    def __len__(self) -> int:
        return len(self._dataset)

    def plain(self, column: str) -> list[Any]:
        """Return all values of a column without images."""
        try:
            return list(self._dataset.select_columns([column])[column])
        except Exception as error:  # the library raises errors of many packages
            raise BenchmarkError(f"the column {column!r} cannot be read ({error})") from error

    def __getitem__(self, i: int, /) -> Mapping[str, Any]:
        types = self._dataset.features.arrow_schema
        return {name: _typed(value, types.field(name).type) for name, value in self._dataset[i].items()}

    def files(self, i: int) -> ReadFile:
        """Return a function that reads a file by its path in a cell."""
        return self._read


def parquet_files(root: str | os.PathLike[str]) -> list[Path]:
    """Return the Parquet file `root`, or the Parquet files in a folder in order of name; empty if there are none.

    If a folder holds files of several splits, such as `train-0.parquet` and `test-0.parquet`, only the files of `test`
    are returned.

    Raises
    ------
    BenchmarkError
        The folder holds several splits, and none is called test.
    """
    path = Path(root)
    if path.is_dir():
        names = sorted(file.name for file in path.glob("*.parquet") if not file.name.startswith("."))
        chosen, split = of_one_split(names, "test")
        if names and not chosen:
            raise BenchmarkError(f"{root}: holds Parquet files of {split}; give one of these files")
        return [path / name for name in chosen]
    return [path] if path.suffix == ".parquet" and path.is_file() else []


def open_dataset(name: str, columns: Mapping[str, str] | None) -> Table:
    """Open a dataset of the Hugging Face hub or in a folder: `NAME`, or `NAME:SPLIT` (`test` by default).

    Raises
    ------
    BenchmarkError
        The package `datasets` or the dataset is missing, or the dataset has no such columns.
    """
    try:
        import datasets
    except ImportError as error:
        raise BenchmarkError("Hugging Face datasets need the package datasets; pip install datasets") from error
    path, _, split = name.partition(":")
    try:
        if saved := saved_dataset(path):
            dataset = datasets.load_from_disk(path)
            if saved == "dataset_dict.json":
                dataset = dataset[split or "test"]
            builder = None  # the builder name in the folder cannot be trusted
        else:
            dataset = datasets.load_dataset(path, split=split or "test")
            builder = dataset.info.builder_name
    except Exception as error:  # the library raises errors of many packages
        raise BenchmarkError(f"{name}: cannot be opened as a dataset ({str(error).splitlines()[0]})") from error
    return Table("hf", name, DatasetRows(dataset, hub_files(path, builder)), columns)


def saved_dataset(folder: str) -> str | None:
    """Return the state file of a folder that `save_to_disk` of `datasets` wrote, with one split or several; or None."""
    return next((name for name in ("dataset_dict.json", "state.json") if os.path.isfile(f"{folder}/{name}")), None)
