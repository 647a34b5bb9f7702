"""Foreground colours under a soft mask, without the colours of the old background.

A pixel at an edge shows ``alpha * foreground + (1 - alpha) * background``. Pasted unchanged, the pixel keeps a fringe
of its old background. pymatting (the extra `edges`) estimates the foreground's own colours (Germer, Uelwer, Conrad,
Harmeling: "Fast Multi-Level Foreground Estimation", ICPR 2020).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sshbench.compositing.photo import CompositingError, MaskArray, as_floats
from sshbench.compositing.placement import Box, whole

Floats = NDArray[np.float32]
Edges = Literal["keep", "decontaminate"]

_TILE = 1024  # side in pixels of the tiles, which bounds the memory
_CONTEXT = 128  # pixels of context around a tile, doubled until some of them are opaque
_REACH = 4  # pixels outside the mask that also get colours, for a filter that scales the foreground
_SOLID = 0.9  # mask value above which a pixel counts as foreground in the estimation
_COARSE = 4  # reduction factor where colours continue smoothly
_SURE = 32  # power of the mask that weights colours if the old background is unknown


def decontaminated(pixels: NDArray[Any], mask: MaskArray, *, hidden: bool = False) -> NDArray[Any]:
    """Return an image whose pixels at soft edges have the foreground's own colours.

    Parameters
    ----------
    pixels
        `[H, W, 3]`, uint8 or uint16.
    mask
        The alpha matte of the foreground, `[H, W]`.
    hidden
        Whether the old background is unknown, as in a cut-out with transparency. The colours of opaque pixels are then
        continued to the edge, and pymatting is not needed.

    Returns
    -------
    A copy of `pixels` with new colours in the band of the soft mask and a few pixels around it; `pixels` itself if the
    mask is nowhere soft.

    Raises
    ------
    CompositingError
        pymatting is not installed.
    """
    out = pixels
    most = np.float32(np.iinfo(pixels.dtype).max)
    for core, band in _bands(mask):
        region = _with_context(core, mask)
        image = np.asarray(pixels[region.slices] / most, np.float32)
        alpha = as_floats(mask[region.slices])
        found = continued(image, alpha**_SURE) if hidden else _estimated(image, alpha)
        if out is pixels:
            out = pixels.copy()
        own = core.moved(-region.left, -region.top)
        out[core.slices][band] = np.rint(np.clip(found[own.slices][band], 0, 1) * most)
    return out


def _bands(mask: MaskArray) -> Iterator[tuple[Box, NDArray[np.bool_]]]:
    """Yield the tiles in which the mask is soft, each with the mask `[h, w]` of the pixels to change."""
    from scipy.ndimage import maximum_filter

    canvas = whole(mask)
    for top in range(0, canvas.bottom, _TILE):
        for left in range(0, canvas.right, _TILE):
            core = Box(left, top, left + _TILE, top + _TILE).within(canvas)
            wide = core.grown(_REACH).within(canvas)
            alpha = as_floats(mask[wide.slices])
            soft = (alpha > 0) & (alpha < 1)
            if not soft.any():
                continue
            near = maximum_filter(soft, 2 * _REACH + 1)
            band = (near & (alpha < 1))[core.moved(-wide.left, -wide.top).slices]
            if band.any():
                yield core, band


def _with_context(core: Box, mask: MaskArray) -> Box:
    """Return a tile with enough context to contain opaque pixels, if the mask has any."""
    context, canvas = _CONTEXT, whole(mask)
    while True:
        region = core.grown(context).within(canvas)
        if region == canvas or (as_floats(mask[region.slices]) > _SOLID).any():
            return region
        context *= 2


def _estimated(image: Floats, alpha: Floats) -> Floats:
    try:  # imported late: it is compiled by numba, whose import takes seconds
        from pymatting.foreground.estimate_foreground_ml import estimate_foreground_ml
    except ImportError as error:
        raise CompositingError(
            f"--edges decontaminate needs pymatting ({error}): pip install 'sshbench[edges]', or leave out --edges"
        ) from error
    return np.asarray(estimate_foreground_ml(np.ascontiguousarray(image, np.float32), alpha))


def continued(image: Floats, weight: Floats) -> Floats:
    """Continue colours from where the weight is 1 to where it is 0, by means over increasingly large squares.

    Parameters
    ----------
    image
        `[h, w, 3]`, of any range.
    weight
        `[h, w]`, 0..1.
    """
    if max(weight.shape) == 1:
        return image
    height, width = weight.shape
    even = ((0, height % 2), (0, width % 2))
    sums = _pooled(np.pad(image * weight[..., None], (*even, (0, 0))))
    below = _pooled(np.pad(weight, even)[..., None])
    colours: Floats = np.asarray(sums / np.maximum(below, 1e-6), np.float32)
    coarse = continued(colours, np.minimum(4 * below[..., 0], 1))
    share = weight[..., None]
    return np.asarray(image * share + _doubled(coarse)[:height, :width] * (1 - share), np.float32)


def continued_smoothly(image: NDArray[np.uint8], weight: Floats) -> NDArray[np.uint8]:
    """Continue the colours of an image `[H, W, 3]` to where the weight `[H, W]` is 0, at a quarter of the size.

    The continued colours are smooth, so that the quarter suffices. All pixels get the smooth colours, also those of
    weight 1; the caller keeps the pixels that it wants to keep.
    """
    height, width = weight.shape
    box = 0, 0, width / _COARSE, height / _COARSE
    planes = [weight, *(image[..., c] * weight for c in range(3))]
    share, *colours = (np.asarray(Image.fromarray(plane).reduce(_COARSE)) for plane in planes)
    found = continued(np.stack(colours, axis=2) / np.maximum(share, 1e-6)[..., None], np.clip(share, 0, 1))
    out = np.empty_like(image)
    for c in range(3):
        plane = Image.fromarray(np.ascontiguousarray(found[..., c]))
        large = np.asarray(plane.resize((width, height), Image.Resampling.BILINEAR, box))
        out[..., c] = np.rint(np.clip(large, 0, 255))
    return out


def _pooled(image: Floats) -> Floats:
    height, width, channels = image.shape
    return np.asarray(image.reshape(height // 2, 2, width // 2, 2, channels).mean(axis=(1, 3)))


def _doubled(image: Floats) -> Floats:
    """Return an image of twice the size, interpolated linearly between the centres of pixels."""
    for axis in (0, 1):
        edge = np.concatenate([image.take([0], axis), image, image.take([-1], axis)], axis)
        here, count = image, image.shape[axis]
        before, after = edge.take(range(count), axis), edge.take(range(2, count + 2), axis)
        pair = np.stack([0.75 * here + 0.25 * before, 0.75 * here + 0.25 * after], axis + 1)
        shape = list(image.shape)
        shape[axis] *= 2
        image = pair.reshape(shape)
    return image
