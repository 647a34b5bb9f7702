"""Pictures of linear light, OpenEXR and TIFF of floats, as 16-bit sRGB (the extra `hdr`).

Light above 1 is clipped; there is no tone mapping, which is a matter of taste. Values have sRGB primaries unless the
file states others. They are encoded by sRGB's transfer function, so that 16 bits show no banding in the shadows.
"""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sshbench.colour.srgb import encode
from sshbench.images.exif import turned_upright
from sshbench.images.extras import needed
from sshbench.images.files import Coding, ImageFile, ImageFileWarning
from sshbench.images.opening import MAX_BYTES, Encoded, ImageFileError, check_pixels
from sshbench.images.profiles import MatrixProfile, ProfileError, matrix_profile, srgb_matrix
from sshbench.whole_file import folder_for_a_while

Floats = NDArray[np.float64]

_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
_D50 = np.array([0.9642, 1.0, 0.8249])
_REC709 = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290)
_ROWS = 64  # rows converted at a time
_PREMULTIPLIED = 1  # value of TIFF's tag ExtraSamples
_KIND = "a picture of linear light"


def read_exr(encoded: Encoded, max_pixels: int) -> ImageFile:
    """Read the first part of an OpenEXR file: its channels R, G, B and A, or Y.

    The picture has the size of the display window, and is transparent outside the data window. OpenEXR's premultiplied
    colours are divided by alpha. Chromaticities that the file states are converted to those of sRGB.

    Raises
    ------
    ImageFileError
        OpenEXR is missing, or the file is damaged, deep, too large, or has none of these channels.
    """
    name = encoded.name
    library = needed("OpenEXR", name, _KIND, "hdr")
    with _path_of(encoded) as path:
        try:
            header = library.File(path, header_only=True).parts[0].header
            windows = [np.asarray(header[key]).astype(int) for key in ("displayWindow", "dataWindow")]
            for window in windows:
                check_pixels(
                    name, (int(window[1][0] - window[0][0]) + 1, int(window[1][1] - window[0][1]) + 1), max_pixels
                )
            if "deep" in str(header.get("type", "")):
                raise ImageFileError(name, "is a deep OpenEXR file; flatten it first")
            channels = {key: channel.pixels for key, channel in library.File(path).parts[0].channels.items()}
        except (RuntimeError, ValueError, KeyError, IndexError, TypeError) as error:
            raise ImageFileError(name, f"is damaged or cut short ({' '.join(str(error).split())[:200]})") from error
    found = next((channels[key] for key in ("RGBA", "RGB", "YA", "Y") if key in channels), None)
    if found is None:
        raise ImageFileError(name, f"has no channels R, G and B, but {', '.join(sorted(channels)[:8])}")
    values = found[..., None] if found.ndim == 2 else found
    if values.ndim != 3 or values.dtype.kind not in "fu":
        raise ImageFileError(name, "holds channels of different sizes or kinds; save it as plain RGB")
    turn = _to_srgb(header.get("chromaticities"), name)
    return _encoded(_in_window(values, *windows), name, turn, premultiplied=True)


def read_float_tiff(encoded: Encoded, max_pixels: int) -> ImageFile:
    """Read a TIFF of 16, 32 or 64-bit floats, grey or RGB, with or without alpha.

    Without an ICC profile, values are linear light with sRGB primaries. With a profile of curves and a matrix, values
    within 0..1 are colours of the profile.

    Raises
    ------
    ImageFileError
        tifffile is missing, or the file is damaged, too large, has several pages or other channels, or has a profile
        of tables.
    """
    name = encoded.name
    tifffile = needed("tifffile", name, "a TIFF of floating-point values", "hdr")
    with encoded.open() as file:
        try:
            with tifffile.TiffFile(file, name="picture.tif") as tiff:
                page = tiff.pages[0]
                pages = sum(not one.is_reduced for one in tiff.pages)
                check_pixels(name, (page.imagewidth, page.imagelength), max_pixels)
                if pages > 1:
                    raise ImageFileError(name, f"holds {pages} images; save one of them to a file of its own")
                if page.samplesperpixel > 4 or page.imagedepth != 1:
                    raise ImageFileError(name, f"has {page.samplesperpixel} channels; save it as RGB")
                values = page.asarray()
                axes, extra = page.axes, tuple(page.extrasamples)
                turn, icc = page.tags.valueof(274, 1), page.tags.valueof(34675)
        except ImageFileError:
            raise
        except Exception as error:  # with a damaged file, tifffile may raise any exception
            raise ImageFileError(name, f"cannot be decoded ({' '.join(str(error).split())[:200]})") from error
    if axes.startswith("S"):
        values = np.moveaxis(values, 0, -1)
    values = values[..., None] if values.ndim == 2 else values
    if values.ndim != 3 or not 1 <= values.shape[2] <= 4 or values.dtype.kind != "f":
        raise ImageFileError(name, f"holds {values.dtype} values of the shape {list(values.shape)}; save it as RGB")
    if turn in range(2, 9):
        values = turned_upright(values, turn)
    profile = _profile(icc, name)
    to_srgb = None if profile is None else srgb_matrix().inverse @ profile.matrix
    premultiplied = bool(extra) and int(extra[0]) == _PREMULTIPLIED
    return _encoded(values, name, to_srgb, premultiplied=premultiplied, profile=profile)


