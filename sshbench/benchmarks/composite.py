"""One sample of a benchmark, and what a benchmark is: a sequence of them with an id each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from types import MappingProxyType
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from sshbench.errors import SshbenchError

Image = NDArray[np.uint8]
Mask = NDArray[np.float32]

FOREGROUND = 0.5  # a pixel whose mask is at least this is foreground
FAINT = 1 / 32  # JPEG masks are noisy by a few codes everywhere; below this a pixel is not of the foreground


class BenchmarkError(SshbenchError):
    """A benchmark that cannot be opened or a sample that cannot be used, and the way out."""


@dataclass(frozen=True, eq=False)
class Composite:
    """A foreground pasted into a background, and what an expert or the original photograph makes of it.

    Images are uint8 `[H, W, 3]`, R, G, B, sRGB-encoded, all of one size except `foreground_photo`.

    Parameters
    ----------
    id
        Its path within the benchmark: the key of every join.
    composite
        What is to be harmonized.
    foreground
        The foreground on the canvas; outside the mask anything.
    background
        The background without the foreground; the composite itself where a benchmark has no other.
    mask
        float32 `[H, W]`, 0..1, soft: how much of a pixel is foreground.
    target
        The ground truth, or None.
    foreground_photo
        The photograph the foreground was cut from, of any size, or None.
    attributes
        `subset`, `foreground_ratio` and what else is known of it.
    """

    id: str
    composite: Image
    foreground: Image
    background: Image
    mask: Mask
    target: Image | None = None
    foreground_photo: Image | None = None
    attributes: Mapping[str, str | float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "attributes", MappingProxyType(dict(self.attributes)))
        size = self.composite.shape[:2]
        for role in ("composite", "foreground", "background", "target", "foreground_photo"):
            image = getattr(self, role)
            if image is None:
                continue
            if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
                raise ValueError(f"{role} is uint8 [H, W, 3], not {image.dtype} {image.shape}")
            if role != "foreground_photo" and image.shape[:2] != size:
                raise BenchmarkError(
                    f"{self.id}: the {role} is {_size(image)} and the composite {_size(self.composite)}; "
                    "all of one sample have the same size"
                )
        if self.mask.dtype != np.float32 or self.mask.ndim != 2:
            raise ValueError(f"mask is float32 [H, W], not {self.mask.dtype} {self.mask.shape}")
        if self.mask.shape != size:
            raise BenchmarkError(
                f"{self.id}: the mask is {_size(self.mask)} and the composite {_size(self.composite)}; "
                "all of one sample have the same size"
            )

    def __reduce__(self) -> tuple[object, ...]:  # a mappingproxy cannot be pickled
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return _made, ({**values, "attributes": dict(self.attributes)},)

    @property
    def has_background(self) -> bool:
        """Whether the background is more than the composite itself."""
        return self.background is not self.composite

    @cached_property
    def foreground_ratio(self) -> float:
        """The part of the pixels that are foreground."""
        return float(np.mean(self.mask >= FOREGROUND))


def _made(values: dict[str, Any]) -> Composite:
    return Composite(**values)


def _size(image: NDArray[np.generic]) -> str:
    return f"{image.shape[1]} x {image.shape[0]}"


def paste(foreground: Image, background: Image, mask: Mask) -> Image:
    """Composite = foreground * mask + background * (1 - mask), rounded to the nearest.

    Raises
    ------
    ValueError
        The three differ in size.
    """
    if not foreground.shape[:2] == background.shape[:2] == mask.shape:
        raise ValueError(f"sizes differ: {foreground.shape}, {background.shape}, {mask.shape}")
    pasted = np.empty_like(background)
    for start in range(0, len(mask), 64):  # few rows at once, for floats of a large photograph fill the memory
        rows = slice(start, start + 64)
        blend = background[rows] + mask[rows, :, None] * (foreground[rows].astype(np.float32) - background[rows])
        pasted[rows] = np.rint(blend)
    return pasted


def check_mask(name: str, mask: Mask) -> None:
    """Refuse a mask with which there is nothing to harmonize, or nothing to harmonize with.

    Raises
    ------
    BenchmarkError
        No pixel, or every pixel, is foreground.
    """
    inside = mask >= FOREGROUND
    if not inside.any():
        raise BenchmarkError(f"{name}: the mask is empty; white marks the foreground")
    if inside.all():
        raise BenchmarkError(f"{name}: the mask is full and leaves no background; white marks the foreground alone")


@runtime_checkable
class Benchmark(Protocol):
    """A named sequence of composites, loaded when asked for."""

    name: str

    def __len__(self) -> int: ...

    def ids(self) -> list[str]:
        """The ids of all samples, in order; nothing is decoded."""
        ...

    def __getitem__(self, key: int | str, /) -> Composite:
        """The sample at an index or of an id.

        Raises
        ------
        BenchmarkError
            A file that cannot be read, roles that differ in size, or a mask that is empty or full.
        KeyError, IndexError
            There is no such sample.
        """
        ...
