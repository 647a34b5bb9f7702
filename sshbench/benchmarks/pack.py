"""Pack RealHM, or any folder in its layout, into one Parquet file with the unchanged bytes of its files."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from sshbench.benchmarks.realhm import RealHM
from sshbench.devices import processors
from sshbench.outputs import check_file
from sshbench.whole_file import whole_file


def pack(
    benchmark: RealHM, path: str | os.PathLike[str], progress: Callable[[int, int], None] = lambda done, total: None
) -> None:
    """Write a Parquet file with one row for each sample: `id`, the unchanged file of each role, and the attributes.

    Each row has its own row group, so that one sample can be read without the others.

    Raises
    ------
    BenchmarkError
        A sample cannot be used.
    OSError
        The file cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    check_file(path)
    roles = list(benchmark.files[benchmark.ids()[0]])
    kinds: dict[str, type] = {"id": str}
    for id in benchmark.ids():
        for name, value in benchmark.attributes_of(id).items():
            name = _column(name, roles)
            kinds[name] = str if kinds.get(name) is str else type(value)
    kinds["foreground_ratio"] = float
    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    features: dict[str, Any] = {name: {"_type": "Image"} for name in roles} | {
        name: {"_type": "Value", "dtype": "string" if kind is str else "float64"} for name, kind in kinds.items()
    }
    schema = pa.schema(
        [(name, image) for name in roles]
        + [(name, pa.string() if kind is str else pa.float64()) for name, kind in kinds.items()],
        metadata={"huggingface": json.dumps({"info": {"features": features}})},
    )
    with (
        whole_file(path) as temporary,
        pq.ParquetWriter(temporary, schema, compression="none") as writer,
        ThreadPoolExecutor(processors()) as pool,
    ):
        # Every file is decoded once, so that the packed file holds only usable samples.
        decoded = pool.map(lambda id: benchmark[id].attributes, benchmark.ids())
        for done, (id, attributes) in enumerate(zip(benchmark.ids(), decoded, strict=True), 1):
            row: dict[str, Any] = {"id": id}
            for name, value in attributes.items():
                column = _column(name, roles)
                row[column] = kinds[column](value)
            for role, file in benchmark.files[id].items():
                row[role] = {"bytes": Path(file).read_bytes(), "path": f"{id}{file.name.removeprefix(Path(id).name)}"}
            writer.write_table(pa.Table.from_pylist([row], schema=schema))
            progress(done, len(benchmark))


def _column(attribute: str, roles: list[str]) -> str:
    """Return the column name of an attribute. An attribute named `id` or like a role gets another column name."""
    return f"{attribute}_attribute" if attribute in (*roles, "id") else attribute
