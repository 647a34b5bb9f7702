"""Small copies of photographs, for the page and for methods while the object moves."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sshbench.compositing.edges import continued_smoothly
from sshbench.compositing.photo import Photo, in_srgb
from sshbench.compositing.placement import whole
from sshbench.compositing.small_copies import small
from sshbench.images.files import ImageFile, to_8_bit
from sshbench.images.masks import MaskArray, as_8_bit
from sshbench.images.png import png_bytes

SHOWN = 4096
"""The longest side of a shown photograph: up to 16 megapixels are shown at full size."""
PAINTED = 2048
"""The longest side of a mask that is painted on the page."""
_BASE, _LEAST = 2048, 64  # longest sides of the largest and the smallest level of a pyramid
_LOSSLESS = 4_000_000  # number of pixels up to which images are sent as PNG
_OPAQUE = 8  # the alpha below which colours count as hidden

Rgb = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Copies:
    """The small copies of one photograph.

    Parameters
    ----------
    shown
        uint8 `[h, w, 3]`, sRGB.
    alpha
        uint8 `[h, w]` of the same size, or None if the photograph is opaque.
    steps
        The photograph at decreasing sizes, each half of the previous one: uint8 `[h, w, 3]`.
    """

    shown: Rgb
    alpha: NDArray[np.uint8] | None
    steps: tuple[Rgb, ...]


def copies_of(photo: Photo) -> Copies:
    """Make the small copies of an upright photograph, converted to sRGB.

    Raises
    ------
    CompositingError
        The photograph's colour profile is damaged.
    """
    image = photo.image
    pixels, alpha = image.pixels, image.alpha
    if alpha is not None:
        pixels = bled(to_8_bit(pixels), to_8_bit(alpha))
    shown = small(pixels, whole(pixels), SHOWN)
    shown = in_srgb(ImageFile(shown, icc=image.icc), photo.name)
    return Copies(shown, None if alpha is None else small(alpha, whole(alpha), SHOWN), steps_of(shown))


def bled(pixels: Rgb, alpha: NDArray[np.uint8]) -> Rgb:
    """Return colours `[H, W, 3]` that continue into transparent pixels, so that filters do not mix in hidden colours.

    Parameters
    ----------
    pixels, alpha
        uint8 `[H, W, 3]` and `[H, W]`.
    """
    hidden = alpha < _OPAQUE
    if not hidden.any() or hidden.all():
        return pixels
    weight = np.where(hidden, 0, alpha).astype(np.float32) / np.float32(255)
    return np.where(hidden[..., None], continued_smoothly(pixels, weight), pixels)


def steps_of(image: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], ...]:
    """Return an image or a mask at decreasing sizes, each half of the previous one."""
    steps = [small(image, whole(image), _BASE)]
    while max(steps[-1].shape[:2]) > _LEAST and min(steps[-1].shape[:2]) > 1:
        steps.append(np.asarray(Image.fromarray(steps[-1]).reduce(2)))
    return tuple(steps)


def step_for(steps: tuple[NDArray[Any], ...], side: float) -> int:
    """Return the number of the smallest step whose longest side is at least `side`, or 0, the largest."""
    return max((number for number, step in enumerate(steps) if max(step.shape[:2]) >= side), default=0)


def painted_size(height: int, width: int) -> tuple[int, int]:
    """Return the height and width of the mask on the page, for a photograph of the given size."""
    by = min(1.0, PAINTED / max(height, width))
    return max(1, round(height * by)), max(1, round(width * by))


def painted(mask: MaskArray) -> NDArray[np.uint8]:
    """Return a mask at the size of the mask on the page."""
    height, width = painted_size(*mask.shape)
    large = as_8_bit(mask)
    return (
        large
        if large.shape == (height, width)
        else np.asarray(Image.fromarray(large).resize((width, height), Image.Resampling.BOX))
    )


def repainted(
    mask: MaskArray | None, before: NDArray[np.uint8], after: NDArray[np.uint8], size: tuple[int, int]
) -> NDArray[np.uint8]:
    """Return the mask of a large photograph after its small copy was painted.

    Where the small copy is unchanged, the large mask keeps its detail.

    Parameters
    ----------
    mask
        The large mask, or None if there was no mask.
    before, after
        The small copies, uint8 `[h, w]`.
    size
        Height and width of the photograph.
    """
    if after.shape == size:
        return after
    wide = size[::-1]
    large = np.asarray(Image.fromarray(after).resize(wide, Image.Resampling.BICUBIC))
    if mask is None:
        return large
    changed = Image.fromarray((before != after).astype(np.uint8) * np.uint8(255))
    here = np.asarray(changed.resize(wide, Image.Resampling.BILINEAR)) > 0
    return np.where(here, large, as_8_bit(mask))


def encoded(image: NDArray[np.uint8]) -> tuple[bytes, str]:
    """Return an image as a file for the page, and its media type: PNG, or JPEG of high quality for large images."""
    if image.shape[0] * image.shape[1] <= _LOSSLESS:
        return png_bytes(image), "image/png"
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=95, subsampling=0)
    return file.getvalue(), "image/jpeg"
