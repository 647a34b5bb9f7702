"""Photographs and masks as they are given: files, arrays or Pillow's images, turned upright."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sshbench.errors import SshbenchError
from sshbench.images.exif import stored_layout, without_thumbnail
from sshbench.images.files import ImageFile
from sshbench.images.masks import Beside, MaskArray, read_mask
from sshbench.images.opening import MAX_PIXELS
from sshbench.images.reading import Source, open_image
from sshbench.lut.apply import apply_lut
from sshbench.lut.table import Lut, identity_table

__all__ = ["CompositingError", "MaskArray", "Photo", "Source", "open_mask", "open_photo"]

_PROFILE_POINTS = 65


class CompositingError(SshbenchError):
    """Photographs, a mask or a placement do not go together; the message says the way out."""


@dataclass(frozen=True, eq=False)
class Photo:
    """A photograph, upright.

    Parameters
    ----------
    image
        Its pixels and alpha, upright, and its metadata as they were.
    orientation
        EXIF's number of the turn that the stored pixels need.
    name
        What messages call it.
    """

    image: ImageFile
    orientation: int = 1
    name: str = "the image"

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        height, width = self.image.pixels.shape[:2]
        return height, width

    def stored(self, pixels: NDArray[Any], alpha: NDArray[Any] | None) -> ImageFile:
        """The file that holds these upright pixels, laid out and described as this one, without its thumbnail."""
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
        A file; an array `[H, W, 3 or 4]` or `[H, W]`, uint8 or uint16; or an image of Pillow.
    role
        What messages call it where it has no name.

    Raises
    ------
    ImageFileError
        The file cannot be read, or an array has another shape or type.
    """
    name = str(source) if isinstance(source, str | os.PathLike) else f"the {role}"
    stored = open_image(source, name, max_pixels=max_pixels)
    return Photo(replace(stored.upright(), exif=stored.exif, xmp=stored.xmp), stored.orientation, name)


def open_mask(source: Source, photo: Photo, *, max_pixels: int = MAX_PIXELS) -> MaskArray:
    """Open the mask of a photograph, `[H, W]` and as upright as it, as `sshbench.images.masks.read_mask` does.

    Raises
    ------
    ImageFileError
        The file cannot be read, is a mask of a kind that is refused, or has another size than the photograph.
    """
    height, width = photo.size
    return read_mask(source, "the mask", Beside(height, width, photo.orientation, photo.name), max_pixels=max_pixels)


def multiplied(mask: MaskArray, alpha: NDArray[Any]) -> MaskArray:
    """One mask times another, in the type of the second."""
    out = np.empty_like(alpha)
    for start in range(0, len(mask), 256):
        rows = slice(start, start + 256)
        out[rows] = np.rint(as_floats(mask[rows]) * alpha[rows])
    return out


def as_floats(mask: NDArray[Any]) -> NDArray[np.float32]:
    """Values 0..1 of a mask of any type."""
    if mask.dtype == np.float32:
        return mask
    return mask * np.float32(1 / np.iinfo(mask.dtype).max)


def in_space_of(photo: Photo, other: Photo) -> Photo:
    """The photograph with the bits and in the colour space of another, whose profile it then carries.

    Profiles are converted relative to white, through a table of 65 points an axis whose values have 8 bits.

    Raises
    ------
    CompositingError
        A profile that cannot be converted.
    """
    image = photo.image
    if (image.icc or b"") != (other.image.icc or b""):
        table = _between(photo, other)
        image = replace(image, pixels=apply_lut(image.pixels, table, layout="HWC"), icc=other.image.icc)
    if image.bits > other.image.bits:
        image = image.to_8_bit()
    elif image.bits < other.image.bits:
        alpha = None if image.alpha is None else image.alpha * np.uint16(257)
        image = replace(image, pixels=image.pixels * np.uint16(257), alpha=alpha)
    return replace(photo, image=image)


def _between(photo: Photo, other: Photo) -> Lut:
    import io

    from PIL import ImageCms

    colours = np.rint(255 * identity_table(_PROFILE_POINTS)).astype(np.uint8)
    profiles = []
    for one in (photo, other):
        icc = one.image.icc
        try:
            profiles.append(ImageCms.ImageCmsProfile(io.BytesIO(icc)) if icc else ImageCms.createProfile("sRGB"))
        except (OSError, ImageCms.PyCMSError) as error:
            raise CompositingError(f"{one.name}: its ICC profile is damaged; convert it to sRGB first") from error
    flat = Image.fromarray(colours.reshape(_PROFILE_POINTS, -1, 3))
    try:
        converted = ImageCms.profileToProfile(flat, profiles[0], profiles[1], ImageCms.Intent.RELATIVE_COLORIMETRIC)
    except ImageCms.PyCMSError as error:
        raise CompositingError(f"{photo.name}: its ICC profile cannot be converted to that of {other.name}") from error
    return Lut(values=(np.asarray(converted) / np.float32(255)).reshape(colours.shape).astype(np.float32))
