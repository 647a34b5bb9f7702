"""A foreground and a background: opened, converted to the same bit depth and colour space, and placed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from numpy.typing import NDArray

from sshbench.benchmarks.composite import FAINT
from sshbench.compositing.edges import Edges, decontaminated
from sshbench.compositing.masking import mask_of_photo
from sshbench.compositing.photo import (
    CompositingError,
    MaskArray,
    Photo,
    Source,
    in_space_of,
    multiplied,
    open_photo,
)  # fmt: skip
from sshbench.compositing.place import Place
from sshbench.compositing.placement import Box, Layer, extent, place, placed, whole, whole_scale
from sshbench.compositing.spaces import Space
from sshbench.compositing.turning import Turn, mirrored, quarter, quarter_turned, quarters, turned_layer
from sshbench.images.opening import MAX_PIXELS


@dataclass(frozen=True, eq=False)
class Scene:
    """A foreground and a background that are ready for harmonization.

    Parameters
    ----------
    foreground, background
        Photographs of the same bit depth and colour space; the same object for a composite. Mirroring and quarter turns
        are already applied to the foreground.
    mask
        The foreground's mask, `[H, W]`.
    inside
        The bounding box of the mask.
    layer
        The part of the foreground inside the mask, placed on the background.
    landing
        The box of `inside` on the background.
    corner, scale
        The position of the foreground's top left corner on the background, and its horizontal and vertical scale.
    turn
        The rotation of the placed foreground, if it is no multiple of a quarter turn.
    """

    foreground: Photo
    background: Photo
    mask: MaskArray
    inside: Box
    layer: Layer
    landing: Box
    corner: tuple[int, int]
    scale: tuple[float, float]
    turn: Turn | None = None

    @property
    def is_composite(self) -> bool:
        """Whether the pixels behind the foreground are unknown."""
        return self.foreground is self.background

    @property
    def space(self) -> Space:
        """Return the colour space of all pixels, which is the background's."""
        return self.background.space

    @property
    def canvas(self) -> Box:
        return whole(self.background.image.pixels)


def open_scene(
    foreground: Source,
    background: Source | None = None,
    mask: Source | None = None,
    *,
    place: Place = Place(),
    edges: Edges = "keep",
    max_pixels: int = MAX_PIXELS,
) -> Scene:
    """Open photographs and place the foreground on the background.

    Parameters
    ----------
    foreground
        The photograph of the foreground, or, without a background, a composite.
    background
        The photograph that the foreground is pasted on.
    mask
        The mask, of the foreground's size; by default its alpha channel. `"auto:person"` and `"grabcut:x,y,w,h"` make a
        mask.
    place
        The position of the foreground, which may reach beyond the background. Two images of the same size need no
        place.
    edges
        The treatment of pixels at soft edges: they keep their colours, or get the foreground's own (`decontaminated`).
    max_pixels
        The largest number of pixels of an image.

    Raises
    ------
    ImageFileError
        A file cannot be read.
    CompositingError
        The photographs, the mask and the place do not fit together.
    """
    if background is None and not place.is_default:
        raise CompositingError(
            "a composite already contains its foreground; leave out the place and the scale, or give a background"
        )
    front = open_photo(foreground, "foreground" if background is not None else "composite", max_pixels=max_pixels)
    alpha: Any = front.image.alpha
    if mask is None and (alpha is None or background is None):
        if background is None:
            raise CompositingError(f"{front.name}: a composite needs a mask that is white where the foreground is")
        raise CompositingError(f"{front.name} has no transparency to use as a mask; give a mask (--mask)")
    shape = alpha if mask is None else mask_of_photo(mask, front, max_pixels=max_pixels)
    hidden = alpha is not None and background is not None
    if hidden and mask is not None:
        shape = multiplied(shape, alpha)
    behind = front
    if background is not None:
        behind = open_photo(background, "background", max_pixels=max_pixels)
        front = in_space_of(front, behind)
    if edges == "decontaminate":
        if background is None:
            raise CompositingError(
                "the edges of a composite already show its own background, so there is nothing to decontaminate; "
                "give --foreground and --background, or leave out --edges"
            )
        pixels = decontaminated(front.image.pixels, shape, hidden=hidden)
        front = replace(front, image=replace(front.image, pixels=pixels))
    return lay(front, behind, shape, place)


def lay(front: Photo, behind: Photo, shape: MaskArray, where: Place) -> Scene:
    """Place a foreground on a background of the same bit depth and colour space.

    Parameters
    ----------
    front, behind
        The photographs; the same object for a composite.
    shape
        The foreground's mask, `[H, W]`.
    where
        The position of the foreground.

    Raises
    ------
    CompositingError
        The mask is empty, the place is missing, or the foreground lies entirely outside the background.
    """
    canvas, alone = (
        whole(behind.image.pixels),
        front is not behind,
    )  # in a composite, pixels outside the mask count as well
    inside = extent(shape, f"the mask of {front.name}")
    if where.flip != "none":
        front, shape = _changed(front, shape, lambda image: mirrored(image, where.flip))
        inside = extent(shape, "the mask")
    scale = where.scale_for(inside, canvas)
    if where.at is None and not where.center and (front.size != behind.size or scale != 1):
        raise CompositingError(
            f"{front.name} is {front.size[1]} x {front.size[0]}, but {behind.name} is {behind.size[1]} x "
            f"{behind.size[0]}; give the position with --at x,y or --center"
        )
    by = whole_scale(shape, scale)
    corner, pivot = where.lay(inside, by, canvas)
    if count := quarters(where.rotate):
        size = round(front.size[0] * by[1]), round(front.size[1] * by[0])
        corner = quarter_turned(size, corner, pivot, count)
        front, shape = _changed(front, shape, lambda image: quarter(image, count))
        inside, by = extent(shape, "the mask"), (by if count == 2 else by[::-1])
    turn = Turn(where.rotate, *pivot) if count is None else None
    landing = placed(inside, corner, by)
    landing = (landing if turn is None else turn.box(landing)).within(canvas)
    if not (landing.width and landing.height):
        raise CompositingError(where.missed(canvas))
    everything = extent(shape, "the mask", 0)
    if by != (1.0, 1.0):
        everything = everything.grown(2).within(whole(shape))  # the reach of the filter that scales
    if turn is None:
        layer = place(front.image.pixels, shape, everything, canvas, corner, by, hidden=alone)
    else:
        needed = turn.box(canvas, back=True).grown(4)
        visible = placed(everything, corner, by).within(needed)
        if not (visible.width and visible.height):
            raise CompositingError(where.missed(canvas))
        straight = place(front.image.pixels, shape, everything, needed, corner, by, hidden=alone)
        layer = turned_layer(straight, turn, canvas, hidden=alone)
        if not layer.mask.size or layer.mask.max() <= FAINT:
            raise CompositingError(where.missed(canvas))
        landing = extent(layer.mask, "the mask").moved(layer.box.left, layer.box.top)
    return Scene(front, behind, shape, inside, layer, landing, corner, by, turn)


def _changed(photo: Photo, mask: MaskArray, change: Callable[[NDArray[Any]], NDArray[Any]]) -> tuple[Photo, MaskArray]:
    image = photo.image
    alpha = None if image.alpha is None else change(image.alpha)
    return replace(photo, image=replace(image, pixels=change(image.pixels), alpha=alpha)), change(mask)
