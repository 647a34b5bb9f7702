"""Reading an image from any source: a file, the bytes of a file, an array, or a Pillow image.

Every command reads images through this module, so that 16 bits, transparency and orientation are treated alike.
"""

from __future__ import annotations

import os
import struct
import warnings
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, JpegImagePlugin

from sshbench.images import sixteen_bit
from sshbench.images.beyond_pillow import reader_of
from sshbench.images.exif import exif_of_tiff, stored_layout
from sshbench.images.files import Coding, ImageFile, ImageFileWarning
from sshbench.images.jpeg_metadata import joined_xmp
from sshbench.images.opening import MAX_PIXELS, Encoded, ImageFileError, opened
from sshbench.images.profiles import rgb_of_grey

Source: TypeAlias = str | os.PathLike[str] | bytes | NDArray[Any] | Image.Image
"""The path of a file, the bytes of an image file, an array, or a Pillow image."""

_ALPHA_MODES = ("LA", "La", "PA", "RGBA", "RGBa")
_OPAQUE_MODES = ("1", "L", "P", "RGB", "RGBX", "YCbCr", "HSV")
_REFUSED_MODES = {
    "CMYK": "holds CMYK ink values without an ICC profile, whose colours depend on a printing process",
    "LAB": "holds Lab values",
    "F": "holds floating-point values",
    "I": "holds signed or 32-bit values",
}
_FEW = 64  # the number of different values in the noise of a black frame
_LOSSLESS = ("PNG", "TIFF", "BMP", "GIF", "PPM", "QOI")


def read_image(path: str | os.PathLike[str], *, max_pixels: int = MAX_PIXELS) -> ImageFile:
    """Read an image file in one of the formats of `opening.FORMATS` or `beyond_pillow`.

    Grey, 1-bit and palette images become RGB, a transparent palette entry or colour becomes alpha, and premultiplied
    colours are divided by alpha. A grey ICC profile becomes an RGB profile with the same curve.

    Parameters
    ----------
    max_pixels
        The largest number of pixels to decode; a small file can claim any number of pixels.

    Raises
    ------
    ImageFileError
        The file is missing, not a regular file, damaged or cut short, has more pixels than `max_pixels`, is animated,
        or holds Lab, 32-bit or other values that are not RGB, or CMYK without a profile; or the library for
        its format is not installed.
    """
    return _read(Encoded(os.fspath(path)), max_pixels)


def open_image(source: Source, name: str, *, max_pixels: int = MAX_PIXELS) -> ImageFile:
    """Read an image from any source, as `read_image` does.

    Parameters
    ----------
    source
        Arrays are `[H, W]` or `[H, W, 3 or 4]`, uint8 or uint16 over their range.
    name
        The name of the image in messages if it is not a file.

    Raises
    ------
    ImageFileError
        As `read_image`; also for arrays of another shape or type.
    """
    if isinstance(source, np.ndarray):
        return image_of_array(source, name)
    if isinstance(source, Image.Image):
        return _of_pillow(source, name)
    return _read(encoded_of(source, name), max_pixels)


def encoded_of(source: object, name: str) -> Encoded:
    """Return the image file of a path or bytes; `name` is used in messages if there is no path.

    Raises
    ------
    ImageFileError
        The source is something else.
    """
    if isinstance(source, bytes):
        return Encoded(name, source)
    if not isinstance(source, str | os.PathLike):
        kind = type(source).__name__
        raise ImageFileError(name, f"is a {kind}; give a file, bytes, a numpy array or an image of Pillow")
    return Encoded(os.fspath(source))


def read_rgb(source: Source, name: str = "the image", *, max_pixels: int = MAX_PIXELS) -> NDArray[np.uint8]:
    """Read an image as upright pixels, uint8 `[H, W, 3]`; 16 bits are rounded to 8, and alpha is ignored.

    The stored colours are returned; an ICC profile is not applied.

    Raises
    ------
    ImageFileError
        As `open_image`.
    """
    return np.asarray(open_image(source, name, max_pixels=max_pixels).upright().to_8_bit().pixels, np.uint8)


def image_of_array(array: NDArray[Any], name: str) -> ImageFile:
    """Convert an array `[H, W]` or `[H, W, 3 or 4]` of uint8 or uint16 to an `ImageFile`.

    Raises
    ------
    ImageFileError
        The array has another shape or type, no pixels, values left out, or values of 8 bits in 16.
    """
    check_filled(array, name)
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    if array.ndim == 2:
        array = np.repeat(array[..., None], 3, axis=2)
    if array.ndim != 3 or array.shape[2] not in (3, 4) or array.dtype not in (np.uint8, np.uint16) or not array.size:
        way = "; multiply floats over 0..1 by 255, round and convert to uint8" if array.dtype.kind == "f" else ""
        raise ImageFileError(
            name, f"an image is [H, W, 3 or 4] of uint8 or uint16, not {array.dtype} {list(array.shape)}{way}"
        )
    check_depth(array[..., :3], name)
    alpha = np.ascontiguousarray(array[..., 3]) if array.shape[2] == 4 else None
    return ImageFile(pixels=np.ascontiguousarray(array[..., :3]), alpha=alpha)


