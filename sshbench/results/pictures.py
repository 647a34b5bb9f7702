"""Load the images of records at display size: composites, predictions, ground truths and error maps."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sshbench.benchmarks.composite import Benchmark
from sshbench.results.records import Record, RecordsError
from sshbench.results.statistics import capped

Pixels = NDArray[np.uint8]

ERROR_SPAN = 64  # mean absolute error over 0..255 that has the brightest colour of an error map
_RAMP = ((0, 0, 4), (60, 15, 110), (140, 41, 129), (222, 73, 104), (254, 159, 109), (252, 253, 191))


@dataclass(frozen=True, eq=False)
class Pictures:
    """The pictures of one image of a benchmark at display size: uint8 `[H, W, 3]`, all of the same size.

    Parameters
    ----------
    predictions
        The available predictions, by method.
    """

    id: str
    composite: Pixels
    target: Pixels | None
    predictions: Mapping[str, Pixels]

    def error_map(self, method: str) -> Pixels | None:
        """Return the `error_map` of a method's prediction; None without a prediction or a ground truth."""
        if self.target is None or method not in self.predictions:
            return None
        return error_map(self.predictions[method], self.target)


def error_map(prediction: Pixels, target: Pixels) -> Pixels:
    """Return the absolute error, averaged over the channels, in colours from black (0) to pale yellow (`ERROR_SPAN`).

    The images are uint8 `[H, W, 3]`, and so is the result.
    """
    error = np.abs(prediction.astype(np.int16) - target).mean(axis=-1)
    return error_colours(error / ERROR_SPAN)


def error_colours(values: NDArray[np.floating]) -> Pixels:
    """Return the colours, uint8 `[..., 3]`, of values over 0..1 from black to pale yellow."""
    places = np.linspace(0, 1, len(_RAMP))
    channels = [np.interp(values, places, [colour[i] for colour in _RAMP]) for i in range(3)]
    return np.asarray(np.rint(np.stack(channels, axis=-1)), np.uint8)


def results_folders(paths: Iterable[str | os.PathLike[str]]) -> list[Path]:
    """Return the folders of results in which `read_records` finds records. They also hold the predictions."""
    found: dict[Path, None] = {}
    for path in map(Path, paths):
        files = [path] if path.is_file() else sorted([*path.glob("*.parquet"), *path.glob("**/records/*.parquet")])
        found.update((file.parent.parent, None) for file in files)
    return list(found)


def load_pictures(
    benchmark: Benchmark, records: Sequence[Record], folders: Sequence[Path], ids: Sequence[str], side: int
) -> Iterator[Pictures]:
    """Yield the pictures of images, reduced to a long side of at most `side` pixels.

    Raises
    ------
    RecordsError
        The benchmark lacks an image of the records, since the records are of another benchmark or another version.
    """
    by_id: dict[str, list[Record]] = {id: [] for id in ids}
    for record in records:
        if record.id in by_id:
            by_id[record.id].append(record)
    for id, group in by_id.items():
        try:
            sample = benchmark[id]
        except KeyError as error:
            raise RecordsError(
                f"{benchmark.name} has no image {id!r}, which the records are of; give the root they were made from"
            ) from error
        height, width = sample.composite.shape[:2]
        scale = min(1.0, side / max(height, width))
        size = max(round(width * scale), 1), max(round(height * scale), 1)
        predictions = {}
        for record in group:
            image = next((one for f in folders if (one := _prediction(f, record)) is not None), None)
            if image is not None:
                predictions[record.method] = _resized(image, size)
        target = None if sample.target is None else _resized(sample.target, size)
        yield Pictures(id, _resized(sample.composite, size), target, predictions)


def _prediction(folder: Path, record: Record) -> Pixels | None:
    """Return the prediction of a record; None if the folder holds no readable file of the prediction.

    Records are untrusted, so a path that leads out of the folder of results is not followed.
    """
    try:
        path = (folder / record.prediction).resolve()
        if not (path.is_relative_to(folder.resolve() / "predictions") and path.is_file()):
            return None
        with Image.open(path, formats=["PNG"]) as image:
            return np.asarray(image.convert("RGB"))
    except (OSError, SyntaxError, ValueError, RuntimeError, Image.DecompressionBombError):
        return None


def _resized(image: Pixels, size: tuple[int, int]) -> Pixels:
    if image.shape[1::-1] == size:
        return image
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC, reducing_gap=3))


def spread(records: Iterable[Record], metric: str) -> dict[str, float]:
    """Return the range of the methods' values on each image: the largest minus the smallest value, largest range first.

    Ceilings do not count. The unchanged composite (`dc`) does not count if there are two other methods.
    """
    values: dict[str, dict[str, float]] = {}
    for record in records:
        if metric in record.metrics and not record.sees_target:
            values.setdefault(record.id, {})[record.method] = float(capped(record.metrics[metric]))
    found = {}
    for id, by_method in values.items():
        own = [value for method, value in by_method.items() if method != "dc"]
        shown = own if len(own) > 1 else list(by_method.values())
        found[id] = max(shown) - min(shown)
    return dict(sorted(found.items(), key=lambda item: -item[1]))
