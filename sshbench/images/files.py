"""`ImageFile`: the stored RGB pixels of an image, 8 or 16 bits, with profile and metadata; and writing it.

The pixels are neither turned upright nor converted to another colour space, so the EXIF orientation and the ICC profile
stay valid.
"""

from __future__ import annotations

import os
import struct
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sshbench.errors import FULL
from sshbench.images import sixteen_bit
from sshbench.images.exif import orientation_of, turned_upright
from sshbench.images.jpeg_metadata import exif_that_fits, xmp_segments
from sshbench.images.opening import ImageFileError
from sshbench.whole_file import whole_file

Pixels = NDArray[np.uint8] | NDArray[np.uint16]

SUFFIXES = {
    ".png": "PNG", ".tif": "TIFF", ".tiff": "TIFF", ".jpg": "JPEG", ".jpeg": "JPEG", ".jpe": "JPEG", ".jfif": "JPEG",
    ".webp": "WEBP",
}  # fmt: skip
"""The suffixes, in lower case, of the formats that are written."""
BITS = {"PNG": (8, 16), "TIFF": (8, 16), "JPEG": (8,), "WEBP": (8,)}

_TABLE_SUM_AT_95 = 369  # sum of libjpeg's luminance quantisation table for quality 95


class ImageFileWarning(UserWarning):
    """A warning that a file lacks part of the image's data, or stores the data in an uncommon way."""


@dataclass(frozen=True)
class Coding:
    """The encoding of a file, for writing other files in the same way.

    Parameters
    ----------
    format
        `"PNG"`, `"TIFF"`, `"JPEG"` or `"WEBP"`.
    lossless
        Whether the encoding is lossless.
    subsampling, tables, progressive
        For a JPEG only: its chroma subsampling (0: 4:4:4, 1: 4:2:2, 2: 4:2:0), quantisation tables and scan order.
    """

    format: str = "PNG"
    lossless: bool = True
    subsampling: int = 0
    tables: tuple[tuple[int, ...], ...] = ()
    progressive: bool = False


@dataclass(frozen=True, eq=False)
class ImageFile:
    """An image as a file holds it.

    Parameters
    ----------
    pixels
        `[H, W, 3]`, uint8 or uint16, R, G, B, over the whole range of the type, in the colour space of `icc` (sRGB if
        None), not premultiplied.
    alpha
        `[H, W]` of the same type; None if the image is opaque.
    icc, exif, xmp
        The ICC profile, the EXIF block (from its byte order mark on) and the XMP packet, byte for byte.
    dpi
        Pixels per inch, horizontal and vertical.
    coding
        The encoding of the source file.
    """

    pixels: Pixels
    alpha: Pixels | None = None
    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    dpi: tuple[float, float] | None = None
    coding: Coding = Coding()

    def __post_init__(self) -> None:
        if self.pixels.dtype not in (np.uint8, np.uint16) or self.pixels.ndim != 3 or self.pixels.shape[2] != 3:
            raise ValueError(f"pixels are uint8 or uint16 [H, W, 3], not {self.pixels.dtype} {self.pixels.shape}")
        if self.alpha is not None and (
            self.alpha.dtype != self.pixels.dtype or self.alpha.shape != self.pixels.shape[:2]
        ):
            raise ValueError("alpha has the type, height and width of the pixels")

    @property
    def bits(self) -> int:
        """Return the number of bits per channel, 8 or 16."""
        return self.pixels.dtype.itemsize * 8

    @property
    def orientation(self) -> int:
        """Return EXIF's orientation of the stored pixels, 1 to 8; 1 means that the pixels are upright."""
        return orientation_of(self.exif, self.xmp)

    def to_8_bit(self) -> ImageFile:
        """Return the same image with 8 bits per channel, each value rounded to the nearest."""
        if self.bits == 8:
            return self
        alpha = None if self.alpha is None else to_8_bit(self.alpha)
        return replace(self, pixels=to_8_bit(self.pixels), alpha=alpha)

    def upright(self) -> ImageFile:
        """Return the upright image, without EXIF and XMP, which describe the stored orientation."""
        if (number := self.orientation) == 1:
            return replace(self, exif=None, xmp=None)
        alpha = None if self.alpha is None else np.ascontiguousarray(turned_upright(self.alpha, number))
        return replace(
            self, pixels=np.ascontiguousarray(turned_upright(self.pixels, number)), alpha=alpha, exif=None, xmp=None
        )


def to_8_bit(samples: NDArray[Any]) -> NDArray[np.uint8]:
    """Return samples of 16 bits, `[H, ...]` over 0..65535, as uint8 over 0..255, rounded to the nearest."""
    if samples.dtype == np.uint8:
        return samples
    rounded = np.empty(samples.shape, np.uint8)
    for y in range(0, len(samples), 64):  # in blocks, because the sums need twice the memory of the samples
        rounded[y : y + 64] = (samples[y : y + 64].astype(np.uint32) + 128) // 257
    return rounded


