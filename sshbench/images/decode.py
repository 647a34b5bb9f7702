"""Any image file to upright 8-bit sRGB, or a reason why not.

Pillow decides what a file is. Plain JPEGs, nearly all photographs, are then decoded by simplejpeg where it is
installed: the same pixels (both are libjpeg-turbo with the accurate inverse transform) in half the time.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import warnings
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

try:
    import simplejpeg
except ImportError:
    simplejpeg = None

MIN_SIDE = 8
MAX_PIXELS = 100_000_000  # of which a decoded copy takes 0.4 GB
MAX_BYTES = 1 << 29

# None of these runs another program or reads another file, as EPS does. JPEG includes MPO.
FORMATS = {
    "JPEG": "JpegImagePlugin",
    "PNG": "PngImagePlugin",
    "WEBP": "WebPImagePlugin",
    "TIFF": "TiffImagePlugin",
    "GIF": "GifImagePlugin",
    "BMP": "BmpImagePlugin",
    "PPM": "PpmImagePlugin",
    "JPEG2000": "Jpeg2KImagePlugin",
    "AVIF": "AvifImagePlugin",
    "QOI": "QoiImagePlugin",
}
_ORIENTATION = 0x0112
_REDUCIBLE = ("L", "LA", "RGB", "RGBA", "CMYK")


class SkippedImage(Exception):
    """A photograph that makes no triplet, and why; never ends a run."""

    def __init__(self, row: str, reason: str) -> None:
        self.row = row
        self.reason = reason
        super().__init__(row, reason)

    def __str__(self) -> str:
        return f"{self.row}: {self.reason}"


class SkippedWarning(RuntimeWarning):
    """A photograph was left out, and why."""


def decode_photo(
    data: bytes,
    row: str,
    *,
    short_side: int | None = None,
    min_side: int = MIN_SIDE,
    max_pixels: int = MAX_PIXELS,
) -> NDArray[np.uint8]:
    """Decode an image file's bytes to `[H, W, 3]` uint8 sRGB.

    EXIF rotation is applied, an embedded ICC profile is converted to sRGB, transparency is laid over white, 16-bit
    values become 8-bit, and of an animation the first frame is taken.

    Parameters
    ----------
    row
        Names the photograph in errors.
    short_side
        How many pixels the short side needs. Where twice as many remain, a JPEG is decoded at 1/2, 1/4 or 1/8 and
        another image averaged over blocks, as far as whole pixels come out. (Without the factor of two, aliasing brings
        a crop from 50 dB of a Lanczos resize to 43; with it, to 48: docs/triplets.md.)

    Raises
    ------
    SkippedImage
        The bytes are no image, damaged or cut short, or the image is smaller than `min_side` or larger than
        `max_pixels`.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of odd tags, and of sizes from half of its limit on
            return _decode(data, row, short_side, min_side, max_pixels)
    except (SkippedImage, MemoryError):
        raise
    except Exception as error:  # damaged files make decoders raise anything
        raise SkippedImage(row, _why(data, error, max_pixels)) from error


