"""Small copies of large photographs, the input of methods."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sshbench.benchmarks.composite import Composite, paste
from sshbench.compositing.edges import continued_smoothly
from sshbench.compositing.photo import MaskArray, as_floats
from sshbench.compositing.placement import Box, Layer
from sshbench.compositing.spaces import SRGB, Space

SIDE = 512
"""The longest side, in pixels, of the image that a method sees; networks resize the image to their own size."""

_ROWS = 256
_OWN = 0.5  # mask value above which pixels keep their own colours


def small(
    image: NDArray[Any], box: Box, side: int = SIDE, change: Callable[[slice, NDArray[np.uint8]], Any] | None = None
) -> NDArray[np.uint8]:
    """Return the part of an image in a box as uint8, reduced so that no side is longer than `side`.

    Parameters
    ----------
    image
        `[H, W, 3]` or a mask `[H, W]`, uint8, uint16 or (masks) float32 over 0..1.
    change
        A function that is applied to blocks of 8-bit rows before they are reduced.
    """
    factor = max(1, max(box.width, box.height) // side)
    rows, columns = box.slices
    parts = []
    for start in range(rows.start, rows.stop, step := factor * max(1, _ROWS // factor)):
        some = slice(start, min(start + step, rows.stop))
        here = _to_8_bit(image[some, columns])
        part = Image.fromarray(here if change is None else change(some, here))
        parts.append(np.asarray(part.reduce(factor) if factor > 1 else part))
    reduced = Image.fromarray(np.concatenate(parts))
    by = min(1.0, side / max(box.width, box.height))
    size = max(1, round(box.width * by)), max(1, round(box.height * by))
    last = (0, 0, box.width / factor, box.height / factor)  # `reduce` rounds the size up to whole pixels
    return np.asarray(reduced.resize(size, Image.Resampling.BILINEAR, last))


def _to_8_bit(image: NDArray[Any]) -> NDArray[np.uint8]:
    if image.dtype == np.uint8:
        return np.ascontiguousarray(image)
    if image.dtype == np.uint16:
        return np.asarray((image.astype(np.uint32) + 128) // 257, np.uint8)
    return np.asarray(np.rint(image * 255), np.uint8)


def cut_out(
    image: NDArray[Any], mask: MaskArray, box: Box, space: Space = SRGB
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Return a small sRGB copy of a foreground in a box that shows only the pixels inside the mask.

    Pixels outside the mask do not contribute, even to pixels of the copy that are partly inside. Outside the mask the
    colours of the foreground are continued, by means over increasingly large squares that are weighted by the mask.

    Parameters
    ----------
    image, mask
        `[H, W, 3]` and `[H, W]`.
    space
        The colour space of the image.

    Returns
    -------
    The copy, uint8 `[h, w, 3]`, and a copy of the mask, float32 `[h, w]` over 0..1.
    """
    columns = box.slices[1]
    shown = small(image, box, change=lambda rows, part: part * (mask[rows, columns] > 0)[..., None])
    share = small(mask, box, change=lambda rows, part: 255 * (mask[rows, columns] > 0).astype(np.uint8))
    soft = mask_of(mask, box)
    if share.min() < 255:
        whole = np.rint(shown * (255 / np.maximum(share, 1).astype(np.float32))[..., None])
        shown = np.minimum(whole, 255).astype(np.uint8)
    shown = space.seen(shown)
    if soft.min() <= _OWN:
        shown = np.where((soft > _OWN)[..., None], shown, continued_smoothly(shown, soft))
    return shown, soft


def region_composite(
    background: NDArray[Any], layer: Layer, region: Box, *, hole: bool, space: Space = SRGB
) -> Composite:
    """Return the small sRGB composite that a method sees: the foreground on a part of the background.

    Parameters
    ----------
    background
        `[H, W, 3]`.
    layer
        The foreground.
    region
        The part of the background.
    hole
        Whether the pixels behind the foreground are unknown, as in a given composite.
    space
        The colour space of the background and the layer.
    """
    behind = space.seen(small(background, region))
    by = behind.shape[1] / region.width, behind.shape[0] / region.height
    shown = layer.box.within(region)
    size = max(1, round(shown.width * by[0])), max(1, round(shown.height * by[1]))
    left = min(round((shown.left - region.left) * by[0]), behind.shape[1] - size[0])
    top = min(round((shown.top - region.top) * by[1]), behind.shape[0] - size[1])
    here = slice(top, top + size[1]), slice(left, left + size[0])
    foreground, mask = behind.copy(), np.zeros(behind.shape[:2], np.float32)
    own = shown.moved(-layer.box.left, -layer.box.top)
    mask[here] = as_floats(_resized(small(layer.mask, own), size))
    if hole:
        return Composite(id="photograph", composite=behind, foreground=behind, background=behind, mask=mask)
    foreground[here] = _resized(cut_out(layer.pixels, layer.mask, own, space)[0], size)
    composite = paste(foreground, behind, mask)
    return Composite(id="photograph", composite=composite, foreground=foreground, background=behind, mask=mask)


def _resized(image: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR))


def mask_of(mask: MaskArray, box: Box) -> NDArray[np.float32]:
    """Return a small copy of a mask, float32 `[h, w]` over 0..1."""
    return as_floats(small(mask, box))
