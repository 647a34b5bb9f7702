"""Make one shard: render photographs and write a complete Parquet file and its record."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sshbench.lut.bank import LutBank
from sshbench.triplets.codecs import encode_mask
from sshbench.triplets.manifest import RECORDS, Run, ShardRecord, Skipped
from sshbench.triplets.recipe import Recipe, make_recipes
from sshbench.triplets.render import Rendered, RenderedComposite, render
from sshbench.triplets.settings import PHOTOGRAPHED
from sshbench.triplets.shard_file import ParquetShard
from sshbench.triplets.source import Partners, Photo, SkippedImage, Source
from sshbench.triplets.storage import Storage

Report = Callable[[int, int], None]
"""A function that receives the number of finished photographs of a shard, and the number of those without output."""

Tick = Report
"""A function that receives the same two numbers over all unfinished shards of a process."""

Todo = Iterator[tuple[int, ShardRecord | None]]
"""The numbers of the shards to make, each with its record if the shard was made before."""

Made = tuple[ShardRecord, bool]
"""The record of a shard, and whether the shard was made now; False if it existed and is whole."""

_RECIPES_AT_ONCE = 4096
_PHOTOS_AT_ONCE = 64  # the number of encoded images of a stream in memory


@dataclass(frozen=True, eq=False)
class ShardJob:
    """The data that a worker needs to make any shard of a run."""

    run: Run
    source: Source
    bank: LutBank | None
    output: Storage
    partners: Partners | None = None
    verify: str = "hash"
    retry_skipped: bool = False


def make_shard(job: ShardJob, number: int, record: ShardRecord | None, report: Report) -> Made:
    """Make shard `number` unless the shard of `record` is whole, and return the record of the shard.

    A shard past the end of a stream has no photographs; only its record is written.

    Raises
    ------
    StorageError
        The output cannot be written.
    SshbenchError
        The source can no longer be read.
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
    job.output.write(f"{RECORDS}/{made.name}", json.dumps(made.to_dict(), ensure_ascii=False).encode())
    return made, True


def is_whole(job: ShardJob, record: ShardRecord) -> bool:
    """Return whether the file of a shard has the size and, unless `job.verify` is `"size"`, the hash of its record."""
    if not record.photos:
        return True
    if record.skipped and job.retry_skipped:
        return False
    if job.output.size(record.file) != record.bytes:
        return False
    return job.verify == "size" or job.output.sha256(record.file) == record.sha256


def partners_of(run: Run, source: Source) -> Partners | None:
    """Return the photographs from which colour transfer takes its colours; None if the run needs no partners."""
    if run.settings.appearance != "color-transfer" or run.store == "recipes":
        return None
    return Partners([source.row_id(i) for i in range(len(source))])


Outcome = tuple[list[dict[str, Any]], list[Skipped]]


def outcomes(job: ShardJob, start: int, stop: int) -> Iterator[Outcome]:
    """Yield the rows and the skipped draws of each photograph from `start` up to, but not including, `stop`."""
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


def _rendered(job: ShardJob, photo: Photo, recipes: list[Recipe]) -> Outcome:
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


def _row(job: ShardJob, recipe: Recipe, views: Rendered | RenderedComposite) -> dict[str, Any]:
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
    if isinstance(views, Rendered) or job.run.settings.background == "look":
        row |= {"beta": appearance_name(job.run, recipe.beta), "beta_strength": recipe.beta_strength}
    return row | boxes


def appearance_name(run: Run, number: int) -> str:
    """Return the name of the appearance for a number of `Recipe.alpha` or `Recipe.beta` in this run."""
    if run.settings.has_bank:
        return run.luts[number][0]
    if run.settings.appearance == "saturation":
        return "saturation"
    return PHOTOGRAPHED if number < 0 else run.settings.transfers[number]
