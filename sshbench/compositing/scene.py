"""A foreground and a background that belong together: opened, made alike, and laid on each other."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from sshbench.compositing.photo import (
    CompositingError,
    MaskArray,
    Photo,
    Source,
    in_space_of,
    multiplied,
    open_mask,
    open_photo,
)  # fmt: skip
from sshbench.compositing.placement import Box, Layer, extent, place, placed, whole, whole_scale
from sshbench.images.opening import MAX_PIXELS


@dataclass(frozen=True, eq=False)
class Scene:
    """What is to be harmonized.

    Parameters
    ----------
    foreground, background
        Of the same bits and colour space; the same photograph where a composite is all there is.
    mask
        Of the foreground, `[H, W]`.
    inside
        The box of its pixels that are foreground.
    layer
        All of it that is not masked out, as it lies on the background.
    landing
        Where `inside` lies on the background.
    corner, scale
        Where the foreground's left top corner lies on the background, and pixels there a pixel of it, across and down.
    hidden
        Whether the foreground's pixels outside the mask have no colour of their own.
    """

    foreground: Photo
    background: Photo
    mask: MaskArray
    inside: Box
    layer: Layer
    landing: Box
    corner: tuple[int, int]
    scale: tuple[float, float]
    hidden: bool

    @property
    def is_composite(self) -> bool:
        """Whether what is behind the foreground is not known."""
        return self.foreground is self.background

    @property
    def canvas(self) -> Box:
        return whole(self.background.image.pixels)


def open_scene(
    foreground: Source,
    background: Source | None = None,
    mask: Source | None = None,
    *,
    at: tuple[int, int] | None = None,
    scale: float = 1.0,
    max_pixels: int = MAX_PIXELS,
) -> Scene:
    """Open photographs and lay the foreground on the background.

    Parameters
    ----------
    foreground
        A photograph of it, or, without a background, the composite that it is in already.
    background
        Where it is to go.
    mask
        Of the foreground's size; by default its alpha channel.
    at
        Where the foreground's left top corner goes, x and y in pixels of the background; it may stick out. By default
        0, 0, which asks for two images of one size.
    scale
        Pixels of the background a pixel of the foreground.
    max_pixels
        How many pixels an image may have.

    Raises
    ------
    ImageFileError
        A file that cannot be read.
    CompositingError
        What does not go together.
    """
    if background is None and (at is not None or scale != 1):
        raise CompositingError("a composite is placed already; leave out the place and the scale, or give a background")
    if not (math.isfinite(scale) and scale > 0):
        raise CompositingError(f"the scale is a number above 0, not {scale:g}")
    front = open_photo(foreground, "foreground" if background is not None else "composite", max_pixels=max_pixels)
    alpha: Any = front.image.alpha
    if mask is None and (alpha is None or background is None):
        if background is None:
            raise CompositingError(f"{front.name}: a composite needs a mask; white marks the foreground")
        raise CompositingError(f"{front.name} has no transparency to cut it out with; give a mask")
    shape = alpha if mask is None else open_mask(mask, front, max_pixels=max_pixels)
    hidden = alpha is not None and background is not None
    if hidden and mask is not None:
        shape = multiplied(shape, alpha)
    inside = extent(shape, f"the mask of {front.name}")
    behind = front
    if background is not None:
        behind = open_photo(background, "background", max_pixels=max_pixels)
        front = in_space_of(front, behind)
        if at is None and (front.size != behind.size or scale != 1):
            raise CompositingError(
                f"{front.name} is {front.size[1]} x {front.size[0]} and {behind.name} {behind.size[1]} x "
                f"{behind.size[0]}; say where it goes with --at x,y"
            )
    corner = at or (0, 0)
    canvas = whole(behind.image.pixels)
    by = whole_scale(shape, scale)
    landing = placed(inside, corner, by).within(canvas)
    if not (landing.width and landing.height):
        raise CompositingError(
            f"the foreground lands outside the background of {canvas.width} x {canvas.height} pixels with --at "
            f"{corner[0]},{corner[1]}; give the place of its left top corner"
        )
    everything = extent(shape, "the mask", 0)
    if by != (1.0, 1.0):
        everything = everything.grown(2).within(whole(shape))  # as far as a pixel counts when it is scaled
    layer = place(front.image.pixels, shape, everything, canvas, corner, by, hidden=hidden)
    return Scene(front, behind, shape, inside, layer, landing, corner, by, hidden)
