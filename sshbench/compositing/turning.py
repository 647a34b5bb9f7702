"""Mirroring and rotating a foreground: losslessly by quarter turns, and by any angle with bicubic interpolation."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sshbench.compositing.photo import MaskArray, as_floats
from sshbench.compositing.placement import Box, Layer

_TILE = 512  # side in pixels of the tiles
_REACH = 3  # pixels around a point that bicubic interpolation reads, plus one


@dataclass(frozen=True)
class Turn:
    """A rotation by an angle in degrees, clockwise, about a point of the background."""

    angle: float
    x: float
    y: float

    def forward(self, x: float, y: float) -> tuple[float, float]:
        """Return the rotated position of a point."""
        return self._by(self.angle, x, y)

    def back(self, x: float, y: float) -> tuple[float, float]:
        """Return the position of a point before the rotation."""
        return self._by(-self.angle, x, y)

    def box(self, box: Box, *, back: bool = False) -> Box:
        """Return the bounding box, in whole pixels, of a box that is rotated, or rotated back."""
        move = self.back if back else self.forward
        points = [move(x, y) for x in (box.left, box.right) for y in (box.top, box.bottom)]
        across, down = zip(*points, strict=True)
        return Box(math.floor(min(across)), math.floor(min(down)), math.ceil(max(across)), math.ceil(max(down)))

    def sampled(
        self, planes: Iterable[Image.Image], to: Box, source: Box, *, margin: int = 0
    ) -> list[NDArray[np.float32]]:
        """Return the pixels of a box after the rotation, by bicubic interpolation.

        Parameters
        ----------
        planes
            Images with one float channel.
        to
            The box to fill.
        source
            The box of the planes before the rotation.
        margin
            Additional pixels of the planes on each side of the box.
        """
        cos, sin = math.cos(math.radians(self.angle)), math.sin(math.radians(self.angle))
        x, y = to.left - self.x, to.top - self.y
        found = []
        for plane in planes:
            across, down = (plane.width - 2 * margin) / source.width, (plane.height - 2 * margin) / source.height
            numbers = (
                across * cos, across * sin, across * (self.x - source.left + cos * x + sin * y) + margin,
                down * -sin, down * cos, down * (self.y - source.top - sin * x + cos * y) + margin,
            )  # fmt: skip
            size = to.width, to.height
            turned = plane.transform(size, Image.Transform.AFFINE, numbers, Image.Resampling.BICUBIC)
            found.append(np.asarray(turned))
        return found

    def _by(self, angle: float, x: float, y: float) -> tuple[float, float]:
        cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
        x, y = x - self.x, y - self.y
        return self.x + cos * x - sin * y, self.y + sin * x + cos * y


def mirrored(image: NDArray[Any], flip: str) -> NDArray[Any]:
    """Return a mirrored view of an image `[H, W, ...]`; `flip` is `none`, `horizontal`, `vertical` or `both`."""
    if flip in ("horizontal", "both"):
        image = image[:, ::-1]
    return image[::-1] if flip in ("vertical", "both") else image


def quarters(angle: float) -> int | None:
    """Return the number of quarter turns, 0 to 3, of an angle in degrees, or None for other angles."""
    return round(angle / 90) % 4 if angle % 90 == 0 else None


def turned_layer(layer: Layer, turn: Turn, canvas: Box, *, hidden: bool) -> Layer:
    """Rotate a layer and crop it to the background.

    If pixels outside the mask have no valid colour (`hidden`), colours are weighted by the mask. The edge of the layer,
    where the photograph ends, becomes one pixel soft.

    Returns
    -------
    The layer, whose mask is float32 over 0..1. Its box may be empty.
    """
    box = turn.box(layer.box.grown(1)).within(canvas)
    pixels = np.zeros((box.height, box.width, 3), layer.pixels.dtype)
    mask = np.zeros((box.height, box.width), np.float32)
    most = np.iinfo(layer.pixels.dtype).max
    for top in range(box.top, box.bottom, _TILE):
        for left in range(box.left, box.right, _TILE):
            tile = Box(left, top, left + _TILE, top + _TILE).within(box)
            wanted = turn.box(tile, back=True).grown(_REACH)
            here, own = tile.moved(-box.left, -box.top).slices, wanted.within(layer.box)
            if not (own.width and own.height):
                continue
            rows = own.moved(-layer.box.left, -layer.box.top).slices
            soft = as_floats(layer.mask[rows])
            if not soft.any():
                continue
            weight = soft if hidden else np.ones(soft.shape, np.float32)
            colours = (layer.pixels[rows][..., channel] * weight for channel in range(3))
            planes = (_padded(plane, own, wanted) for plane in (soft, weight, *colours))
            covered, total, *values = turn.sampled(planes, tile, wanted)
            mask[here] = np.clip(covered, 0, 1)
            for channel, value in enumerate(values):
                pixels[here][..., channel] = np.rint(np.clip(value / np.maximum(total, 1e-6), 0, most))
    return Layer(pixels, mask, box)


def _padded(plane: NDArray[np.float32], own: Box, box: Box) -> Image.Image:
    """Return the plane, which covers `own`, padded with zeros to `box`."""
    padded = np.zeros((box.height, box.width), np.float32)
    padded[own.moved(-box.left, -box.top).slices] = plane
    return Image.fromarray(padded)


def quarter_turned(
    shape: tuple[int, int], corner: tuple[int, int], pivot: tuple[float, float], count: int
) -> tuple[int, int]:
    """Return the top left corner of an image after clockwise quarter turns about a point.

    Parameters
    ----------
    shape
        Height and width of the image on the background before the rotation.
    corner
        The top left corner of the image before the rotation.
    """
    turn = Turn(90.0 * count, *pivot)
    points = [turn.forward(corner[0] + x, corner[1] + y) for x in (0, shape[1]) for y in (0, shape[0])]
    return round(min(x for x, _ in points)), round(min(y for _, y in points))


def quarter(image: MaskArray | NDArray[Any], count: int) -> NDArray[Any]:
    """Return a view of an image `[H, W, ...]` after clockwise quarter turns."""
    return np.rot90(image, -count)
