"""A dataset of the Hugging Face hub as a source, whole or as a stream."""

from __future__ import annotations

import os
import re
import socket
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from sshbench.images.cells import ReadFile, cell_bytes
from sshbench.images.hub import hub_files
from sshbench.images.opening import ImageFileError
from sshbench.triplets.source import FileSource, Photo, Source, SourceError, fingerprint_of, skipping
from sshbench.triplets.source_tables import choose_column


def open_hub(
    name: str,
    *,
    config: str | None,
    split: str | None,
    column: str | None,
    revision: str | None,
    streaming: bool,
    masks: str | None,
    min_side: int,
    max_pixels: int,
) -> Source:
    """Open a dataset by its id.

    Raises
    ------
    SourceError
        The dataset, config, split or column does not exist, or the hub cannot be reached.
    """
    _spare_the_retries()
    try:
        import datasets
    except ImportError as error:
        raise SourceError(
            f"{name} is no folder or file here, and to open datasets of the hub pip install datasets"
        ) from error

    try:
        builder = datasets.load_dataset_builder(name, config, revision=revision)
        split = _split(name, builder, split)
        data = datasets.load_dataset(name, config, split=split, revision=revision, streaming=streaming)
    except SourceError:
        raise
    except Exception as error:  # the hub and its HTTP library raise their own classes, and ValueError for names
        raise SourceError(_why(name, error)) from error
    features = data.features or data._resolve_features().features
    columns = {
        key: isinstance(kind, datasets.Image) or getattr(kind, "dtype", "") == "binary"
        for key, kind in features.items()
    }
    mask_column = None if masks is None else choose_column(name, columns, masks)
    column = choose_column(name, columns, column, but=mask_column)
    kept = [c for c in (column, mask_column) if c is not None]
    data = data.select_columns(kept)
    for c in kept:
        if isinstance(features[c], datasets.Image):
            data = data.cast_column(c, datasets.Image(decode=False))
    commit = getattr(builder, "hash", None) or revision or "main"
    description = {
        "kind": "hub",
        "spec": name,
        "config": builder.config.name,
        "split": split,
        "column": column,
        "masks": mask_column,
        "revision": commit,
        "license": builder.info.license or None,
    }
    return HubSource(data, description, min_side, max_pixels, hub_files(name, data.info.builder_name))


def _spare_the_retries() -> None:
    """Use only the local cache if there is no network; `datasets` would retry and log for half a minute."""
    if "huggingface_hub" in sys.modules or any(name.lower().endswith("_proxy") for name in os.environ):
        return
    hub = urlsplit(os.environ.get("HF_ENDPOINT", "https://huggingface.co"))
    try:
        socket.create_connection((hub.hostname or "", hub.port or 443), timeout=10).close()
    except OSError:
        os.environ.setdefault("HF_HUB_OFFLINE", "1")


def _split(name: str, builder: Any, split: str | None) -> str:
    """Return the given split (or a slice such as `train[:100]`); by default `train`, or else the only split."""
    splits = [str(s) for s in builder.info.splits or ()]
    if split is None and len(splits) == 1:
        return splits[0]
    split = split or "train"
    if splits and not set(re.split(r"\[[^]]*\]|\+", split)) - {""} <= {*splits, "all"}:
        raise SourceError(f"{name} has no split {split!r}; choose --split {' or '.join(splits)}")
    return split


def _why(name: str, error: Exception) -> str:
    import datasets

    text = " ".join(str(error).split())
    kinds = {kind.__name__ for cause in _causes(error) for kind in type(cause).__mro__}
    if isinstance(error, datasets.exceptions.DatasetNotFoundError) and not kinds & _UNREACHED:
        return f"{name} is no folder or file here, and the hub has no dataset of that name that you may read"
    if kinds & _UNREACHED:
        return (
            f"{name} is no folder or file here, and the hub cannot be reached to look for a dataset of that name; "
            "connect to the network or give a folder"
        )
    return f"the dataset {name} cannot be opened ({text[:300]})"


