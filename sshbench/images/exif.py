"""EXIF blocks: the orientation, the directories of a TIFF, and the thumbnail.

Pillow turns a TIFF upright when it loads one, but not other formats.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

# Tags of a TIFF's first directory that describe the photograph and not the layout of the file (EXIF 2.32, table 4;
# ratings and titles as Windows writes them).
DESCRIPTIVE_TAGS = (270, 271, 272, 274, 305, 306, 315, 316, 33432, 18246, 18249, *range(40091, 40096))
EXIF_IFD, GPS_IFD, _INTEROPERABILITY_IFD = 0x8769, 0x8825, 0xA005
ORIENTATION = 0x0112

_TO_UPRIGHT = {6: 8, 8: 6}  # the inverse of these two orientations; the others are their own inverse


def orientation_of(exif: bytes | None, xmp: bytes | None = None) -> int:
    """Return the orientation in the metadata, 1 to 8; 1 if the metadata are damaged or have none.

    The orientation comes from EXIF, or from XMP if EXIF has none, as in Pillow.
    """
    picture = Image.Image()
    picture.info = {name: data for name, data in (("exif", exif), ("xmp", xmp)) if data}
    return orientation(picture)


def orientation(image: Image.Image) -> int:
    """Return the orientation in the metadata of an open image, as `orientation_of` does."""
    try:
        turn = image.getexif().get(ORIENTATION, 1)
    except Exception:  # with a damaged block, Pillow may raise any exception
        return 1
    return turn if isinstance(turn, int) and turn in range(1, 9) else 1


def turned_upright(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Return a view of stored pixels `[H, W, ...]` turned upright by EXIF's orientation, 1 to 8."""
    return stored_layout(pixels, _TO_UPRIGHT.get(orientation, orientation))


def stored_layout(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Return a view of upright pixels `[H, W, ...]` in the layout that an EXIF orientation, 1 to 8, describes."""
    match orientation:
        case 2:
            return pixels[:, ::-1]
        case 3:
            return pixels[::-1, ::-1]
        case 4:
            return pixels[::-1]
        case 5:
            return pixels.swapaxes(0, 1)
        case 6:
            return np.rot90(pixels)
        case 7:
            return pixels[::-1, ::-1].swapaxes(0, 1)
        case 8:
            return np.rot90(pixels, -1)
    return pixels


def sub_directory(block: Image.Exif, group: int) -> dict[int, Any]:
    """Return the entries of a directory of an EXIF block, including its interoperability directory."""
    entries = dict(block.get_ifd(group))
    if _INTEROPERABILITY_IFD in entries:
        entries[_INTEROPERABILITY_IFD] = dict(block.get_ifd(_INTEROPERABILITY_IFD))
    return entries


def exif_of_tiff(image: Any) -> bytes | None:
    """Return an open TIFF's directories as an EXIF block for other formats."""
    source, out = image.getexif(), Image.Exif()
    for tag in DESCRIPTIVE_TAGS:
        if tag in source:
            out[tag] = source[tag]
    for group in (EXIF_IFD, GPS_IFD):
        if group in source:
            out.get_ifd(group).update(sub_directory(source, group))
    if not (len(out) or out.get_ifd(EXIF_IFD) or out.get_ifd(GPS_IFD)):
        return None
    return out.tobytes().removeprefix(b"Exif\0\0")


def without_thumbnail(exif: bytes) -> bytes:
    """Remove the thumbnail, which shows the old pixels, from an EXIF block by cutting the link to its directory.

    All other bytes stay in place, since makers' notes contain offsets into the block.
    """
    order = "<" if exif[:2] == b"II" else ">"
    try:
        (start,) = struct.unpack_from(order + "I", exif, 4)
        (count,) = struct.unpack_from(order + "H", exif, start)
        link = start + 2 + 12 * count
        struct.unpack_from(order + "I", exif, link)
    except struct.error:
        return exif
    return exif[:link] + bytes(4) + exif[link + 4 :]