def decode_mask(data: bytes, row: str, *, max_pixels: int = MAX_PIXELS) -> NDArray[np.uint8]:
    """Decode a mask to `[h, w]` uint8, 255 inside.

    The luminance of the image is the mask; where it is transparent somewhere, its alpha is; one whose values are all 0
    and 1 is stretched.

    Raises
    ------
    SkippedImage
        As `decode_photo`.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = _upright(_as_channels(_open(data, row, 1, max_pixels), row))
            if image.has_transparency_data:
                alpha = np.asarray(image.convert("RGBA"))[..., 3]
                if alpha.min() < 255:
                    return alpha
            mask = np.asarray(image.convert("L"))
    except (SkippedImage, MemoryError):
        raise
    except Exception as error:
        raise SkippedImage(row, f"mask: {_why(data, error, max_pixels)}") from error
    return mask * np.uint8(255) if mask.max() == 1 else mask


@lru_cache(maxsize=1)
def _formats() -> tuple[str, ...]:
    """Those of `FORMATS` that this Pillow knows."""
    for plugin in FORMATS.values():
        with contextlib.suppress(ImportError):
            importlib.import_module(f"PIL.{plugin}")
    return tuple(name for name in FORMATS if name in Image.OPEN)


def _open(data: bytes, row: str, min_side: int, max_pixels: int) -> Any:
    if len(data) > MAX_BYTES:
        raise SkippedImage(row, f"is a file of {len(data) >> 20} MiB; at most {MAX_BYTES >> 20} are read")
    image = Image.open(io.BytesIO(data), formats=_formats())
    width, height = image.size
    if width * height > max_pixels:
        raise SkippedImage(row, f"claims {width} x {height} pixels; at most {max_pixels} are decoded")
    if min(width, height) < min_side:
        raise SkippedImage(row, f"is {width} x {height} pixels; the short side needs {min_side}")
    return image


def _decode(data: bytes, row: str, short_side: int | None, min_side: int, max_pixels: int) -> NDArray[np.uint8]:
    image = _open(data, row, min_side, max_pixels)
    width, height = image.size
    spare = max(min(width, height) // (2 * short_side), 1) if short_side else 1
    icc = image.info.get("icc_profile")
    if image.format in ("JPEG", "MPO") and image.mode in ("L", "RGB"):
        part = next(d for d in (8, 4, 2, 1) if spare >= d and not (width % d or height % d))
        turned = "exif" in image.info and image.getexif().get(_ORIENTATION, 1) != 1
        if simplejpeg is not None and _to_srgb(icc, image.mode) is None and not turned:
            try:
                return np.asarray(
                    simplejpeg.decode_jpeg(
                        data,
                        fastdct=False,
                        fastupsample=False,
                        min_height=height // part,
                        min_width=width // part,
                        min_factor=part,
                    )
                )
            except ValueError:
                pass  # a warning too; Pillow tells what can be read from what cannot
        if part > 1:
            image.draft(image.mode, (width // part, height // part))
    image = _as_channels(image, row)
    if image.format not in ("JPEG", "MPO") and image.mode in _REDUCIBLE:
        block = next(d for d in range(spare, 0, -1) if not (width % d or height % d))
        image = image.reduce(block) if block > 1 else image
    image = _upright(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    if image.mode == "LAB":
        image = ImageCms.profileToProfile(image, ImageCms.createProfile("LAB"), _srgb(), outputMode="RGB")
    elif (to_srgb := _to_srgb(icc, image.mode)) is not None:
        image = ImageCms.applyTransform(image, to_srgb)
    return np.asarray(image.convert("RGB"))


def _as_channels(image: Any, row: str) -> Any:
    """Palettes and single bits as colours, 16 bits as 8."""
    image.load()
    if image.mode in ("P", "PA", "1"):
        return image.convert("RGBA" if image.has_transparency_data else "RGB")
    if image.mode.startswith("I;16"):
        values = np.asarray(image)
        rounded = np.empty(values.shape, np.uint8)
        for y in range(0, len(values), 64):  # in bands, as the sums need four times the memory
            rounded[y : y + 64] = (values[y : y + 64].astype(np.uint32) + 128) // 257
        eight = Image.fromarray(rounded)
        eight.info = {key: value for key, value in image.info.items() if key in ("exif", "icc_profile")}
        return eight
    if image.mode in ("I", "F"):
        kind = "32-bit" if image.mode == "I" else "floating-point"
        raise SkippedImage(row, f"holds {kind} values, whose range is not known; save it with 8 or 16 bits")
    return image


def _upright(image: Any) -> Any:
    return ImageOps.exif_transpose(image) if _ORIENTATION in image.getexif() else image


@lru_cache(maxsize=64)
def _to_srgb(icc: bytes | None, mode: str) -> Any:
    """The conversion of an image of that mode from its profile to sRGB; None where there is nothing to convert.

    A profile that is damaged or made for another mode says nothing, so that the image counts as sRGB.
    """
    if not icc:
        return None
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        if "sRGB" in (ImageCms.getProfileDescription(profile) or ""):
            return None
        return ImageCms.buildTransform(profile, _srgb(), mode, "RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None


@lru_cache(maxsize=1)
def _srgb() -> Any:
    return ImageCms.createProfile("sRGB")


def _why(data: bytes, error: Exception, max_pixels: int) -> str:
    if not data:
        return "is empty"
    if isinstance(error, Image.DecompressionBombError):
        return f"claims too many pixels; at most {max_pixels} are decoded"
    if isinstance(error, UnidentifiedImageError):
        return "is not an image of a kind that is read, or its header is damaged"
    text = " ".join(str(error).split()) or type(error).__name__
    return f"is damaged or cut short ({text})"
