"""The Parquet file of a shard: its columns, its schema for `datasets`, and its hash.

Images are stored as encoded bytes under the schema of Hugging Face's `Image` feature. `datasets.load_dataset` therefore
returns them as images, and every other Parquet reader returns the bytes of their files.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from sshbench.triplets.recipe import make_recipe

if TYPE_CHECKING:
    import pyarrow as pa

    from sshbench.triplets.manifest import Run

SHARDS = "data/train-*.parquet"
"""The pattern of the names that `shard_name` returns."""
_GROUP_BYTES = 32 << 20
_GROUP_ROWS = 10_000

IMAGES = {"triplets": ("foreground", "background", "ground_truth"), "composites": ("composite", "mask", "real")}


def shard_name(number: int) -> str:
    """Return the path of a shard's file, relative to the folder of its store."""
    return f"data/train-{number:05d}.parquet"


def columns(run: Run) -> dict[str, str]:
    """Return the columns of a shard in order: the kind of each (`image`, `box`, or an Arrow type) by its name."""
    if run.store == "recipes":
        row = make_recipe(run.settings, "row", 0, max(2, len(run.luts))).to_row()
        kinds = {str: "string", int: "int64", float: "float64"}
        return {name: kinds[type(value)] for name, value in row.items()}
    names = dict.fromkeys(IMAGES[run.settings.kind], "image")
    scalars = {"row": "string", "draw": "int64", "alpha": "string", "alpha_strength": "float64"}
    beta = {"beta": "string", "beta_strength": "float64"}
    if run.settings.kind == "composites":
        return names | scalars | (beta if run.settings.background == "look" else {}) | {"content_box": "box"}
    if run.views == 4:
        names["reference_alpha"] = "image"
    return names | scalars | beta | {"content_box": "box", "reference_box": "box"}


def schema(run: Run) -> pa.Schema:
    """Return the Arrow schema of a shard, with the metadata that marks image columns for `datasets`."""
    import pyarrow as pa

    types = {
        "image": (pa.struct([("bytes", pa.binary()), ("path", pa.string())]), {"_type": "Image"}),
        # Old and new versions of datasets read `Sequence`; only new versions read `List`.
        "box": (
            pa.list_(pa.float32(), 4),
            {"_type": "Sequence", "length": 4, "feature": {"_type": "Value", "dtype": "float32"}},
        ),
    } | {
        kind: (type_, {"_type": "Value", "dtype": kind})
        for kind, type_ in (("string", pa.string()), ("int64", pa.int64()), ("float64", pa.float64()))
    }
    kinds = columns(run)
    features = {name: types[kind][1] for name, kind in kinds.items()}
    return pa.schema(
        [(name, types[kind][0]) for name, kind in kinds.items()],
        metadata={"huggingface": json.dumps({"info": {"features": features}})},
    )


class HashedFile:
    """A file open for writing that computes the SHA-256 and the number of its bytes."""

    def __init__(self, path: Path) -> None:
        self.file: IO[bytes] = open(path, "wb")  # noqa: SIM115
        self.digest = hashlib.sha256()
        self.bytes = 0

    def write(self, data: Any) -> int:
        self.digest.update(data)
        self.bytes += len(data)
        return self.file.write(data)

    def tell(self) -> int:
        return self.bytes

    def flush(self) -> None:
        self.file.flush()

    def close(self) -> None:
        self.file.close()

    @property
    def closed(self) -> bool:
        return self.file.closed

    def readable(self) -> bool:
        return False

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False


class ParquetShard:
    """A Parquet file of a run, written row by row. Memory holds one row group at a time."""

    def __init__(self, path: Path, run: Run) -> None:
        import pyarrow.parquet as pq

        self.schema, kinds = schema(run), columns(run)
        self.images = [name for name, kind in kinds.items() if kind == "image"]
        scalars = [name for name, kind in kinds.items() if kind not in ("image", "box")]
        self.file = HashedFile(path)
        self.rows = 0
        self._group: list[dict[str, Any]] = []
        self._bytes = 0
        self._writer = pq.ParquetWriter(
            self.file,
            self.schema,
            # Compression does not shrink encoded images further, and statistics of their bytes are useless.
            compression={name: "zstd" for name in self.schema.names if name not in self.images}
            | {f"{name}.{part}": "none" for name in self.images for part in ("bytes", "path")},
            use_dictionary=[name for name in scalars if name != "row"],
            write_statistics=scalars,
        )

    def add(self, row: dict[str, Any]) -> None:
        """Add a row with the columns of `columns`; images are the bytes of encoded files."""
        self._group.append(row)
        self._bytes += sum(len(row[name]) for name in self.images)
        if self._bytes >= _GROUP_BYTES or len(self._group) >= _GROUP_ROWS:
            self._flush()

    def _flush(self) -> None:
        import pyarrow as pa

        if not self._group:
            return
        arrays = []
        for column in self.schema:
            values: Any = [row[column.name] for row in self._group]
            if column.name in self.images:
                encoded = pa.array(values, pa.binary())
                missing = pa.nulls(len(values), pa.string())
                arrays.append(pa.StructArray.from_arrays([encoded, missing], fields=list(column.type)))
            else:
                arrays.append(pa.array(values, column.type))
        self._writer.write_batch(pa.record_batch(arrays, schema=self.schema))
        self.rows += len(self._group)
        self._group, self._bytes = [], 0

    def __enter__(self) -> ParquetShard:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            try:
                self._flush()
                self._writer.close()
                self.file.close()
                return
            except BaseException:
                self._abandon()
                raise
        self._abandon()

    def _abandon(self) -> None:
        # Closing may try to write the remaining data, which fails again if the disk is full.
        with suppress(Exception):
            self._writer.close()
        with suppress(Exception):
            self.file.close()