def check_filled(array: NDArray[Any], name: str) -> None:
    """Refuse a masked array with values left out."""
    if isinstance(array, np.ma.MaskedArray) and np.ma.is_masked(array):
        raise ImageFileError(name, "is a masked array with values left out; fill them")


def check_depth(samples: NDArray[Any], name: str) -> None:
    """Refuse values of 8 bits that were stored in 16, which would be an image that is nearly black.

    A black frame of a film, whose noise has few different values, is not refused.
    """
    if samples.dtype != np.uint16 or not samples.size or (peak := int(samples.max())) > 255:
        return
    if peak == 255 or np.count_nonzero(np.bincount(samples.ravel())) > _FEW:
        raise ImageFileError(
            name, f"holds values of 8 bits, 0 to {peak}, in 16 bits; save it with 8 or multiply by 257"
        )


def _of_pillow(image: Image.Image, name: str) -> ImageFile:
    try:
        _check_mode(image, name)
        found = image_of_array(_samples(image, name, None), name)
        exif, xmp, icc = image.getexif().tobytes(), image.info.get("xmp"), image.info.get("icc_profile")
    except (ImageFileError, MemoryError):
        raise
    except Exception as error:  # Pillow decodes only now, and decoders may raise any exception
        raise ImageFileError(name, f"cannot be decoded ({' '.join(str(error).split())})") from error
    return replace(
        found,
        icc=_profile(icc),
        exif=exif.removeprefix(b"Exif\0\0") or None,
        xmp=xmp if isinstance(xmp, bytes) else None,
    )


def _read(encoded: Encoded, max_pixels: int) -> ImageFile:
    if (reader := reader_of(encoded)) is not None:
        return reader(encoded, max_pixels)
    with opened(encoded, max_pixels) as image:
        return decoded(encoded, image)


def decoded(encoded: Encoded, image: Any) -> ImageFile:
    """Decode an image that `opening.opened` yielded.

    Raises
    ------
    ImageFileError
        The image is animated, or holds values that are not RGB. For damaged files, Pillow's own errors are raised.
    """
    name = encoded.name
    check_single(image, name)
    _check_mode(image, name)
    if image.format == "TIFF" and image.tag_v2.get(284, 1) != 1 and max(image.tag_v2.get(258, (1,))) > 8:
        raise ImageFileError(name, "stores 16-bit channels in separate planes; save it with interleaved channels")
    coding = _coding(encoded, image)
    turn, info, exif = 1, image.info, None
    if image.format == "TIFF":  # loading turns the pixels and the tags upright
        turn, info, exif = image.getexif().get(0x0112, 1), dict(info), exif_of_tiff(image)
    samples = _samples(image, name, encoded)
    check_depth(samples[..., :3], name)
    image.load()  # also reads metadata after the pixels, such as a PNG's EXIF
    samples = stored_layout(samples, turn)
    exif = exif or info.get("exif")
    dpi = info.get("dpi")
    return ImageFile(
        pixels=np.ascontiguousarray(samples[..., :3]),
        alpha=np.ascontiguousarray(samples[..., 3]) if samples.shape[2] == 4 else None,
        icc=_profile(info.get("icc_profile")),
        exif=exif.removeprefix(b"Exif\0\0") if exif else None,
        xmp=joined_xmp(info["xmp"], getattr(image, "applist", ())) if info.get("xmp") else None,
        dpi=(float(dpi[0]), float(dpi[1])) if dpi and min(dpi) > 0 else None,
        coding=coding,
    )


def check_single(image: Any, name: str) -> None:
    """Refuse an animation or a file of several pages."""
    if image.format != "MPO" and _pages(image) > 1:  # MPO: a phone's JPEG with further pictures after the first
        raise ImageFileError(name, f"holds {image.n_frames} images; save one of them to a file of its own")


def _check_mode(image: Any, name: str) -> None:
    inked = image.mode == "CMYK" and (image.info.get("icc_profile") or b"")[16:20] == b"CMYK"
    if (
        not inked and image.mode in _REFUSED_MODES and (image.format, image.mode) != ("PPM", "I")
    ):  # Pillow's mode for a 16-bit PPM
        raise ImageFileError(name, f"{_REFUSED_MODES[image.mode]}; convert it to 8 or 16-bit RGB first")


def _profile(icc: bytes | None) -> bytes | None:
    if icc and icc[16:20] == b"GRAY":
        return rgb_of_grey(icc)
    return icc if icc and icc[16:20] == b"RGB " else None


