"""Photographs and masks as they are given: files, arrays or Pillow's images, turned upright."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sshbench.errors import SshbenchError
from sshbench.images.exif import stored_layout, without_thumbnail
from sshbench.images.files import Coding, ImageFile, read_image
from sshbench.lut.apply import apply_lut
from sshbench.lut.table import Lut, identity_table

Source: TypeAlias = str | os.PathLike[str] | NDArray[Any] | Image.Image
MaskArray: TypeAlias = NDArray[Any]  # uint8 or uint16 over their range, or float32 over 0..1

_TO_UPRIGHT = {6: 8, 8: 6}  # the turn that undoes the one with this EXIF number; the others undo themselves
_PROFILE_POINTS = 65


class CompositingError(SshbenchError):
    """Photographs, a mask or a placement that do not go together, and the way out."""


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


def open_photo(source: Source, role: str) -> Photo:
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
        The file cannot be read.
    CompositingError
        An array of another shape or type.
    """
    name = f"the {role}"
    if isinstance(source, np.ndarray):
        image = _of_array(source, name)
    elif isinstance(source, Image.Image):
        image = _of_pillow(source)
    else:
        name, image = str(source), read_image(source)
    orientation = _orientation(image.exif)
    return Photo(replace(image, **_upright(image, orientation)), orientation, name)


def open_mask(source: Source, photo: Photo) -> MaskArray:
    """Open the mask of a photograph: `[H, W]` as upright as it, white (the top of its type, or 1) for the foreground.

    Of a file the red channel counts, times its alpha. A mask that has no orientation of its own and the size of the
    stored photograph is turned with it.

    Raises
    ------
    ImageFileError
        The file cannot be read.
    CompositingError
        Another size than the photograph, or an array of another shape or type.
    """
    if isinstance(source, np.ndarray) and source.ndim == 2 and source.dtype.kind in "bf":
        mask: MaskArray = np.clip(np.nan_to_num(source), 0, 1).astype(np.float32)
        name, orientation = "the mask", 1
    else:
        opened = open_photo(source, "mask")
        name, orientation, image = opened.name, opened.orientation, opened.image
        mask = np.ascontiguousarray(image.pixels[..., 0])
        if image.alpha is not None:
            mask = multiplied(mask, image.alpha)
    height, width = photo.size
    if mask.shape == (width, height) != (height, width) and orientation == 1 and photo.orientation > 4:
        mask = np.ascontiguousarray(_turned(mask, photo.orientation))
    if mask.shape != (height, width):
        raise CompositingError(
            f"{name} is {mask.shape[1]} x {mask.shape[0]} and {photo.name} {width} x {height}; a mask has the size of "
            "its photograph"
        )
    return mask


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


def _of_array(array: NDArray[Any], name: str) -> ImageFile:
    if array.ndim == 2:
        array = np.repeat(array[..., None], 3, axis=2)
    if array.ndim != 3 or array.shape[2] not in (3, 4) or array.dtype not in (np.uint8, np.uint16) or not array.size:
        raise CompositingError(f"{name} is [H, W, 3 or 4] of uint8 or uint16, not {array.dtype} {list(array.shape)}")
    alpha = np.ascontiguousarray(array[..., 3]) if array.shape[2] == 4 else None
    return ImageFile(pixels=np.ascontiguousarray(array[..., :3]), alpha=alpha)


def _of_pillow(source: Image.Image) -> ImageFile:
    see_through = source.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in source.info
    image = _of_array(np.asarray(source.convert("RGBA" if see_through else "RGB")), "the image")
    icc, exif = source.info.get("icc_profile"), source.getexif().tobytes().removeprefix(b"Exif\0\0")
    return replace(image, icc=icc if icc and icc[16:20] == b"RGB " else None, exif=exif or None, coding=Coding())


def _orientation(exif: bytes | None) -> int:
    if not exif:
        return 1
    tags = Image.Exif()
    try:
        tags.load(exif)
        turn = tags.get(0x0112, 1)
    except Exception:  # a damaged block says nothing of the orientation, and is copied as it is
        return 1
    return turn if turn in range(1, 9) else 1


def _turned(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    return stored_layout(pixels, _TO_UPRIGHT.get(orientation, orientation))


def _upright(image: ImageFile, orientation: int) -> dict[str, Any]:
    if orientation == 1:
        return {}
    return {
        "pixels": np.ascontiguousarray(_turned(image.pixels, orientation)),
        "alpha": None if image.alpha is None else np.ascontiguousarray(_turned(image.alpha, orientation)),
    }