_UNREACHED = {
    "ConnectionError",
    "ConnectError",
    "OfflineModeIsEnabled",
    "LocalEntryNotFoundError",
    "TimeoutError",
    "TimeoutException",
    "ProxyError",
}


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    for _ in range(10):
        if error is None:
            return
        yield error
        error = error.__cause__ or error.__context__


class HubSource(FileSource):
    """The rows of a dataset on the hub. A row id is `revision:split:index`."""

    def __init__(
        self,
        data: Any,
        description: dict[str, Any],
        min_side: int,
        max_pixels: int,
        files: ReadFile | None = None,
    ) -> None:
        super().__init__(min_side, max_pixels)
        self.data, self.description, self.files = data, description, files
        self.streaming = not hasattr(data, "__len__")
        # The position of the stream, so that the next part continues there and does not start from the beginning.
        self._running: tuple[int, Iterator[dict[str, Any]]] | None = None
        self.prefix = f"{description['revision']}:{description['split']}:"
        named = [str(description[key]) for key in ("spec", "config", "split", "column", "revision")]
        if not self.streaming:
            description["photographs"] = len(data)
            named.append(str(len(data)))
            if not len(data):
                raise SourceError(f"{description['spec']}: the split {description['split']} holds no rows")
        self.fingerprint = fingerprint_of(named)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_running": None}

    def __len__(self) -> int:
        self._not_streaming()
        return len(self.data)

    def row_id(self, i: int) -> str:
        return f"{self.prefix}{i}"

    def index(self, row: str) -> int:
        self._not_streaming()
        i = row.removeprefix(self.prefix)
        if i == row or not i.isdecimal() or int(i) >= len(self):
            raise SourceError(
                f"{self.description['spec']} has no row {row}; it was made from another revision or split"
            )
        return int(i)

    def encoded(self, i: int) -> bytes:
        self._not_streaming()
        return self.cell(self.data[i], self.row_id(i))

    def encoded_mask(self, i: int) -> bytes | None:
        self._not_streaming()
        return None if self.description["masks"] is None else self.mask_cell(self.data[i], self.row_id(i))

    def cell(self, values: dict[str, Any], row: str) -> bytes:
        """Return the bytes of the image file of a row's photograph."""
        data = cell_bytes(values[self.description["column"]], row, self.files)
        if data is None:
            raise ImageFileError(row, "the image is missing there")
        return data

    def mask_cell(self, values: dict[str, Any], row: str) -> bytes | None:
        """Return the bytes of a row's mask file; None if the row has no mask."""
        column = self.description["masks"]
        return None if column is None else cell_bytes(values[column], row, self.files)

    def photos(self, start: int = 0, stop: int | None = None) -> Iterator[Photo]:
        if not self.streaming:
            yield from super().photos(start, stop)
            return
        i, rows = self._running if self._running is not None else (0, iter(self.data))
        if i > start:
            i, rows = 0, iter(self.data)
        while stop is None or i < stop:
            try:
                values = next(rows, None)
            except Exception as error:  # the hub and its HTTP library raise their own classes
                self._running = None
                text = " ".join(str(error).split())[:200]
                raise SourceError(
                    f"{self.description['spec']}: the stream broke off at row {i} ({text}); run it again to go on"
                ) from error
            if values is None:
                return
            i += 1
            self._running = i, rows
            if i > start:
                yield _StreamedRow(self, self.row_id(i - 1), values)

    def _not_streaming(self) -> None:
        if self.streaming:
            raise SourceError(f"{self.description['spec']} is a stream, read in order only; leave --streaming out")


class _StreamedRow:
    def __init__(self, source: HubSource, row: str, values: dict[str, Any]) -> None:
        self.source, self.row, self.values = source, row, values

    def read(self, short_side: int | None = None) -> NDArray[np.uint8]:
        with skipping(self.row):
            return self.source.decoded(self.source.cell(self.values, self.row), self.row, short_side)

    def read_mask(self, short_side: int | None = None) -> NDArray[np.uint8] | None:
        with skipping(self.row, "its mask "):
            mask = self.source.mask_cell(self.values, self.row)
        if mask is None:
            return None
        return self.source.decoded_mask(mask, self.row, lambda: self.source.cell(self.values, self.row))