def _pages(image: Any) -> int:
    """Return the number of images in the file, without the reduced copies that some cameras store in a TIFF."""
    count = int(getattr(image, "n_frames", 1))
    if image.format != "TIFF" or count == 1:
        return count
    full = 0
    for page in range(count):
        image.seek(page)
        full += not image.tag_v2.get(254, 0) & 1
    image.seek(0)
    return full


def _coding(encoded: Encoded, image: Any) -> Coding:
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
        return Coding("WEBP", lossless=_webp_is_lossless(encoded))
    lossy = image.info.get("compression") in ("jpeg", "tiff_jpeg", "webp") or image.format not in _LOSSLESS
    return Coding(image.format, lossless=not lossy)


def _webp_is_lossless(encoded: Encoded) -> bool:
    """Return whether the first chunk of pixels is lossless (RFC 9649, section 2)."""
    with encoded.open() as file:
        file.seek(12)
        while len(head := file.read(8)) == 8:
            name, size = struct.unpack("<4sI", head)
            if name in (b"VP8 ", b"VP8L"):
                return bool(name == b"VP8L")
            file.seek(size + size % 2, os.SEEK_CUR)
    return False


def sixteen_bit_samples(image: Any, name: str, encoded: Encoded | None) -> NDArray[np.uint16] | None:
    """Decode an open image with 16 bits per channel to `[H, W]` grey or `[H, W, 3 or 4]`; None for other depths.

    A TIFF is turned upright, as by Pillow. A colour image is decoded twice, which needs `encoded`; without it, Pillow
    returns 8 bits.
    """
    mode, transparent = sixteen_bit.raw_mode(image), image.info.get("transparency")
    if image.mode.startswith("I;16") or (image.format == "PPM" and image.mode == "I"):
        if ";12" in mode:
            raise ImageFileError(name, "holds 12-bit values; save it with 8 or 16 bits a channel")
        grey = np.asarray(image).astype(np.uint16)
        if image.format == "TIFF" and image.tag_v2.get(262) == 0:  # white is zero
            grey = ~grey
        if transparent is None:
            return grey
        return _with_key_as_alpha(np.repeat(grey[..., None], 3, axis=-1), (transparent,) * 3)
    if ";16" not in mode or encoded is None:
        return None
    samples = sixteen_bit.decode_16_bit(encoded, image, mode)
    if mode.startswith("RGBa"):
        return _unmultiplied(samples)
    return samples if transparent is None else _with_key_as_alpha(samples, transparent)


def _samples(image: Any, name: str, encoded: Encoded | None) -> Any:
    """Decode to `[H, W, 3 or 4]` in Pillow's layout."""
    mode, transparent = sixteen_bit.raw_mode(image), image.info.get("transparency")
    if image.mode == "CMYK":
        from sshbench.images.icc import inks_to_srgb

        image.load()
        try:
            found, profile = inks_to_srgb(image, image.info["icc_profile"])
        except ValueError as error:
            raise ImageFileError(name, f"{error}; convert it to 8 or 16-bit RGB first") from error
        said = f"{name}: CMYK ink values were converted to 8-bit sRGB with the profile {profile}"
        warnings.warn(said, ImageFileWarning, stacklevel=2)
        return found
    wide = sixteen_bit_samples(image, name, encoded)
    if wide is not None:
        return wide if wide.ndim == 3 else np.repeat(wide[..., None], 3, axis=-1)
    if image.mode in ("1", "L") and transparent is not None:
        grey = np.asarray(image.convert("L"))
        key = min(
            transparent * {"1": 255, "L;2": 85, "L;4": 17}.get(mode, 1), 255
        )  # Pillow scales the pixels to 0..255
        return np.dstack([grey, grey, grey, np.where(grey == key, 0, 255).astype(np.uint8)])
    if image.mode in _ALPHA_MODES or (image.mode in _OPAQUE_MODES and transparent is not None):
        return np.asarray(image.convert("RGBA"))
    if image.mode in _OPAQUE_MODES:
        return np.asarray(image.convert("RGB"))
    raise ImageFileError(name, f"has pixels of the kind {image.mode}; convert it to 8 or 16-bit RGB first")


def _with_key_as_alpha(samples: NDArray[np.uint16], key: tuple[int, int, int]) -> NDArray[np.uint16]:
    """Add an alpha channel that is 0 where a pixel has the transparent colour of a PNG."""
    opaque = (samples != np.array(key, np.uint16)).any(axis=-1, keepdims=True)
    return np.concatenate([samples, opaque * np.uint16(65535)], axis=-1)


def _unmultiplied(samples: NDArray[np.uint16]) -> NDArray[np.uint16]:
    alpha = samples[..., 3:].astype(np.float64)
    colour = np.rint(samples[..., :3] * (65535.0 / np.maximum(alpha, 1.0)))
    return np.concatenate([np.minimum(colour, 65535).astype(np.uint16), samples[..., 3:]], axis=-1)