def write_image(path: str | os.PathLike[str], image: ImageFile, *, quality: int | None = None) -> None:
    """Write `image` in the format that the suffix of `path` names; the file appears whole or not at all.

    JPEG and WebP hold 8 bits, so 16-bit pixels are rounded. JPEG keeps the chroma subsampling of a JPEG source and is
    4:4:4 otherwise. A JPEG holds at most 64 KB of EXIF; entries that do not fit are left out. Longer XMP is written as
    extended XMP. An `ImageFileWarning` reports both.

    Parameters
    ----------
    quality
        The quality of JPEG and WebP, 1 to 100. By default 95; a JPEG source of higher quality keeps its quantisation
        tables, and WebP is lossless if the source was.

    Raises
    ------
    ImageFileError
        The suffix is unknown, the format cannot hold the image (transparency in JPEG, too many pixels), or the folder
        is missing or cannot be written.
    """
    path = Path(path)
    kind = format_of(path)
    if image.bits not in BITS[kind]:
        image = image.to_8_bit()
    if kind == "JPEG" and image.alpha is not None:
        if (image.alpha != np.iinfo(image.alpha.dtype).max).any():
            raise ImageFileError(path, "JPEG cannot hold transparency; write PNG, TIFF or WebP")
        image = replace(image, alpha=None)
    samples: NDArray[Any] = image.pixels if image.alpha is None else np.dstack([image.pixels, image.alpha])
    metadata = {"icc": image.icc, "exif": image.exif, "xmp": image.xmp, "dpi": image.dpi}
    try:
        with whole_file(path) as temporary, open(temporary, "wb") as file:
            if kind == "TIFF":
                sixteen_bit.write_tiff(file, samples, **metadata)  # type: ignore[arg-type]
            elif kind == "PNG" and image.bits == 16:
                sixteen_bit.write_png_16(file, samples, **metadata)  # type: ignore[arg-type]
            else:
                _write_with_pillow(path, file, kind, samples, image, quality)
    except OSError as error:
        way_out = "; make room and run the same command again" if error.errno in FULL else ""
        raise ImageFileError(path, f"cannot be written ({error.strerror or error}){way_out}") from error
    except (ValueError, SyntaxError, struct.error, OverflowError) as error:
        raise ImageFileError(path, f"cannot be written as {kind} ({error})") from error


def format_of(path: str | os.PathLike[str]) -> str:
    """Return the format of a file name's suffix: `"PNG"`, `"TIFF"`, `"JPEG"` or `"WEBP"`.

    Raises
    ------
    ImageFileError
        The suffix belongs to another format.
    """
    suffix = Path(path).suffix
    if suffix.lower() not in SUFFIXES:
        fault = f"has the suffix {suffix!r}" if suffix else "has no suffix that names a format"
        raise ImageFileError(path, f"{fault}; name it {', '.join(SUFFIXES)}")
    return SUFFIXES[suffix.lower()]


def _for_jpeg(path: Path, image: ImageFile) -> tuple[ImageFile, bytes]:
    """Return the image with EXIF that fits a JPEG, and the segments of its XMP."""
    notes, segments = [], b""
    exif, left_out = exif_that_fits(image.exif) if image.exif else (None, [])
    if left_out:
        notes.append(f"its EXIF lacks the entries that do not fit into 64 KB ({', '.join(left_out[:4])})")
    if image.xmp:
        segments, divided = xmp_segments(image.xmp, image.orientation)
        if divided:
            notes.append(f"its XMP of {len(image.xmp) // 1000} KB is extended XMP, which some programs ignore")
    if notes:
        warnings.warn(f"{path}: {', and '.join(notes)}", ImageFileWarning, stacklevel=4)
    return replace(image, exif=exif), segments


def _write_with_pillow(
    path: Path, file: BinaryIO, kind: str, samples: NDArray[Any], image: ImageFile, quality: int | None
) -> None:
    options: dict[str, Any] = {"icc_profile": image.icc, "dpi": image.dpi}
    if kind == "JPEG":
        image, options["extra"] = _for_jpeg(path, image)
    if image.exif:
        options["exif"] = b"Exif\0\0" + image.exif
    if kind == "PNG":
        from PIL.PngImagePlugin import PngInfo

        text = PngInfo()
        if image.xmp:
            text.add_itxt("XML:com.adobe.xmp", image.xmp.decode("utf-8", "replace"))
        options["pnginfo"] = text
    elif kind == "WEBP":
        options["xmp"] = image.xmp or b""
    if kind == "JPEG":
        source = image.coding
        options.update(subsampling=source.subsampling, progressive=source.progressive)
        if quality is None and source.tables and sum(source.tables[0]) < _TABLE_SUM_AT_95:
            options["qtables"] = source.tables
        else:
            options["quality"] = 95 if quality is None else quality
    if kind == "WEBP":
        lossless = quality is None and image.coding.lossless
        options.update(lossless=lossless, quality=95 if quality is None else quality, exact=True)
    Image.fromarray(samples).save(file, kind, **{name: value for name, value in options.items() if value is not None})
