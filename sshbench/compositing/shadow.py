"""A soft contact shadow and a cast shadow of an object, as an alpha map that darkens a picture.

The light and the ground of the scene are unknown, so the shadow is an approximation: dark where the object touches the
ground, with a flattened, blurred outline of the object that becomes weaker with height.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sshbench.compositing.placement import Box, Layer, whole
from sshbench.compositing.small_copies import mask_of
from sshbench.compositing.spaces import SRGB, Space

Floats = NDArray[np.float32]

_SIDE = 512  # longer side in pixels at which the shadow is computed; a shadow has no fine detail
_TOUCHES = 0.12  # fraction of the object's height above its lowest point that counts as touching the ground
_FOOT = 0.02  # fraction of the object's height that the contact extends above and below its lower edge
_FLATTEST = 0.06  # smallest height of the cast shadow, as a fraction of the object's height
_STANDS = 0.4  # weight above which a column stands on the ground
_POOL = 0.6  # darkness around the contact, as a fraction of the contact's
_CASTS = ((0.7, 0.7, 0.7), (0.15, 0.25, 0.5))
"""The cast shadow, and its part near the feet, which is sharper: the height over the object's after which it is e times
weaker; its blur over that of the contact; and its darkness over that of the contact."""
_ROWS = 256


@dataclass(frozen=True, eq=False)
class Shadow:
    """A shadow on a background.

    Parameters
    ----------
    alpha
        float32 `[h, w]`, 0..1: the fraction of light that the shadow removes.
    box
        The box of the shadow on the background.
    """

    alpha: Floats
    box: Box

    def black_layer(self) -> Floats:
        """Return the opacity `[h, w]`, 0..1, of a black layer that darkens encoded values as the shadow darkens light.

        The layer is for programs that blend encoded values. It is exact for a power curve of 2.2, and approximate for
        sRGB.
        """
        return np.asarray(1 - (1 - self.alpha) ** np.float32(1 / 2.2), np.float32)


def contact_shadow(
    layer: Layer, canvas: Box, *, strength: float, softness: float = 0.5, direction: float = 200, length: float = 0.3
) -> Shadow | None:
    """Make the shadow of a layer that lies on a background.

    Parameters
    ----------
    layer
        The foreground, placed on the background.
    canvas
        The background's box.
    strength
        The fraction of light, 0..1, that is removed where the object touches the ground.
    softness
        The blur of the shadow, 0..1.
    direction
        The direction of the cast shadow in the picture, in degrees clockwise: 0 right, 90 down (towards the viewer),
        180 left, 270 up (behind the object).
    length
        The length of the cast shadow as a multiple of the object's height; 0 for the contact shadow alone.

    Returns
    -------
    The shadow, or None if the strength is 0 or the lower edge of the picture cuts the object off, so that its ground is
    not visible.
    """
    small = mask_of(layer.mask, whole(layer.mask)) if max(layer.mask.shape) > _SIDE else _floats(layer.mask)
    scale = small.shape[0] / layer.mask.shape[0]
    solid = small > 0.5
    if not strength or not solid.any():
        return None
    rows = np.flatnonzero(solid.any(axis=1))
    base, height = float(rows[-1] + 1), float(rows[-1] + 1 - rows[0])
    if layer.box.top + base / scale > canvas.bottom - 1.5 / scale:
        return None
    columns = np.flatnonzero(solid.any(axis=0))
    blur = (0.012 + 0.07 * softness) * math.sqrt(height * (columns[-1] + 1 - columns[0]))
    margin = math.ceil(length * height + 8 * blur + 2)
    padded = np.pad(small, margin)
    ground = _Ground.of(padded, height)
    touching = ground.contact(len(padded), height)
    core, pool = (_even(_blurred(touching, by * blur, 2 * by * blur)) for by in (0.35, 1.2))
    shade = 1 - (1 - core) * (1 - _POOL * pool)
    if length:
        rows_below = ground.rows()
        for fade, by, part in _CASTS:
            cast = _cast(padded, rows_below, height, direction, length, fade)
            shade = 1 - (1 - shade) * (1 - part * _even(_blurred(cast, by * blur, by * blur)))
    place = Box(0, 0, padded.shape[1], padded.shape[0]).moved(-margin, -margin)
    return _enlarged(np.asarray(strength * shade, np.float32), place, scale, layer.box, canvas)


def darken(pixels: NDArray[Any], shadow: Shadow, space: Space = SRGB) -> None:
    """Remove a shadow's fraction of linear light from `[H, W, 3]`, uint8 or uint16 in `space`, in place."""
    part = pixels[shadow.box.slices]
    most = np.iinfo(pixels.dtype).max
    for start in range(0, len(part), _ROWS):
        rows = slice(start, start + _ROWS)
        alpha = shadow.alpha[rows]
        where = alpha > 0
        part[rows][where] = np.rint(space.dimmed(part[rows][where] / most, 1 - alpha[where][:, None]) * most)


