"""Try a method on three difficult images before a benchmark runs, and report its faults in sentences."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sshbench.benchmarks.composite import Composite, paste
from sshbench.benchmarks.open import open_benchmark
from sshbench.benchmarks.prediction import Pixels
from sshbench.methods.base import Method, MethodFailed
from sshbench.methods.calling import harmonize

OUTSIDE = 2.0  # mean change of the background that is tolerated, in codes of 0..255: JPEG changes as much
ALIKE = 2  # difference of two predictions of one image that is tolerated, in codes: PyTorch's order of sums varies


@dataclass(frozen=True)
class TriedImage:
    """One of the three images, with the faults of the method on this image.

    Parameters
    ----------
    says
        The special property of the image.
    problems
        The faults, each a sentence; empty if there are none.
    remarks
        Behaviour that may be intended.
    seconds
        The time of one prediction; None if there was none.
    traceback
        The traceback of an error in the method; empty if there was none.
    """

    says: str
    problems: tuple[str, ...]
    remarks: tuple[str, ...] = ()
    seconds: float | None = None
    traceback: str = ""


def images() -> list[tuple[str, Composite]]:
    """Return three images made from the embedded sample, each after a text that names its special property."""
    sample = open_benchmark("sample")[0]
    odd = _of_size(sample, 257, 131, "check/odd")
    tall = _of_size(sample, 61, 203, "check/tall")
    empty = _of_size(sample, 96, 64, "check/empty-mask")
    nothing = np.zeros_like(empty.mask)
    background = empty.background
    empty = replace(empty, mask=nothing, composite=background, foreground=background, target=background)
    return [
        ("257 x 131 pixels, both odd", odd),
        ("61 x 203 pixels, tall and small, the mask a hard edge", replace(tall, mask=np.rint(tall.mask))),
        ("96 x 64 pixels, the mask empty", empty),
    ]


def try_method(method: Method) -> Iterator[TriedImage]:
    """Run a method on each of `images` alone and a second time, and then on all images in one batch.

    Yield one result for each image. If every image passes but the batch fails, a fourth result reports the batch.
    """
    shown = images()
    alone: list[Pixels | None] = []
    for says, composite in shown:
        trial, prediction = _try_one(method, says, composite)
        alone.append(prediction)
        yield trial
    if all(one is not None for one in alone):
        problems, trace = _batch_problems(method, [composite for _, composite in shown], alone)
        if problems:
            yield TriedImage("the three images in one batch, as --batch-size 3 gives them", problems, traceback=trace)


def _try_one(method: Method, says: str, composite: Composite) -> tuple[TriedImage, Pixels | None]:
    given = _copied(composite)
    start = time.perf_counter()
    try:
        [prediction] = harmonize(method, [given])
    except MethodFailed as error:
        return TriedImage(says, (str(error),), traceback=error.traceback or ""), None
    seconds = time.perf_counter() - start
    problems, remarks = [], []
    height, width = composite.mask.shape
    if prediction.shape[:2] != (height, width):
        size = f"{prediction.shape[1]} x {prediction.shape[0]}"
        problems.append(f"the prediction is {size} pixels and the composite {width} x {height}; return the full size")
        return TriedImage(says, tuple(problems), seconds=seconds), None
    if prediction.dtype == np.uint8 and prediction.max(initial=0) <= 1 < composite.composite.max():
        problems.append(
            "the prediction is uint8 with no value above 1; multiply values of 0..1 by 255, or return floats"
        )
    changed = [role for role in _ROLES if _differ(getattr(given, role), getattr(composite, role))]
    if changed:
        problems.append(f"the method changes its input ({', '.join(changed)}) in place; work on a copy")
    if not problems:
        problems += _second_time(method, composite, prediction)
        remarks += _background_remarks(composite, prediction)
    return TriedImage(says, tuple(problems), tuple(remarks), seconds), prediction


def _second_time(method: Method, composite: Composite, first: Pixels) -> list[str]:
    try:
        [second] = harmonize(method, [_copied(composite)])
    except MethodFailed as error:
        return [f"the same image fails the second time: {error}"]
    if _apart(first, second) > ALIKE:
        return ["the same image gives another prediction the second time; set the seeds, and keep no state"]
    return []


def _background_remarks(composite: Composite, prediction: Pixels) -> list[str]:
    outside = composite.mask == 0
    if not outside.any():
        return []
    change = np.abs(_codes(prediction)[outside] - composite.composite[outside]).mean()
    if change <= OUTSIDE:
        return []
    return [
        f"outside of the mask the prediction differs from the composite by {change:.1f} of 255 on average; protocols "
        "that paste the background back do not see that, the others do"
    ]


def _batch_problems(
    method: Method, batch: Sequence[Composite], alone: Sequence[Pixels | None]
) -> tuple[tuple[str, ...], str]:
    try:
        together = harmonize(method, [_copied(one) for one in batch])
    except MethodFailed as error:
        return (f"it fails on three images of three sizes at once: {error}",), error.traceback or ""
    wrong = [
        composite.id
        for composite, one, other in zip(batch, together, alone, strict=True)
        if other is None or one.shape != other.shape or _apart(one, other) > ALIKE
    ]
    if wrong:
        return (f"{', '.join(wrong)} get another prediction in a batch than alone; images must not mix",), ""
    return (), ""


_ROLES = ("composite", "foreground", "background", "mask", "target")


def _of_size(sample: Composite, width: int, height: int, id: str) -> Composite:
    def sized(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC))

    mask = np.asarray(Image.fromarray(sample.mask).resize((width, height), Image.Resampling.BILINEAR), np.float32)
    mask = np.clip(mask, 0, 1)
    foreground, background = sized(sample.foreground), sized(sample.background)
    target = None if sample.target is None else sized(sample.target)
    return Composite(id, paste(foreground, background, mask), foreground, background, mask, target)


def _copied(composite: Composite) -> Composite:
    """Return a copy with writable arrays, so that a method that changes its input is detected."""
    arrays: dict[str, Any] = {
        role: None if (array := getattr(composite, role)) is None else array.copy() for role in _ROLES
    }
    return replace(composite, **arrays)


def _differ(one: NDArray[np.generic] | None, other: NDArray[np.generic] | None) -> bool:
    return one is not None and other is not None and not np.array_equal(one, other)


def _codes(image: Pixels) -> NDArray[np.float64]:
    """Return the values over 0..255 as float64; floats over 0..1 are scaled."""
    return image.astype(np.float64) * (1 if image.dtype == np.uint8 else 255)


def _apart(one: Pixels, other: Pixels) -> float:
    return float(np.abs(_codes(one) - _codes(other)).max(initial=0))
