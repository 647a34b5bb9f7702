"""Pasting a mapped foreground onto a background of the same type, in blocks of rows."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sshbench.colour.grade import Grade
from sshbench.colour.strength import Amount, between
from sshbench.compositing.photo import as_floats
from sshbench.compositing.placement import Box, Layer
from sshbench.compositing.spaces import SRGB, Space
from sshbench.compositing.turning import Turn
from sshbench.lut.table import Lut
from sshbench.methods.full_resolution import ColourMap

_GRADE = 33  # points on each axis of the LUT that grades a picture
_PIXELS = 1 << 18  # pixels processed at a time, so that they stay in the cache


class Paint(Protocol):
    """The new colours of some rows of a layer."""

    def __call__(self, rows: slice, pixels: NDArray[Any], /) -> NDArray[Any]:
        """Map `pixels` `[h, w, 3]`, the given rows of the layer, to an array of the same shape and type."""
        ...


def paste_layer(
    background: NDArray[Any], alpha: NDArray[Any] | None, layer: Layer, paint: Paint, threads: int = 2
) -> None:
    """Composite the painted layer over the background, in place: ``mask * foreground + (1 - mask) * background``.

    Values are rounded to the nearest code. Where the background is transparent, the result has the colour and the
    opacity of the foreground.

    Parameters
    ----------
    background, alpha
        `[H, W, 3]`, uint8 or uint16, and `[H, W]` of the same type or None.
    layer
        The foreground, of the same type.
    paint
        The foreground's new colours.
    threads
        The number of blocks of rows that are processed at the same time.
    """
    height, width = layer.mask.shape
    step = max(1, _PIXELS // width)
    canvas = background[layer.box.slices]
    canvas_alpha = None if alpha is None else alpha[layer.box.slices]

    def work(start: int) -> None:
        rows = slice(start, min(start + step, height))
        mask = layer.mask[rows]
        if not mask.any():
            return
        weight = as_floats(mask)[..., None]
        if canvas_alpha is not None:
            weight = _over(canvas_alpha[rows], weight)
        pixels = np.ascontiguousarray(layer.pixels[rows])
        behind = canvas[rows]
        mixed = paint(rows, pixels).astype(np.float32)
        mixed -= behind
        mixed *= weight
        mixed += behind
        mixed += 0.5
        behind[...] = mixed

    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(work, range(0, height, step)):
            pass


def _over(alpha: NDArray[Any], mask: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the foreground's share of each pixel's colour; `alpha` becomes the union (Porter, Duff 1984)."""
    before = as_floats(alpha)[..., None]
    after = mask + (1 - mask) * before
    alpha[...] = np.rint(after[..., 0] * np.iinfo(alpha.dtype).max)
    return np.asarray(np.divide(mask, after, out=np.zeros_like(mask), where=after > 0))


def by_map(colour_map: ColourMap) -> Paint:
    """Paint with a colour map."""
    return lambda rows, pixels: colour_map(pixels)


def by_picture(
    picture: NDArray[np.float32], box: Box, layer: Layer, amount: Amount, grade: Grade | None = None,
    turn: Turn | None = None, space: Space = SRGB,
) -> Paint:  # fmt: skip
    """Paint with a network's output, enlarged.

    Parameters
    ----------
    picture
        float32 `[h, w, 3]`, 0..1, sRGB.
    box
        The box of the picture on the background.
    layer
        The layer to paint.
    amount
        The strength of the change from the layer's colours to the picture's, in sRGB; both parts 0..1.
    grade
        The colour sliders that are applied afterwards.
    turn
        The rotation of the picture after it is placed in its box.
    space
        The colour space of the layer.
    """
    if turn is not None:  # `Turn.sampled` needs a picture that is no larger than its box and has a margin
        size = min(picture.shape[1], box.width), min(picture.shape[0], box.height)
        scaled = [
            np.asarray(Image.fromarray(np.ascontiguousarray(plane)).resize(size, Image.Resampling.BICUBIC))
            for plane in np.moveaxis(picture, 2, 0)
        ]
        picture = np.pad(np.stack(scaled, axis=2), ((1, 1), (1, 1), (0, 0)), mode="edge")
    finish = ColourMap("grade", Lut.identity(_GRADE)).finished(grade=grade)
    planes = [Image.fromarray(np.ascontiguousarray(plane)) for plane in np.moveaxis(picture, 2, 0)]
    by = picture.shape[1] / box.width, picture.shape[0] / box.height
    left, right = ((x - box.left) * by[0] for x in (layer.box.left, layer.box.right))

    def paint(rows: slice, pixels: NDArray[Any]) -> NDArray[Any]:
        top, bottom = ((layer.box.top + y - box.top) * by[1] for y in (rows.start, rows.stop))
        size, part = (pixels.shape[1], pixels.shape[0]), (left, top, right, bottom)
        most = np.iinfo(pixels.dtype).max
        if turn is None:
            painted = [np.asarray(plane.resize(size, Image.Resampling.BICUBIC, part)) for plane in planes]
        else:
            painted = turn.sampled(planes, _rows_of(layer.box, rows), box, margin=1)
        large = np.clip(np.stack(painted, axis=2), 0, 1)
        if not space.is_srgb:

            def function(colours: NDArray[np.float64]) -> NDArray[np.float64]:
                mixed = np.asarray(between(colours, large.astype(np.float64), amount), np.float32)
                return (mixed if grade is None or grade.is_plain else finish(mixed)).astype(np.float64)

            return np.asarray(np.rint(space.worked(function, pixels / np.float64(most)) * most).astype(pixels.dtype))
        large *= most
        if amount.lightness == amount.colour:
            mixed = pixels + amount.colour * (large - pixels)
        else:
            mixed = between(pixels / np.float64(most), large / np.float64(most), amount) * most
        painted_pixels = np.asarray(np.rint(mixed).astype(pixels.dtype))
        return painted_pixels if grade is None or grade.is_plain else finish(painted_pixels)

    return paint


def _rows_of(box: Box, rows: slice) -> Box:
    return Box(box.left, box.top + rows.start, box.right, box.top + rows.stop)
