"""Formats that Pillow does not read, recognised by content: cameras' raw files, and pictures of linear light.

The library of an extra reads each format as a 16-bit sRGB `ImageFile`.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from typing import BinaryIO

from PIL import TiffImagePlugin

from sshbench.images.files import ImageFile
from sshbench.images.opening import Encoded

Reader = Callable[[Encoded, int], ImageFile]

EXR = b"v/1\x01"
_RAW = (b"FUJIFILMCCD-RAW", b"IIRO", b"IIRS", b"MMOR", b"IIU\0", b"FOVb", b"\0MRM")  # Fujifilm to Minolta
_RAW_SUFFIXES = (  # suffixes of raw files that are TIFF; without a suffix, their directories are examined
    ".3fr", ".arw", ".cr2", ".dcr", ".dng", ".erf", ".iiq", ".kdc", ".mef", ".mos", ".nef", ".nrw", ".pef", ".raw",
    ".rwl", ".sr2", ".srf", ".srw",
)  # fmt: skip
READ_ALONE = (
    ".avif", ".gif", ".bmp", ".ppm", ".pgm", ".jp2", ".j2k", ".qoi",  # Pillow's
    ".heic", ".heif", ".hif", ".exr", ".cr3", ".raf", ".orf", ".rw2", *_RAW_SUFFIXES,
)  # fmt: skip
"""The suffixes, in lower case, of formats that are read from folders but not written."""
_SUBFILE, _PHOTOMETRIC, _SUB_DIRECTORIES, _SAMPLE_FORMAT, _DNG_VERSION = 254, 262, 330, 339, 50706
_MOSAIC, _FLOATS = 32803, 3


def reader_of(encoded: Encoded) -> Reader | None:
    """Return the reader of a file that Pillow does not read; None for any other file, even a damaged one."""
    with contextlib.suppress(OSError), encoded.open() as file:
        start = file.read(16)
        if start.startswith(EXR):
            return read_exr
        if start.startswith(_RAW) or start[4:12] == b"ftypcrx ":
            return read_raw
        if start[:4] in (b"II*\0", b"MM\0*"):
            return _of_tiff(file, start, encoded.name)
    return None


def _of_tiff(file: BinaryIO, start: bytes, name: str) -> Reader | None:
    if start[8:10] == b"CR":
        return read_raw
    try:
        tags = TiffImagePlugin.ImageFileDirectory_v2(start[:8])
        file.seek(tags.next)
        tags.load(file)
        raw = _DNG_VERSION in tags or tags.get(_PHOTOMETRIC) == _MOSAIC
        raw = raw or (
            tags.get(_SUBFILE) == 1 and _SUB_DIRECTORIES in tags
        )  # a preview with the mosaic in a sub-directory
        floats = _FLOATS in tags.get(_SAMPLE_FORMAT, ())
    except Exception:  # with a damaged directory, Pillow may raise any exception
        return None
    if raw or os.path.splitext(name)[1].lower() in _RAW_SUFFIXES:
        return read_raw
    return read_float_tiff if floats else None


def read_raw(encoded: Encoded, max_pixels: int) -> ImageFile:
    """Develop a camera's raw file, as `sshbench.images.camera_raw.read_raw` does."""
    from sshbench.images import camera_raw

    return camera_raw.read_raw(encoded, max_pixels)


def read_exr(encoded: Encoded, max_pixels: int) -> ImageFile:
    """Read an OpenEXR file, as `sshbench.images.linear_light.read_exr` does."""
    from sshbench.images import linear_light

    return linear_light.read_exr(encoded, max_pixels)


def read_float_tiff(encoded: Encoded, max_pixels: int) -> ImageFile:
    """Read a TIFF of floats, as `sshbench.images.linear_light.read_float_tiff` does."""
    from sshbench.images import linear_light

    return linear_light.read_float_tiff(encoded, max_pixels)