@contextlib.contextmanager
def _path_of(encoded: Encoded) -> Iterator[str]:
    """Yield the path of a regular file with the bytes, because the OpenEXR library needs a path."""
    with encoded.open() as file:
        size = file.seek(0, os.SEEK_END)
        if size > MAX_BYTES:
            raise ImageFileError(encoded.name, f"is a file of {size >> 20} MiB; at most {MAX_BYTES >> 20} are read")
    if encoded.data is None:
        yield encoded.name
        return
    with folder_for_a_while() as folder:
        copy = folder / "copy.exr"
        copy.write_bytes(encoded.data)
        yield os.fspath(copy)


def _in_window(values: NDArray[Any], display: NDArray[Any], data: NDArray[Any]) -> NDArray[Any]:
    """Return the data window's pixels inside the display window; pixels outside the data window are 0."""
    if (display == data).all():
        return values
    width, height = (display[1] - display[0] + 1).tolist()
    if values.shape[2] in (1, 3):  # the part outside the data window is transparent
        values = np.concatenate([values, np.ones_like(values[..., :1])], axis=2)
    out = np.zeros((height, width, values.shape[2]), values.dtype)
    low, high = np.maximum(display[0], data[0]), np.minimum(display[1], data[1]) + 1
    if (high > low).all():
        (x, y), (right, bottom) = (low - display[0]).tolist(), (high - display[0]).tolist()
        (from_x, from_y), (to_x, to_y) = (low - data[0]).tolist(), (high - data[0]).tolist()
        out[y:bottom, x:right] = values[from_y:to_y, from_x:to_x]
    return out


def _encoded(
    values: NDArray[Any],
    name: str,
    to_srgb: Floats | None,
    *,
    premultiplied: bool,
    profile: MatrixProfile | None = None,
) -> ImageFile:
    """Return linear light `[H, W, 1 to 4]` as 16-bit sRGB."""
    height, width, count = values.shape
    pixels = np.empty((height, width, 3), np.uint16)
    alpha = np.empty((height, width), np.uint16) if count in (2, 4) else None
    clipped = missing = 0
    for top in range(0, height, _ROWS):
        rows = slice(top, top + _ROWS)
        block = values[rows].astype(np.float64)
        odd = np.isnan(block)
        missing += int(odd.any(axis=2).sum())
        block[odd] = 0
        light = block[..., :3] if count >= 3 else np.repeat(block[..., :1], 3, axis=2)
        if alpha is not None:
            opacity = np.clip(block[..., -1], 0, 1)
            alpha[rows] = np.rint(65535 * opacity)
            if premultiplied:
                light = np.where(opacity[..., None] > 0, light / np.maximum(opacity, 1e-6)[..., None], 0)
        if profile is not None:
            light = profile.decode(np.clip(light, 0, 1))
        if to_srgb is not None:
            light = np.clip(light, -1e6, 1e6) @ to_srgb.T
        clipped += int((light > 1).any(axis=2).sum())
        pixels[rows] = np.rint(65535 * encode(np.clip(light, 0, 1)))
    notes = []
    if clipped:
        notes.append(f"{100 * clipped / (height * width):.2g} % of its pixels are brighter than 1 and are clipped")
    if missing:
        notes.append(f"{missing} pixels hold NaN, which counts as 0")
    if notes:
        warnings.warn(f"{name}: of this picture of linear light {', and '.join(notes)}", ImageFileWarning, stacklevel=2)
    return ImageFile(pixels, alpha, coding=Coding("TIFF"))


def _to_srgb(chromaticities: Any, name: str) -> Floats | None:
    """Return the matrix from linear light with the given primaries and white point (eight numbers) to linear sRGB."""
    if chromaticities is None:
        return None
    numbers = np.asarray(chromaticities, np.float64).reshape(-1)
    if numbers.size != 8 or np.abs(numbers - _REC709).max() < 1e-3:
        return None
    try:
        found = np.linalg.inv(_to_d50(np.array(_REC709))) @ _to_d50(numbers)
    except np.linalg.LinAlgError:
        found = np.full((3, 3), np.nan)
    if not np.isfinite(found).all():
        raise ImageFileError(name, "states chromaticities that no colours have; correct them first")
    return np.asarray(found)


def _to_d50(numbers: Floats) -> Floats:
    """Return the matrix from linear light to XYZ relative to D50, adapted by Bradford's matrix."""
    with np.errstate(divide="ignore", invalid="ignore"):
        xyz = np.stack([np.array([x / y, 1, (1 - x - y) / y]) for x, y in numbers.reshape(4, 2)])
    columns, white = xyz[:3].T, xyz[3]
    adapted = np.linalg.inv(_BRADFORD) @ np.diag((_BRADFORD @ _D50) / (_BRADFORD @ white)) @ _BRADFORD
    return np.asarray(adapted @ (columns * np.linalg.solve(columns, white)))


def _profile(icc: Any, name: str) -> MatrixProfile | None:
    if not isinstance(icc, bytes) or not icc:
        return None
    try:
        found = matrix_profile(icc)
    except ProfileError as error:
        raise ImageFileError(name, f"{error}; remove it, and values count as linear light") from error
    if found is None:
        raise ImageFileError(name, "has an ICC profile of tables, or not of RGB; convert it to linear sRGB first")
    return found
