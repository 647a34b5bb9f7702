"""Decoding a photograph's file to upright 8-bit sRGB, as fast as possible, for training data.

Pillow identifies the format. If simplejpeg is installed, it decodes plain JPEGs, which are nearly all photographs: the
same pixels (both use libjpeg-turbo with the accurate inverse transform) in half the time.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps

from sshbench.images.beyond_pillow import Reader, read_float_tiff, reader_of
from sshbench.images.exif import orientation
from sshbench.images.files import ImageFile, to_8_bit
from sshbench.images.icc import srgb, to_srgb
from sshbench.images.jpeg import is_one_scan
from sshbench.images.masks import Beside
from sshbench.images.opening import MAX_BYTES, Encoded, ImageFileError, check_pixels, opened
from sshbench.images.reading import check_depth, sixteen_bit_samples

try:
    import simplejpeg
except ImportError:
    simplejpeg = None

MIN_SIDE = 8
MAX_PIXELS = 100_000_000  # a decoded copy takes 0.4 GB

_REDUCIBLE = ("L", "LA", "RGB", "RGBA", "CMYK")
_REDUCED_CLAIM = 4  # factor by which a JPEG that is decoded at 1/2 or less may exceed the limit


def decode_photo(
    data: bytes,
    row: str,
    *,
    short_side: int | None = None,
    min_side: int = MIN_SIDE,
    max_pixels: int = MAX_PIXELS,
) -> NDArray[np.uint8]:
    """Decode an image file's bytes to `[H, W, 3]` uint8 sRGB.

    EXIF rotation is applied, an embedded ICC profile is converted to sRGB, transparency is composited over white,
    16-bit values become 8-bit, and the first frame of an animation is used.

    Parameters
    ----------
    row
        The name of the photograph in error messages.
    short_side
        The pixels that the short side needs. If at least twice as many remain, a JPEG is decoded at 1/2, 1/4 or 1/8 of
        its size, and other images are averaged over blocks that divide them evenly. (Without the factor of two,
        aliasing lowers the PSNR of a crop from 50 dB to 43; with the factor, to 48: docs/triplets.md.)

    max_pixels
        The largest number of pixels to decode. A JPEG that is decoded at reduced size may have four times as many,
        because only the reduced image is in memory; phones make photographs of 108 and 200 megapixels.

    Raises
    ------
    ImageFileError
        The bytes are not an image, or are damaged or cut short, or the image is smaller than `min_side` or larger than
        `max_pixels`.
    """
    if len(data) > MAX_BYTES:
        raise ImageFileError(row, f"is a file of {len(data) >> 20} MiB; at most {MAX_BYTES >> 20} are read")
    encoded = Encoded(row, data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns about odd tags
        if (reader := _reader_beyond(encoded)) is not None:
            return _over_white(reader(encoded, max_pixels), row, min_side)
        with opened(encoded, None) as image:
            return _decode(encoded, image, short_side, min_side, max_pixels)


def shape_of(data: bytes, row: str) -> Beside:
    """Return the upright size and the orientation of the photograph in a file, for a mask that may be scaled.

    Raises
    ------
    ImageFileError
        The bytes are not an image, or their header is damaged.
    """
    if (reader := _reader_beyond(Encoded(row, data))) is not None:
        height, width = reader(Encoded(row, data), MAX_PIXELS).pixels.shape[:2]
        return Beside(height, width, scaled=True)
    with opened(Encoded(row, data), None) as image:
        turn, (width, height) = orientation(image), image.size
        lies = turn > 4 and image.format != "TIFF"  # Pillow gives the upright size of a TIFF
    size = (width, height) if lies else (height, width)
    return Beside(*size, orientation=turn, scaled=True)


def _reader_beyond(encoded: Encoded) -> Reader | None:
    """Return the reader of a file that Pillow cannot read; None for a TIFF of floats, whose range is unchecked."""
    reader = reader_of(encoded)
    return None if reader is read_float_tiff else reader


def _over_white(image: ImageFile, row: str, min_side: int) -> NDArray[np.uint8]:
    """Return an upright sRGB image as uint8 `[H, W, 3]`, composited over white."""
    height, width = image.pixels.shape[:2]
    if min(width, height) < min_side:
        raise ImageFileError(row, f"is {width} x {height} pixels; the short side needs {min_side}")
    if image.alpha is None:
        return to_8_bit(image.pixels)
    share = image.alpha[..., None] / np.iinfo(image.alpha.dtype).max
    return to_8_bit(np.rint(image.pixels * share + np.iinfo(image.pixels.dtype).max * (1 - share)).astype(np.uint16))


def _decode(encoded: Encoded, image: Any, short_side: int | None, min_side: int, max_pixels: int) -> NDArray[np.uint8]:
    data, (width, height) = encoded.data, image.size
    spare = max(min(width, height) // (2 * short_side), 1) if short_side else 1
    is_jpeg = image.format in ("JPEG", "MPO") and image.mode in ("L", "RGB")
    too_many = width * height > max_pixels
    part = 1
    if is_jpeg:
        part = next(d for d in (8, 4, 2, 1) if spare >= d and (too_many or not (width % d or height % d)))
    most = min(part**2, _REDUCED_CLAIM) * max_pixels
    if too_many and not (width * height <= most and data is not None and is_one_scan(data)):
        check_pixels(encoded.name, image.size, max_pixels)
    if min(width, height) < min_side:
        raise ImageFileError(encoded.name, f"is {width} x {height} pixels; the short side needs {min_side}")
    icc = image.info.get("icc_profile")
    if is_jpeg:
        if simplejpeg is not None and not too_many and to_srgb(icc, image.mode) is None and orientation(image) == 1:
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
                pass  # simplejpeg also raises for warnings; Pillow decides whether the file can be read
        if part > 1:
            image.draft(image.mode, (width // part, height // part))
    image = _as_channels(encoded, image)
    if not is_jpeg and image.mode in _REDUCIBLE:
        block = next(d for d in range(spare, 0, -1) if not (width % d or height % d))
        image = image.reduce(block) if block > 1 else image
    if orientation(image) != 1:
        image = ImageOps.exif_transpose(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    if image.mode == "LAB":
        image = ImageCms.profileToProfile(image, ImageCms.createProfile("LAB"), srgb(), outputMode="RGB")
    elif (conversion := to_srgb(icc, image.mode)) is not None:
        image = ImageCms.applyTransform(image, conversion)
    return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))  # a copy takes four bytes a pixel


def _as_channels(encoded: Encoded, image: Any) -> Any:
    """Convert palettes and single bits to colours, and 16 bits to 8."""
    samples = sixteen_bit_samples(image, encoded.name, encoded)
    image.load()
    if samples is not None:
        check_depth(samples[..., :3] if samples.ndim == 3 else samples, encoded.name)
        eight = Image.fromarray(to_8_bit(samples))
        eight.info = {key: value for key, value in image.info.items() if key in ("exif", "xmp", "icc_profile")}
        return eight
    if image.mode in ("P", "PA", "1"):
        return image.convert("RGBA" if image.has_transparency_data else "RGB")
    if image.mode in ("I", "F"):
        kind = "32-bit" if image.mode == "I" else "floating-point"
        raise ImageFileError(encoded.name, f"holds {kind} values, whose range is not known; save it with 8 or 16 bits")
    return image
