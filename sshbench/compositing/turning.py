"""Turning a foreground: by quarters and mirrors without loss, and by any angle with bicubic interpolation."""

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

_TILE = 512  # pixels on a side of what is turned at a time
_REACH = 3  # pixels around a point that bicubic interpolation looks at, and one more


@dataclass(frozen=True)
class Turn:
    """A turn of the background's plane by an angle in degrees, clockwise, about a point."""

    angle: float
    x: float
    y: float

    def forward(self, x: float, y: float) -> tuple[float, float]:
        """Return where a point comes to lie."""
        return self._by(self.angle, x, y)

    def back(self, x: float, y: float) -> tuple[float, float]:
        """Return where a point came from."""
        return self._by(-self.angle, x, y)

    def box(self, box: Box, *, back: bool = False) -> Box:
        """Return the smallest upright box of whole pixels around a box that is turned, or turned back."""
        move = self.back if back else self.forward
        points = [move(x, y) for x in (box.left, box.right) for y in (box.top, box.bottom)]
        across, down = zip(*points, strict=True)
        return Box(math.floor(min(across)), math.floor(min(down)), math.ceil(max(across)), math.ceil(max(down)))

    def sampled(
        self, planes: Iterable[Image.Image], to: Box, source: Box, *, margin: int = 0
    ) -> list[NDArray[np.float32]]:
        """Return the pixels of a box after the turn, by bicubic interpolation.

        Parameters
        ----------
        planes
            Images of one channel of floats.
        to
            The box that is filled.
        source
            The box that the planes cover before the turn.
        margin
            Pixels more of the planes on each side of that box.
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
    """Return a view of an image `[H, W, ...]` that is mirrored: `none`, `horizontal`, `vertical` or `both`."""
    if flip in ("horizontal", "both"):
        image = image[:, ::-1]
    return image[::-1] if flip in ("vertical", "both") else image


def quarters(angle: float) -> int | None:
    """Return how many quarter turns an angle in degrees is, 0 to 3, or None if it is not a number of them."""
    return round(angle / 90) % 4 if angle % 90 == 0 else None


def turned_layer(layer: Layer, turn: Turn, canvas: Box, *, hidden: bool) -> Layer:
    """Turn a layer; what sticks out of the background is left away.

    Colours are interpolated in proportion to the mask where the pixels outside the mask have no colour of their own
    (`hidden`); the layer's own edge, where the photograph ends, becomes as soft as a pixel.

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
    """Return the plane, which covers `own`, with zeros around it as far as `box` reaches."""
    padded = np.zeros((box.height, box.width), np.float32)
    padded[own.moved(-box.left, -box.top).slices] = plane
    return Image.fromarray(padded)


def quarter_turned(
    shape: tuple[int, int], corner: tuple[int, int], pivot: tuple[float, float], count: int
) -> tuple[int, int]:
    """Return where the left top corner of an image goes that is turned clockwise by quarters about a point.

    Parameters
    ----------
    shape
        Height and width of the image on the background, before.
    corner
        Where its left top corner lies, before.
    """
    turn = Turn(90.0 * count, *pivot)
    points = [turn.forward(corner[0] + x, corner[1] + y) for x in (0, shape[1]) for y in (0, shape[0])]
    return round(min(x for x, _ in points)), round(min(y for _, y in points))


def quarter(image: MaskArray | NDArray[Any], count: int) -> NDArray[Any]:
    """Return a view of an image `[H, W, ...]` that is turned clockwise by quarters."""
    return np.rot90(image, -count)
