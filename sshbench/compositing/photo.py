"""Photographs and masks from files, arrays or Pillow images, turned upright."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sshbench.compositing.spaces import SRGB, Space, converted, space_of
from sshbench.errors import SshbenchError
from sshbench.images.exif import stored_layout, without_thumbnail
from sshbench.images.files import ImageFile
from sshbench.images.masks import Beside, MaskArray, read_mask
from sshbench.images.opening import MAX_PIXELS
from sshbench.images.profiles import ProfileError
from sshbench.images.reading import Source, open_image

__all__ = ["CompositingError", "MaskArray", "Photo", "Source", "open_mask", "open_photo"]


class CompositingError(SshbenchError):
    """Photographs, a mask and a placement do not fit together; the message says what to do."""


@dataclass(frozen=True, eq=False)
class Photo:
    """A photograph, upright.

    Parameters
    ----------
    image
        The upright pixels and alpha, and the original metadata.
    orientation
        The EXIF orientation of the stored pixels, 1 to 8.
    name
        The name of the photograph in messages.
    """

    image: ImageFile
    orientation: int = 1
    name: str = "the image"

    @property
    def size(self) -> tuple[int, int]:
        """Return the height and the width in pixels."""
        height, width = self.image.pixels.shape[:2]
        return height, width

    @property
    def space(self) -> Space:
        """Return the colour space that the photograph's profile describes.

        Raises
        ------
        CompositingError
            The profile is damaged, or cannot be converted.
        """
        return _space(self.image, self.name)

    def stored(self, pixels: NDArray[Any], alpha: NDArray[Any] | None) -> ImageFile:
        """Return a file of upright pixels with this photograph's orientation and metadata, but no thumbnail."""
        exif = self.image.exif
        return replace(
            self.image,
            pixels=np.ascontiguousarray(stored_layout(pixels, self.orientation)),
            alpha=None if alpha is None else np.ascontiguousarray(stored_layout(alpha, self.orientation)),
            exif=without_thumbnail(exif) if exif else None,
        )


def open_photo(source: Source, role: str, *, max_pixels: int = MAX_PIXELS) -> Photo:
    """Open a photograph.

    Parameters
    ----------
    source
        A file; an array `[H, W, 3 or 4]` or `[H, W]`, uint8 or uint16; or a Pillow image.
    role
        The name of the photograph in messages if it is not a file.

    Raises
    ------
    ImageFileError
        The file cannot be read, or an array has another shape or type.
    """
    name = str(source) if isinstance(source, str | os.PathLike) else f"the {role}"
    stored = open_image(source, name, max_pixels=max_pixels)
    return Photo(replace(stored.upright(), exif=stored.exif, xmp=stored.xmp), stored.orientation, name)


def open_mask(source: Source, photo: Photo, *, max_pixels: int = MAX_PIXELS) -> MaskArray:
    """Open the mask of a photograph, `[H, W]` and upright, as `sshbench.images.masks.read_mask` does.

    Raises
    ------
    ImageFileError
        The file cannot be read, is a refused kind of mask, or has another size than the photograph.
    """
    height, width = photo.size
    return read_mask(source, "the mask", Beside(height, width, photo.orientation, photo.name), max_pixels=max_pixels)


def multiplied(mask: MaskArray, alpha: NDArray[Any]) -> MaskArray:
    """Return the product of two masks `[H, W]`, in the type of the second."""
    out = np.empty_like(alpha)
    for start in range(0, len(mask), 256):
        rows = slice(start, start + 256)
        out[rows] = np.rint(as_floats(mask[rows]) * alpha[rows])
    return out


def as_floats(mask: NDArray[Any]) -> NDArray[np.float32]:
    """Return a mask of any type as float32 of the same shape over 0..1."""
    if mask.dtype == np.float32:
        return mask
    return mask * np.float32(1 / np.iinfo(mask.dtype).max)


def in_srgb(image: ImageFile, name: str = "the image") -> NDArray[Any]:
    """Return the pixels of an image, `[H, W, 3]`, in sRGB.

    Raises
    ------
    CompositingError
        The image's profile is damaged, or cannot be converted.
    """
    space = _space(image, name)
    return image.pixels if space.is_srgb else converted(image.pixels, space, SRGB)


def _space(image: ImageFile, name: str) -> Space:
    try:
        return space_of(image.icc)
    except ProfileError as error:
        raise CompositingError(f"{name}: {error}; convert it to sRGB first") from error


def in_space_of(photo: Photo, other: Photo) -> Photo:
    """Return the photograph in the bit depth and the colour space of another, with the profile of the other.

    Profiles are converted with relative colorimetric intent, in 16 bits if either photograph has 16.

    Raises
    ------
    CompositingError
        A profile is damaged, or cannot be converted.
    """
    image = photo.image
    if image.bits < other.image.bits:
        alpha = None if image.alpha is None else image.alpha * np.uint16(257)
        image = replace(image, pixels=image.pixels * np.uint16(257), alpha=alpha)
    if (image.icc or b"") != (other.image.icc or b""):
        source, target = photo.space, other.space
        if not (source.is_srgb and target.is_srgb):
            image = replace(image, pixels=converted(image.pixels, source, target))
        image = replace(image, icc=other.image.icc)
    if image.bits > other.image.bits:
        image = image.to_8_bit()
    return replace(photo, image=image)
