"""Open benchmarks by the name of their split."""

from __future__ import annotations

import os
from collections.abc import Mapping

from sshbench.benchmarks.composite import Benchmark, BenchmarkError
from sshbench.benchmarks.files import FileBenchmark
from sshbench.benchmarks.folder import Folder
from sshbench.benchmarks.iharmony4 import SUBSETS, IHarmony4, ListName
from sshbench.benchmarks.realhm import EXPECTED, RealHM
from sshbench.benchmarks.store import ROLES as STORES
from sshbench.benchmarks.store import Store
from sshbench.benchmarks.table import ParquetRows, Table, open_dataset, parquet_files
from sshbench.errors import suggestion
from sshbench.folders import data_folder
from sshbench.images.opening import MAX_PIXELS

SPLITS = (
    "sample",
    "realhm",
    *(f"iharmony4{end}" for end in ("", "-train", *(f"-{name}{part}" for name in SUBSETS for part in ("", "-train")))),
    "triplets",
    "composites",
    "folder",
    "parquet",
    "hf",
)
ROOTS = {"realhm": "SSHBENCH_REALHM", "iharmony4": "SSHBENCH_IHARMONY4"}
"""The environment variables that hold the default root of each benchmark."""


def open_benchmark(
    split: str,
    root: str | os.PathLike[str] | None = None,
    *,
    allow_incomplete: bool = False,
    columns: Mapping[str, str] | None = None,
    max_pixels: int = MAX_PIXELS,
) -> Benchmark:
    """Open a benchmark. Its composites are loaded on access.

    Parameters
    ----------
    split
        `"sample"` for the embedded composites; `"realhm"`; `"iharmony4"` or one of its subsets, such as
        `"iharmony4-HAdobe5k"`, each with `"-train"` for its training list; `"triplets"` or `"composites"` for a store
        of `sshbench.generate_triplets`; `"folder"` for any folder; `"parquet"` for a Parquet file or a folder of
        Parquet files; or `"hf"` for a Hugging Face dataset.
    root
        The folder or file of the benchmark; for `"hf"` the name of the dataset, `NAME` or `NAME:SPLIT`. For
        `"realhm"`, the root may be the Parquet file of `sshbench realhm pack`. The defaults are the environment
        variables `SSHBENCH_REALHM` and `SSHBENCH_IHARMONY4`.
    allow_incomplete
        Whether to accept a benchmark with missing samples.
    columns
        For `"folder"`, the pattern of each role, such as `{"composite": "images/*", "mask": "masks/*_mask"}`; for
        `"parquet"` and `"hf"`, the column of each role.
    max_pixels
        The largest allowed number of pixels of an image. The limit protects the memory from damaged or hostile files.

    Returns
    -------
    Benchmark
        A sequence of `Composite`s with `name` and `ids()`. `benchmark[0]` and `benchmark["id"]` load one composite.

    Raises
    ------
    BenchmarkError
        The split is unknown, its root is missing or belongs to another benchmark, or samples are missing.

    Examples
    --------
    >>> import sshbench
    >>> benchmark = sshbench.load_benchmark("sample")
    >>> len(benchmark), benchmark[0].id
    (33, 'vendor_testing_1/astronaut')
    """
    if split not in SPLITS:
        raise BenchmarkError(f"there is no split {split!r}{suggestion(split, SPLITS)}")
    benchmark = _open(split, root, allow_incomplete, columns)
    benchmark.max_pixels = max_pixels
    return benchmark


def _open(
    split: str, root: str | os.PathLike[str] | None, allow_incomplete: bool, columns: Mapping[str, str] | None
) -> FileBenchmark | Table | Store:
    if columns and split not in ("folder", "parquet", "hf"):
        raise BenchmarkError(f"{split}: the roles of its files are known; columns are for folder, parquet and hf")
    if split == "sample":
        folder = data_folder("realhm") / "sample" if root is None else root
        return RealHM(folder, expected=None, name="sample", allow_incomplete=allow_incomplete)
    root = _root(split, root)
    if split == "realhm":
        if packed := parquet_files(root):
            return _packed(os.fspath(root), Table(split, os.fspath(root), ParquetRows(packed, root)), allow_incomplete)
        return RealHM(root, allow_incomplete=allow_incomplete)
    if split in STORES:
        return Store(root, split)
    if split == "folder":
        return Folder(root, columns, allow_incomplete=allow_incomplete)
    if split == "parquet":
        if not (files := parquet_files(root)):
            raise BenchmarkError(f"{root}: is neither a Parquet file nor a folder with Parquet files")
        return Table(split, os.fspath(root), ParquetRows(files, root), columns)
    if split == "hf":
        return open_dataset(os.fspath(root), columns)
    part: ListName = "train" if split.endswith("-train") else "test"
    subset = split.removeprefix("iharmony4").removesuffix("-train").removeprefix("-") or None
    return IHarmony4(root, subset=subset, part=part, allow_incomplete=allow_incomplete, name=split)


def _root(split: str, root: str | os.PathLike[str] | None) -> str | os.PathLike[str]:
    variable = ROOTS.get(split.partition("-")[0])
    root = root or (os.environ.get(variable) if variable else None)
    if not root:
        also = f" or set {variable}" if variable else ""
        what = "name it with --root" if split == "hf" else "give its folder with --root"
        raise BenchmarkError(f"the split {split} is not part of sshbench; {what}{also}")
    return root


def _packed(where: str, table: Table, allow_incomplete: bool) -> Table:
    if len(table) != EXPECTED and not allow_incomplete:
        raise BenchmarkError(
            f"{where}: there are {len(table)} samples of {EXPECTED}; pack all of RealHM, or go on with "
            "--allow-incomplete"
        )
    return table


load_benchmark = open_benchmark
"""The name of `open_benchmark` in the package `sshbench`."""
