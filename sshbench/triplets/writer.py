"""One shard: photographs in, a whole Parquet file and its record out.

The images are encoded once and stored as bytes under the schema of Hugging Face's `Image` feature, so that
`datasets.load_dataset("parquet", ...)` opens them as images and any other Parquet reader as files.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sshbench.lut.bank import LutBank
from sshbench.triplets.codecs import encode_mask
from sshbench.triplets.manifest import RECORDS, Run, ShardRecord, Skipped
from sshbench.triplets.recipe import Recipe, make_recipes
from sshbench.triplets.render import Rendered, RenderedComposite, render
from sshbench.triplets.sources import Partners, Photo, SkippedImage, Source
from sshbench.triplets.storage import Storage

if TYPE_CHECKING:
    import pyarrow as pa

Report = Callable[[int, int], None]
"""Called with the photographs done so far in a shard, and how many of them gave nothing."""

Tick = Report
"""The same over all unfinished shards of a process."""

Todo = Iterator[tuple[int, ShardRecord | None]]
"""Shards to make, each with its record where it was made before."""

Made = tuple[ShardRecord, bool]
"""A shard's record, and whether it was made now rather than found whole."""

_GROUP_BYTES = 32 << 20
_GROUP_ROWS = 10_000
_RECIPES_AT_ONCE = 4096
_PHOTOS_AT_ONCE = 64  # a stream holds so many encoded images


@dataclass(frozen=True, eq=False)
class Job:
    """What a worker needs to make any shard of a run."""

    run: Run
    source: Source
    bank: LutBank | None
    output: Storage
    partners: Partners | None = None
    verify: str = "hash"
    retry_skipped: bool = False


def make_shard(job: Job, number: int, record: ShardRecord | None, report: Report) -> Made:
    """Check the shard that `record` describes, or make shard `number`.

    Of a shard without photographs, past the end of a stream, only the record is written.

    Raises
    ------
    StorageError
        The output cannot be written.
    SshbenchError
        The source cannot be read any more.
    """
    if record is not None and is_whole(job, record):
        return record, False
    run = job.run
    start = number * run.photos_per_shard
    photos, lost = 0, 0
    skipped: list[Skipped] = []
    made = ShardRecord(number, 0, 0, 0, "")
    with job.output.unfinished(made.file) as path:
        with ParquetShard(path, run) as shard:
            for rows, missed in outcomes(job, start, start + run.photos_per_shard):
                photos += 1
                lost += not rows
                skipped += missed
                for row in rows:
                    shard.add(row)
                report(photos, lost)
        if photos:
            made = ShardRecord(
                number, photos, shard.rows, shard.file.bytes, shard.file.digest.hexdigest(), tuple(skipped)
            )
        else:
            path.unlink()
    job.output.write(f"{RECORDS}/{number:05d}.json", json.dumps(made.to_dict(), ensure_ascii=False).encode())
    return made, True


def is_whole(job: Job, record: ShardRecord) -> bool:
    """Whether a shard is there as its record says: its size and, unless `job.verify` is `"size"`, its hash."""
    if not record.photos:
        return True
    if record.skipped and job.retry_skipped:
        return False
    if job.output.size(record.file) != record.bytes:
        return False
    return job.verify == "size" or job.output.sha256(record.file) == record.sha256


def partners_of(run: Run, source: Source) -> Partners | None:
    """The photographs from which colour transfer takes its colours, where the run has need of them."""
    if run.settings.appearance != "color-transfer" or run.store == "recipes":
        return None
    return Partners([source.row_id(i) for i in range(len(source))])


Outcome = tuple[list[dict[str, Any]], list[Skipped]]


def outcomes(job: Job, start: int, stop: int) -> Iterator[Outcome]:
    """For each photograph: the rows it gives, and what it does not give."""
    if job.run.store == "pixels":
        photos = job.source.photos(start, stop)
        while some := list(islice(photos, _PHOTOS_AT_ONCE)):
            for photo, recipes in zip(some, _recipes(job.run, [photo.row for photo in some]), strict=True):
                yield _rendered(job, photo, recipes)
    else:
        for ids in _batches(job.source, start, stop):
            for recipes in _recipes(job.run, ids):
                yield [recipe.to_row() for recipe in recipes], []


def _batches(source: Source, start: int, stop: int) -> Iterator[list[str]]:
    if source.streaming:
        yield [photo.row for photo in source.photos(start, stop)]
        return
    stop = min(stop, len(source))
    for first in range(start, stop, _RECIPES_AT_ONCE):
        yield [source.row_id(i) for i in range(first, min(stop, first + _RECIPES_AT_ONCE))]


