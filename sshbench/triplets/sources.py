"""`open_source`: the embedded sample, image folders, Parquet, Arrow and WebDataset files, and datasets of the hub."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from sshbench.folders import data_folder
from sshbench.images.decode import MAX_PIXELS, MIN_SIDE
from sshbench.triplets import source_files, source_hub, source_tables
from sshbench.triplets.held_out import Part
from sshbench.triplets.selection import Selection
from sshbench.triplets.source import SAMPLE, Partners, SkippedImage, SkippedWarning, Source, SourceError

__all__ = ["Partners", "SkippedImage", "SkippedWarning", "Source", "SourceError", "open_source"]

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")


def open_source(
    spec: str,
    *,
    config: str | None = None,
    split: str | None = None,
    column: str | None = None,
    revision: str | None = None,
    streaming: bool = False,
    masks: str | None = None,
    min_side: int = MIN_SIDE,
    max_pixels: int = MAX_PIXELS,
    part: Part = "all",
    masked: bool = False,
    limit: int | None = None,
) -> Source:
    """Open `sample`, a folder, a Parquet, Arrow or WebDataset path (or pattern), or a Hugging Face dataset id.

    Parameters
    ----------
    spec
        The name of the source: `sample` (unless a folder has this name); a folder with images or table files; one table
        file; a pattern such as `data/train-*.parquet`; an fsspec URL of any of these; or else the id of a dataset on
        the hub.
    config, revision, streaming
        The configuration and the revision of a dataset on the hub, and whether to read it as a stream.
    split
        The split. For a dataset on the hub, the default is `train` or the only split. For table files, the files with
        the split in their names are read; the default is `train` if their names contain several splits, and `"all"`
        reads all files.
    column
        The column of a dataset or of table files; the default is the only column that holds images. For WebDataset
        files, the suffix, or several suffixes joined by `;`; the default is all suffixes if no sample has two images.
    masks
        A folder whose files have the names of the photographs (with any suffix), or a column of the dataset.
    min_side
        Photographs with a smaller short side, in pixels, are skipped. Rendering also skips photographs smaller than the
        crop.
    max_pixels
        Photographs with more pixels are skipped.
    part
        `"train"` or `"held-out"` leaves out the other part of the photographs; `held_out.is_held_out` decides the part.
    masked, limit
        Whether to leave out photographs without a mask, and the number of photographs to take, spread over the source
        by a hash of their row ids.

    Returns
    -------
    Source
        The photographs. `len(source)` is their number, and `source.read(i, short_side)` returns one, uint8 `[H, W, 3]`.

    Raises
    ------
    SourceError
        The source does not exist, holds no photographs (of the part), or lacks the column, or the hub cannot be
        reached.

    Examples
    --------
    >>> from sshbench.triplets import open_source
    >>> photos = open_source("sample")
    >>> len(photos), photos.row_id(0)
    (12, 'aitzgorri.jpg')
    """
    options: dict[str, Any] = {
        "config": config, "split": split, "column": column, "revision": revision, "streaming": streaming,
        "masks": masks, "min_side": min_side, "max_pixels": max_pixels,
    }  # fmt: skip
    if part != "all" or masked or limit is not None:
        whole = open_source(spec, **options)
        return Selection(whole, part, masked=masked, limit=limit)
    place = str(Path(spec).expanduser()) if "://" not in spec else spec
    if spec == SAMPLE and not Path(spec).is_dir():
        place = str(data_folder(SAMPLE))
    found = source_files.find(place)
    if found is None:
        if not _HUB_ID.fullmatch(spec):
            raise SourceError(f"{spec}: no such folder or file")
        return source_hub.open_hub(spec, **options)
    for_datasets: dict[str, object] = {"config": config, "revision": revision, "streaming": streaming or None}
    if found.kind == "images":
        for_datasets |= {"split": split, "column": column}
    for name, value in for_datasets.items():
        if value is not None:
            raise SourceError(f"--{name} is for datasets, but {spec} is {found.what}; leave it out")
    if found.kind == "images":
        return source_files.ImageSource(spec, found, masks=masks, min_side=min_side, max_pixels=max_pixels)
    return source_tables.TableSource(
        spec, found, split=split, column=column, masks=masks, min_side=min_side, max_pixels=max_pixels
    )