def _floats(mask: NDArray[Any]) -> Floats:
    return mask if mask.dtype == np.float32 else np.asarray(mask / np.float32(np.iinfo(mask.dtype).max))


@dataclass(frozen=True, eq=False)
class _Ground:
    """Where an object meets the ground, in each column of its mask.

    Parameters
    ----------
    lowest
        float32 `[w]`, the row of the lowest part of the object; minus infinity in a column without an object.
    weight
        float32 `[w]`, 0..1: how much the column counts as touching the ground, less the higher it ends.
    """

    lowest: Floats
    weight: Floats

    @classmethod
    def of(cls, mask: Floats, height: float) -> _Ground:
        down = np.arange(len(mask), dtype=np.float32)[:, None]
        lowest = np.where(mask > 0.5, down, -np.inf).max(axis=0)
        above = lowest.max() - lowest
        return cls(lowest, np.exp(-((above / (_TOUCHES * height)) ** 2)))

    def contact(self, rows: int, height: float) -> Floats:
        """Return the lowest part of each column near the ground, `[rows, w]`, weaker the higher the column ends."""
        down = np.arange(rows, dtype=np.float32)[:, None]
        near = np.abs(down - self.lowest - 0.5) < max(_FOOT * height, 1.0)  # on both sides: the object hides the upper
        return np.asarray(np.where(near, self.weight, 0), np.float32)

    def rows(self) -> Floats:
        """Return the row of the ground below each column, `[w]`: of the feet, and in between from one to the next."""
        from scipy.ndimage import gaussian_filter1d

        feet = np.flatnonzero(self.weight > _STANDS)
        ground = np.interp(np.arange(len(self.lowest)), feet, self.lowest[feet] + 1)
        return np.asarray(gaussian_filter1d(ground, 0.02 * (feet[-1] - feet[0]) + 1, mode="nearest"), np.float32)


def _cast(mask: Floats, ground: Floats, height: float, direction: float, length: float, fade: float) -> Floats:
    """Return the outline flattened onto the ground, `[h, w]`, weaker with height.

    Each part of the object falls from the ground below it, `ground` `[w]`, so that the shadow of each foot begins at
    that foot, however far up in the picture the foot stands.
    """
    angle = math.radians(direction)
    across, down = length * math.cos(angle), length * math.sin(angle)
    if abs(down) < _FLATTEST:
        down = math.copysign(_FLATTEST, down)
    rows, columns = np.nonzero(mask > 0.01)
    values, out = mask[rows, columns], np.zeros_like(mask)
    finer = math.ceil(2 * max(abs(across), abs(down)))  # so that the steps of a stretched shadow are half a pixel
    for part in range(finer):
        up = np.maximum(ground[columns] - rows - (part + 0.5) / finer, 0)
        y = np.floor(ground[columns] + down * up).astype(int)
        x = np.floor(columns + 0.5 + across * up).astype(int)
        inside = (y >= 0) & (y < len(out)) & (x >= 0) & (x < out.shape[1])
        shade = (values * np.exp(-up / (fade * height)))[inside]
        np.maximum.at(out, (y[inside], x[inside]), shade)
    return out


def _even(image: Floats) -> Floats:
    """Scale an image so that its largest value is 1, however thin the blurred shape is."""
    return np.asarray(image / max(float(image.max()), 1e-6), np.float32)


def _blurred(image: Floats, down: float, across: float) -> Floats:
    from scipy.ndimage import gaussian_filter

    return np.asarray(gaussian_filter(image, (down, across), truncate=3.5), np.float32)


def _enlarged(alpha: Floats, place: Box, scale: float, box: Box, canvas: Box) -> Shadow | None:
    """Resize a map, given in pixels of the small mask with its box `place`, to the background's size."""
    target = Box(
        math.floor(place.left / scale), math.floor(place.top / scale), math.ceil(place.right / scale),
        math.ceil(place.bottom / scale),
    ).moved(box.left, box.top).within(canvas)  # fmt: skip
    if not (target.width and target.height):
        return None
    own = target.moved(-box.left, -box.top)
    part = (
        own.left * scale - place.left, own.top * scale - place.top, own.right * scale - place.left,
        own.bottom * scale - place.top,
    )  # fmt: skip
    part = (max(part[0], 0), max(part[1], 0), min(part[2], alpha.shape[1]), min(part[3], alpha.shape[0]))
    size = (target.width, target.height)
    full = np.asarray(Image.fromarray(alpha).resize(size, Image.Resampling.BICUBIC, part))
    return Shadow(np.clip(full, 0, 1), target)