def _recipes(run: Run, ids: list[str]) -> list[list[Recipe]]:
    draws = run.settings.draws
    flat = make_recipes(run.settings, [r for r in ids for _ in range(draws)], [*range(draws)] * len(ids), len(run.luts))
    return [flat[i : i + draws] for i in range(0, len(flat), draws)]


def _rendered(job: Job, photo: Photo, recipes: list[Recipe]) -> Outcome:
    settings = job.run.settings
    try:
        pixels = photo.read(settings.short_side)
    except SkippedImage as error:
        return [], [Skipped(error.row, error.reason)]

    def read(row: str) -> NDArray[np.uint8]:
        return pixels if row == photo.row else job.source.read(job.source.index(row), settings.short_side)

    rows, skipped = [], []
    for recipe in recipes:
        try:
            views = render(
                recipe,
                settings,
                read,
                job.bank,
                read_mask=lambda _: photo.read_mask(settings.short_side),
                partners=job.partners,
                views=job.run.views,
            )
        except SkippedImage as error:
            skipped.append(Skipped(photo.row, error.reason, recipe.draw))
        else:
            rows.append(_row(job, recipe, views))
    return rows, skipped


def _row(job: Job, recipe: Recipe, views: Rendered | RenderedComposite) -> dict[str, Any]:
    encode = job.run.codec.encode
    images: dict[str, bytes] = {}
    boxes: dict[str, Any] = {"content_box": views.content_box}
    if isinstance(views, Rendered):
        images = {name: encode(getattr(views, name)) for name in ("foreground", "background", "ground_truth")}
        if views.reference_alpha is not None:
            images["reference_alpha"] = encode(views.reference_alpha)
        boxes["reference_box"] = views.reference_box
    else:
        images = {"composite": encode(views.composite), "mask": encode_mask(views.mask), "real": encode(views.real)}
    row = {
        **images,
        "row": recipe.row,
        "draw": recipe.draw,
        "alpha": appearance_name(job.run, recipe.alpha),
        "alpha_strength": recipe.alpha_strength,
    }
    if isinstance(views, Rendered):
        row |= {"beta": appearance_name(job.run, recipe.beta), "beta_strength": recipe.beta_strength}
    return row | boxes


def appearance_name(run: Run, number: int) -> str:
    """What `Recipe.alpha` or `Recipe.beta` stands for in this run."""
    match run.settings.appearance:
        case "lut":
            return run.luts[number][0]
        case "color-transfer":
            return "as photographed" if number < 0 else run.settings.transfers[number]
    return "saturation"


# The columns

IMAGES = {"triplets": ("foreground", "background", "ground_truth"), "composites": ("composite", "mask", "real")}


def columns(run: Run) -> dict[str, str]:
    """Name to kind (`image`, `box`, or a type of Arrow) of each column of a shard."""
    if run.store == "recipes":
        row = make_recipes(run.settings, ["row"], [0], max(2, len(run.luts)))[0].to_row()
        kinds = {str: "string", int: "int64", float: "float64"}
        return {name: kinds[type(value)] for name, value in row.items()}
    names = dict.fromkeys(IMAGES[run.settings.kind], "image")
    scalars = {"row": "string", "draw": "int64", "alpha": "string", "alpha_strength": "float64"}
    if run.settings.kind == "composites":
        return names | scalars | {"content_box": "box"}
    if run.views == 4:
        names["reference_alpha"] = "image"
    beta = {"beta": "string", "beta_strength": "float64"}
    return names | scalars | beta | {"content_box": "box", "reference_box": "box"}


def schema(run: Run) -> pa.Schema:
    """The schema of a shard, with the features by which `datasets` knows its image columns."""
    import pyarrow as pa

    types = {
        "image": (pa.struct([("bytes", pa.binary()), ("path", pa.string())]), {"_type": "Image"}),
        # `Sequence` is read by old and new versions of datasets, `List` by new ones alone.
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
    """A file being written, with the SHA-256 and the number of its bytes."""

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
    """A Parquet file of a run, written a row at a time; memory holds one row group."""

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
            # Encoded images do not shrink further, and statistics of them are of no use.
            compression={name: "zstd" for name in self.schema.names if name not in self.images}
            | {f"{name}.{part}": "none" for name in self.images for part in ("bytes", "path")},
            use_dictionary=[name for name in scalars if name != "row"],
            write_statistics=scalars,
        )

    def add(self, row: dict[str, Any]) -> None:
        """Add a row; images are their bytes."""
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
        # Both may try to write what is left, which fails again where the disk is full.
        with suppress(Exception):
            self._writer.close()
        with suppress(Exception):
            self.file.close()
