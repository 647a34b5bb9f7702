"""Tables that anybody may have made: Parquet, Arrow and WebDataset files with odd cells, and damaged themselves."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from sshbench.benchmarks.open import open_benchmark
from sshbench.errors import SshbenchError
from sshbench.triplets.source import SkippedImage
from sshbench.triplets.sources import open_source
from tests.hostile.driver import ODD_NAMES, Files, Target, damaged, damaged_bytes, fuzz
from tests.hostile.pictures import mask, photo

_CELL = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
_ROWS = 2


def _make(random: Random) -> Files:
    return _table(
        random, [{"bytes": photo(random), "path": None}] * _ROWS, [{"bytes": mask(random), "path": None}] * _ROWS
    )


def _damage(random: Random, files: Files) -> Files:
    """Damage the cells, the file, or both."""
    if random.random() < 0.7:
        images, masks = ([_odd_cell(random) for _ in range(_ROWS)] for _ in range(2))
        files = _table(random, images, masks)
    return damaged(random, files) if random.random() < 0.5 else files


def _odd_cell(random: Random) -> Any:
    data = random.choice(
        (None, b"", photo(random, odd=True), mask(random, odd=True), damaged_bytes(random, photo(random)))
    )
    names = [name for name in ODD_NAMES if name.isprintable() or "\\0" in name]
    path = random.choice((None, "beside.png", "./beside.png", "beside.png/", *names))
    return random.choice((None, {"bytes": data, "path": path}, {"bytes": None, "path": path}))


def _table(random: Random, images: list[Any], masks: list[Any]) -> Files:
    which = random.choice(("parquet", "arrow", "tar"))
    file = io.BytesIO()
    if which == "tar":
        with tarfile.open(fileobj=file, mode="w") as tar:
            for k, cells in enumerate(zip(images, masks, strict=True)):
                for suffix, cell in zip((random.choice(("png", "jpg")), "mask.png"), cells, strict=True):
                    data = (cell or {}).get("bytes") or b""
                    member = tarfile.TarInfo(f"{k}.{suffix}")
                    member.size = len(data)
                    tar.addfile(member, io.BytesIO(data))
    else:
        columns = {"composite": pa.array(images, _CELL), "mask": pa.array(masks, _CELL)}
        table = pa.table(columns | {"id": [str(k) for k in range(len(images))]})
        if which == "parquet":
            pq.write_table(table, file)
        else:
            with pa.ipc.new_stream(file, table.schema) as writer:
                writer.write_table(table)
    return {f"a.{which}": file.getvalue(), "beside.png": photo(random)}


def _read(folder: Path) -> None:
    path = next((path for path in folder.iterdir() if path.suffix != ".png"), None)
    if path is None:
        raise SshbenchError("there is no table")
    errors: list[SshbenchError] = []
    if path.suffix == ".parquet":
        try:
            benchmark = open_benchmark("parquet", path, max_pixels=1 << 22)
            for id in benchmark.ids():
                _try(lambda id=id: benchmark[id], errors)
        except SshbenchError as error:
            errors.append(error)
    column = {} if path.suffix == ".tar" else {"column": "composite"}
    masks = "mask.png" if path.suffix == ".tar" else "mask"
    source = open_source(str(path), masks=masks, min_side=1, max_pixels=1 << 22, **column)
    for i in range(min(len(source), 10)):
        _try(lambda i=i: source.read(i), errors)
        _try(lambda i=i: source.read_mask(i), errors)
    if errors:
        raise errors[0]


def _try(read: Any, errors: list[SshbenchError]) -> None:
    try:
        read()
    except SkippedImage as skipped:
        errors.append(SshbenchError(str(skipped)))
    except SshbenchError as error:
        errors.append(error)


TARGET = Target(_make, _read, _damage)


def test_the_readers_of_cells(tmp_path: Path) -> None:
    fuzz(TARGET, tmp_path)
