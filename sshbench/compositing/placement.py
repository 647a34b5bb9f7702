"""The position of a foreground on a background, and the part of the background around the foreground."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil, floor
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sshbench.benchmarks.composite import FAINT
from sshbench.compositing.photo import CompositingError, MaskArray, as_floats
from sshbench.images.boxes import surroundings

_ROWS = 256


@dataclass(frozen=True)
class Box:
    """A rectangle of the pixels `left <= x < right`, `top <= y < bottom`."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        return self.right - self.left

    @property
    def height(self) -> int:
        return self.bottom - self.top

    @property
    def slices(self) -> tuple[slice, slice]:
        """Return the rows and columns of the box, to index an image with."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def within(self, other: Box) -> Box:
        """Return the intersection with another box; its area is 0 if the boxes are disjoint."""
        left, top = max(self.left, other.left), max(self.top, other.top)
        return Box(left, top, max(left, min(self.right, other.right)), max(top, min(self.bottom, other.bottom)))

    def moved(self, x: int, y: int) -> Box:
        """Return the box moved by `x` pixels to the right and `y` pixels down."""
        return Box(self.left + x, self.top + y, self.right + x, self.bottom + y)

    def grown(self, by: int) -> Box:
        """Return the box enlarged by `by` pixels on each side."""
        return Box(self.left - by, self.top - by, self.right + by, self.bottom + by)

    def around(self, other: Box) -> Box:
        """Return the smallest box that contains both boxes."""
        return Box(
            min(self.left, other.left), min(self.top, other.top), max(self.right, other.right),
            max(self.bottom, other.bottom),
        )  # fmt: skip


def whole(image: NDArray[Any]) -> Box:
    """Return the box of all pixels of an image `[H, W, ...]`."""
    return Box(0, 0, image.shape[1], image.shape[0])


@dataclass(frozen=True, eq=False)
class Layer:
    """The visible part of a foreground at the scale of the background.

    Parameters
    ----------
    pixels, mask
        `[h, w, 3]` of the background's type and `[h, w]`.
    box
        The box of the layer on the background.
    """

    pixels: NDArray[Any]
    mask: MaskArray
    box: Box


def extent(mask: MaskArray, name: str, limit: float = FAINT) -> Box:
    """Return the bounding box of the pixels whose mask, over 0..1, is above a limit.

    Raises
    ------
    CompositingError
        No pixel of the mask is above the limit.
    """
    limit *= 1 if mask.dtype.kind == "f" else np.iinfo(mask.dtype.name).max
    columns = np.zeros(mask.shape[1], bool)
    rows = np.zeros(mask.shape[0], bool)
    for start in range(0, len(mask), _ROWS):
        inside = mask[start : start + _ROWS] > limit
        columns |= inside.any(axis=0)
        rows[start : start + _ROWS] = inside.any(axis=1)
    if not rows.any():
        raise CompositingError(f"{name} is empty; paint the foreground white")
    x, y = np.flatnonzero(columns), np.flatnonzero(rows)
    return Box(int(x[0]), int(y[0]), int(x[-1]) + 1, int(y[-1]) + 1)


def whole_scale(mask: MaskArray, scale: float) -> tuple[float, float]:
    """Return the horizontal and vertical scales that give the foreground a whole number of pixels.

    Raises
    ------
    CompositingError
        The scaled foreground would have no pixel.
    """
    height, width = mask.shape
    wide, high = round(width * scale), round(height * scale)
    if not (wide and high):
        raise CompositingError(
            f"a scale of {scale:g} leaves no pixel of a foreground of {width} x {height} pixels; give a larger scale"
        )
    return wide / width, high / height


def placed(box: Box, at: tuple[int, int], scale: tuple[float, float]) -> Box:
    """Return a box of the foreground in pixels of the background; the box may reach beyond the background."""
    return Box(
        floor(box.left * scale[0]) + at[0], floor(box.top * scale[1]) + at[1], ceil(box.right * scale[0]) + at[0],
        ceil(box.bottom * scale[1]) + at[1],
    )  # fmt: skip


def place(
    pixels: NDArray[Any],
    mask: MaskArray,
    part: Box,
    canvas: Box,
    at: tuple[int, int],
    scale: tuple[float, float],
    *,
    hidden: bool,
) -> Layer:
    """Place a part of a foreground on a background and crop the part to the background.

    Parameters
    ----------
    pixels, mask
        The whole foreground, `[H, W, 3]`, and its mask, `[H, W]`.
    part
        The box of the part in the foreground.
    canvas
        The background's box.
    at
        The position of the top left corner of the whole foreground image on the background; it may be outside.
    scale
        The scale that `whole_scale` returned.
    hidden
        Whether pixels outside the mask are ignored when the foreground is scaled, so that their colours do not bleed
        in; True except for composites.
    """
    box = placed(part, at, scale).within(canvas)
    own = box.moved(-at[0], -at[1])
    if scale == (1.0, 1.0):
        return Layer(pixels[own.slices], mask[own.slices], box)
    size = box.width, box.height
    source = own.left / scale[0], own.top / scale[1], own.right / scale[0], own.bottom / scale[1]

    def resized(channel: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(Image.fromarray(channel).resize(size, Image.Resampling.BICUBIC, source))

    weight = as_floats(mask) if hidden else np.ones(mask.shape, np.float32)
    total = np.maximum(resized(weight), 1e-6)
    scaled = np.empty((*size[::-1], 3), pixels.dtype)
    for channel in range(3):
        values = resized(pixels[..., channel] * weight) / total
        scaled[..., channel] = np.rint(np.clip(values, 0, np.iinfo(pixels.dtype).max))
    return Layer(scaled, np.clip(resized(as_floats(mask)), 0, 1), box)


def reference_box(reference: str | tuple[int, int, int, int], landing: Box, canvas: Box) -> Box:
    """Return the part of the background that gives the appearance (Jiang et al. 2021, section 4.4).

    Parameters
    ----------
    reference
        `"full"`; `"auto"`, the surroundings of the foreground, 1.5 times as wide and high as the foreground and at
        least a quarter of the background's shorter side; or left, top, width and height in pixels, also as text
        `"x,y,w,h"`.

    Raises
    ------
    CompositingError
        The reference has another form, or reaches outside the background.
    """
    if reference == "full":
        return canvas
    if reference == "auto":
        rows, columns = surroundings(landing.slices, (canvas.bottom, canvas.right))
        return Box(columns.start, rows.start, columns.stop, rows.stop)
    try:
        x, y, width, height = (int(v) for v in (reference.split(",") if isinstance(reference, str) else reference))
    except ValueError:
        raise CompositingError(f"the reference {reference!r} is not auto, full or x,y,w,h in whole pixels") from None
    box = Box(x, y, x + width, y + height)
    if width < 1 or height < 1 or box.within(canvas) != box:
        raise CompositingError(
            f"the reference {x},{y},{width},{height} reaches outside the background of {canvas.width} x "
            f"{canvas.height} pixels; give x,y,w,h inside it"
        )
    return box


def widened(box: Box, part: float, limit: Box) -> Box:
    """Return the box with a margin of `part` times its sides, cropped to `limit`."""
    x, y = round(part * box.width), round(part * box.height)
    return replace(box, left=box.left - x, top=box.top - y, right=box.right + x, bottom=box.bottom + y).within(limit)
