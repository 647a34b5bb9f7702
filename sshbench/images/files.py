"""Photographs in files: RGB pixels of 8 or 16 bits with the colour profile and the metadata that belong to them.

PNG, TIFF, JPEG and WebP. Pixels come as they are stored: not turned upright and not converted to another colour space,
so that the EXIF orientation and the ICC profile that go with them stay true.
"""

from __future__ import annotations

import contextlib
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, JpegImagePlugin, UnidentifiedImageError

from sshbench.errors import SshbenchError
from sshbench.images import codecs
from sshbench.images.exif import exif_of_tiff, stored_layout
from sshbench.whole_file import whole_file

Pixels = NDArray[np.uint8] | NDArray[np.uint16]

SUFFIXES = {".png": "PNG", ".tif": "TIFF", ".tiff": "TIFF", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
BITS = {"PNG": (8, 16), "TIFF": (8, 16), "JPEG": (8,), "WEBP": (8,)}
_FORMATS = ("JPEG", "PNG", "TIFF", "WEBP")
_SIGNATURES = (b"\x89PNG", b"II*\0", b"MM\0*", b"\xff\xd8\xff", b"RIFF")

_ALPHA_MODES = ("LA", "La", "PA", "RGBA", "RGBa")
_OPAQUE_MODES = ("1", "L", "P", "RGB", "RGBX")
_REFUSED_MODES = {
    "CMYK": "holds CMYK ink values, whose colours depend on a printing process",
    "LAB": "holds Lab values",
    "F": "holds floating-point values",
    "I": "holds signed or 32-bit values",
}
_TABLE_SUM_AT_95 = 369  # of the luminance quantisation table that libjpeg makes for quality 95


class ImageFileError(SshbenchError):
    """An image file that cannot be read or written, and why."""

    def __init__(self, path: str | os.PathLike[str], reason: str) -> None:
        self.path = Path(path)
        self.reason = reason
        super().__init__(f"{self.path}: {reason}")


@dataclass(frozen=True)
class Coding:
    """How a file stored its pixels, for writing others the same way.

    Parameters
    ----------
    format
        `"PNG"`, `"TIFF"`, `"JPEG"` or `"WEBP"`.
    lossless
        Whether the decoded pixels are those that were encoded.
    subsampling, tables, progressive
        Of a JPEG: its chroma subsampling (0: 4:4:4, 1: 4:2:2, 2: 4:2:0), quantisation tables and scan order.
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
        `[H, W, 3]`, uint8 or uint16, R, G, B, over the whole range of the type, encoded as `icc` says (sRGB where it
        is None), not multiplied by alpha.
    alpha
        `[H, W]` of the same type; None where the image is opaque.
    icc, exif, xmp
        The ICC profile, the EXIF block (from its byte order mark on) and the XMP packet, byte for byte.
    dpi
        Pixels per inch, horizontal and vertical.
    coding
        How the file it was read from stored it.
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
        """Bits a channel: 8 or 16."""
        return self.pixels.dtype.itemsize * 8

    def to_8_bit(self) -> ImageFile:
        """The same image with 8 bits a channel, each value rounded to the nearest."""
        if self.bits == 8:
            return self
        alpha = None if self.alpha is None else _rounded_to_8_bit(self.alpha)
        return replace(self, pixels=_rounded_to_8_bit(self.pixels), alpha=alpha)


def _rounded_to_8_bit(samples: Pixels) -> NDArray[np.uint8]:
    return ((samples.astype(np.uint32) + 128) // 257).astype(np.uint8)


def read_image(path: str | os.PathLike[str]) -> ImageFile:
    """Read a PNG, TIFF, JPEG or WebP image of 8 or 16 bits a channel.

    Grey, 1-bit and palette images become RGB, a transparent palette entry or colour becomes alpha, and colours that
    were multiplied by alpha are divided by it. A grey ICC profile is left out, as it does not describe RGB.

    Raises
    ------
    ImageFileError
        The file is missing, damaged or cut short, has more than 178 million pixels (a small file can claim any number
        and exhaust memory), is animated, or holds CMYK, Lab, floating-point or other values that are not RGB.
    """
    path = Path(path)
    with _one_sentence(path):
        if path.exists() and not path.is_file():  # opening a pipe would wait for ever
            raise ImageFileError(path, "is a folder" if path.is_dir() else "is not a regular file")
        with Image.open(path, formats=_FORMATS) as image:
            return _decoded(path, image)


@contextlib.contextmanager
def _one_sentence(path: Path) -> Iterator[None]:
    try:
        yield
    except (ImageFileError, MemoryError):
        raise
    except UnidentifiedImageError as error:
        raise ImageFileError(path, _why_unidentified(path)) from error
    except Image.DecompressionBombError as error:
        limit = 2 * (Image.MAX_IMAGE_PIXELS or 0)
        raise ImageFileError(path, f"claims more than {limit} pixels; crop or scale it down first") from error
    except OSError as error:
        reason = error.strerror if error.errno else f"is damaged or cut short ({error})"
        raise ImageFileError(path, reason or str(error)) from error
    except Exception as error:  # damaged files make decoders raise anything
        raise ImageFileError(path, f"is damaged ({type(error).__name__}: {error})") from error


def _why_unidentified(path: Path) -> str:
    with open(path, "rb") as file:
        start = file.read(4)
    if not start:
        return "is empty"
    if start.startswith(_SIGNATURES):
        return "is damaged, or of a kind that is not read; save it as 8 or 16-bit RGB"
    return "is not a PNG, TIFF, JPEG or WebP image"


def _decoded(path: Path, image: Any) -> ImageFile:
    if image.format != "MPO" and _pages(image) > 1:  # MPO: a phone's JPEG with more pictures behind the first
        raise ImageFileError(path, f"holds {image.n_frames} images; save one of them to a file of its own")
    if image.mode in _REFUSED_MODES:
        raise ImageFileError(path, f"{_REFUSED_MODES[image.mode]}; convert it to 8 or 16-bit RGB first")
    if image.format == "TIFF" and image.tag_v2.get(284, 1) != 1 and max(image.tag_v2.get(258, (1,))) > 8:
        raise ImageFileError(path, "stores 16-bit channels in separate planes; save it with interleaved channels")
    mode = codecs.raw_mode(image)
    coding = _coding(path, image)
    orientation, info, exif = 1, image.info, None
    if image.format == "TIFF":  # loading turns it upright, and its tags with it
        orientation, info, exif = image.getexif().get(0x0112, 1), dict(info), exif_of_tiff(image)
    samples = _samples(path, image, mode)
    image.load()  # reads what stands behind the pixels, such as a PNG's EXIF
    samples = stored_layout(samples, orientation)
    exif = exif or info.get("exif")
    icc = info.get("icc_profile") or None
    dpi = info.get("dpi")
    return ImageFile(
        pixels=np.ascontiguousarray(samples[..., :3]),
        alpha=np.ascontiguousarray(samples[..., 3]) if samples.shape[2] == 4 else None,
        icc=icc if icc and icc[16:20] == b"RGB " else None,
        exif=exif.removeprefix(b"Exif\0\0") if exif else None,
        xmp=info.get("xmp") or None,
        dpi=(float(dpi[0]), float(dpi[1])) if dpi and min(dpi) > 0 else None,
        coding=coding,
    )


def _pages(image: Any) -> int:
    """Images in the file, without the reduced copies that some cameras store in a TIFF."""
    count = int(getattr(image, "n_frames", 1))
    if image.format != "TIFF" or count == 1:
        return count
    full = 0
    for page in range(count):
        image.seek(page)
        full += not image.tag_v2.get(254, 0) & 1
    image.seek(0)
    return full


def _coding(path: Path, image: Any) -> Coding:
    if image.format in ("JPEG", "MPO"):
        sampling = JpegImagePlugin.get_sampling(image)
        return Coding(
            "JPEG",
            lossless=False,
            subsampling=0 if image.mode == "L" or sampling < 0 else sampling,
            tables=tuple(tuple(table) for _, table in sorted(image.quantization.items())),
            progressive=bool(image.info.get("progressive")),
        )
    if image.format == "WEBP":
        return Coding("WEBP", lossless=_webp_is_lossless(path))
    return Coding(image.format, lossless=image.info.get("compression") not in ("jpeg", "tiff_jpeg", "webp"))


def _webp_is_lossless(path: Path) -> bool:
    """Whether the first chunk of pixels is coded without losses (RFC 9649, section 2)."""
    with open(path, "rb") as file:
        file.seek(12)
        while len(head := file.read(8)) == 8:
            name, size = struct.unpack("<4sI", head)
            if name in (b"VP8 ", b"VP8L"):
                return bool(name == b"VP8L")
            file.seek(size + size % 2, os.SEEK_CUR)
    return False


def _samples(path: Path, image: Any, mode: str) -> Any:
    """Decode to `[H, W, 3 or 4]` in Pillow's layout."""
    transparent = image.info.get("transparency")
    if image.mode.startswith("I"):
        if ";12" in mode:
            raise ImageFileError(path, "holds 12-bit values; save it with 8 or 16 bits a channel")
        grey = np.asarray(image).astype(np.uint16)
        if image.format == "TIFF" and image.tag_v2.get(262) == 0:  # white is zero
            grey = ~grey
        samples = np.repeat(grey[..., None], 3, axis=-1)
        return samples if transparent is None else _with_key_as_alpha(samples, (transparent,) * 3)
    if ";16" in mode:
        samples = codecs.decode_16_bit(path, image, mode)
        if mode.startswith("RGBa"):
            return _unmultiplied(samples)
        return samples if transparent is None else _with_key_as_alpha(samples, transparent)
    if image.mode in ("1", "L") and transparent is not None:
        grey = np.asarray(image.convert("L"))
        key = min(transparent * {"1": 255, "L;2": 85, "L;4": 17}.get(mode, 1), 255)  # Pillow scales pixels to 0..255
        return np.dstack([grey, grey, grey, np.where(grey == key, 0, 255).astype(np.uint8)])
    if image.mode in _ALPHA_MODES or (image.mode in _OPAQUE_MODES and transparent is not None):
        return np.asarray(image.convert("RGBA"))
    if image.mode in _OPAQUE_MODES:
        return np.asarray(image.convert("RGB"))
    raise ImageFileError(path, f"has pixels of the kind {image.mode}; convert it to 8 or 16-bit RGB first")


def _with_key_as_alpha(samples: NDArray[np.uint16], key: tuple[int, int, int]) -> NDArray[np.uint16]:
    """Add an alpha channel that is 0 where a pixel has the colour a PNG declares transparent."""
    opaque = (samples != np.array(key, np.uint16)).any(axis=-1, keepdims=True)
    return np.concatenate([samples, opaque * np.uint16(65535)], axis=-1)


def _unmultiplied(samples: NDArray[np.uint16]) -> NDArray[np.uint16]:
    alpha = samples[..., 3:].astype(np.float64)
    colour = np.rint(samples[..., :3] * (65535.0 / np.maximum(alpha, 1.0)))
    return np.concatenate([np.minimum(colour, 65535).astype(np.uint16), samples[..., 3:]], axis=-1)


def write_image(path: str | os.PathLike[str], image: ImageFile, *, quality: int | None = None) -> None:
    """Write `image` in the format that the suffix of `path` names; the file appears whole or not at all.

    JPEG and WebP hold 8 bits, so 16-bit pixels are rounded. JPEG keeps the chroma subsampling of a JPEG source and is
    4:4:4 otherwise.

    Parameters
    ----------
    quality
        1 to 100, of JPEG and WebP. By default 95; a source JPEG that is finer than that lends its own quantisation
        tables, and WebP is lossless where the source was.

    Raises
    ------
    ImageFileError
        An unknown suffix, an image the format cannot hold (transparency in JPEG, or too many pixels), or a folder that
        is missing or cannot be written to.
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
                codecs.write_tiff(file, samples, **metadata)  # type: ignore[arg-type]
            elif kind == "PNG" and image.bits == 16:
                codecs.write_png_16(file, samples, **metadata)  # type: ignore[arg-type]
            else:
                _write_with_pillow(file, kind, samples, image, quality)
    except OSError as error:
        raise ImageFileError(path, f"cannot be written ({error.strerror or error})") from error
    except (ValueError, SyntaxError, struct.error, OverflowError) as error:
        raise ImageFileError(path, f"cannot be written as {kind} ({error})") from error


def format_of(path: str | os.PathLike[str]) -> str:
    """The format that a file name's suffix stands for: `"PNG"`, `"TIFF"`, `"JPEG"` or `"WEBP"`.

    Raises
    ------
    ImageFileError
        The suffix is none of these.
    """
    suffix = Path(path).suffix
    if suffix.lower() not in SUFFIXES:
        raise ImageFileError(path, f"has the suffix {suffix!r}; name it {', '.join(SUFFIXES)}")
    return SUFFIXES[suffix.lower()]


def _write_with_pillow(file: BinaryIO, kind: str, samples: NDArray[Any], image: ImageFile, quality: int | None) -> None:
    options: dict[str, Any] = {"icc_profile": image.icc, "dpi": image.dpi}
    if image.exif:
        options["exif"] = b"Exif\0\0" + image.exif
    if kind == "PNG":
        from PIL.PngImagePlugin import PngInfo

        text = PngInfo()
        if image.xmp:
            text.add_itxt("XML:com.adobe.xmp", image.xmp.decode("utf-8", "replace"))
        options["pnginfo"] = text
    else:
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
