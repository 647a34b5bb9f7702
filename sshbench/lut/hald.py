"""Hald CLUT images: a 3D table as the pixels of a square picture, the format of the large free collections.

A Hald image of level L has L^3 x L^3 pixels. Read row by row, they are the table of L^2 points on each axis in `.cube`
order, red fastest (Eskil Steenberg's "Hald CLUT", as in ImageMagick and RawTherapee). A Hald image has no domain:
inputs and values are 0..1.

A square lookup picture, as read by GPUImage and MetalPetal, has the same size and another order: L x L tiles, one for
each value of blue, with red along the rows and green along the columns. A table is smooth only in its own order, which
distinguishes the two formats.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sshbench.errors import SshbenchError
from sshbench.images.files import ImageFile, write_image
from sshbench.images.kinds import picture_kind
from sshbench.images.opening import Encoded, opened
from sshbench.images.reading import read_image
from sshbench.lut.arrays import through
from sshbench.lut.table import Lut, identity_table

MIN_LEVEL = 2
MAX_LEVEL = 16  # 256 points per axis

_SMALLEST_LOOKUP = 3  # level 2 has too few points to distinguish the orders
_ROUGHER = 1.5  # looks are at least 1.7 times as rough in the wrong order; noise is equally rough in both
_LOSSLESS = "a Hald CLUT is a PNG or TIFF without compression losses"


class HaldError(SshbenchError, ValueError):
    """A picture is not a Hald CLUT, or a LUT cannot be written as a Hald CLUT."""


class HaldWarning(UserWarning):
    """A LUT loses something when it is written as a Hald CLUT, or a picture is read as a square lookup instead."""


def level_of(width: int, height: int) -> int | None:
    """Return the level of a Hald CLUT of this size in pixels; None if no Hald CLUT has this size."""
    level = round(width ** (1 / 3))
    return level if width == height == level**3 and MIN_LEVEL <= level <= MAX_LEVEL else None


def read_hald(path: str | os.PathLike[str]) -> Lut:
    """Read a Hald CLUT, or a square lookup picture, from a PNG or TIFF file with 8 or 16 bits per channel.

    Parameters
    ----------
    path
        The picture, of a format without losses.

    Returns
    -------
    Lut
        A 3D table of `level ** 2` points along an axis over 0..1, with values 0..1. The title is the file's name.

    Raises
    ------
    HaldError
        The picture is not square with a side of 8, 27, 64, ... 4096 pixels, has transparency, or was compressed with
        losses.
    ImageFileError
        The file is not an image that can be read.

    Warns
    -----
    HaldWarning
        The picture is laid out as a square lookup and read as one.

    Examples
    --------
    >>> from sshbench.lut import Lut, read_hald, write_hald
    >>> write_hald(Lut.identity(16), "hald.png", level=4)
    >>> read_hald("hald.png")
    <Lut 'hald' 3d, 16^3 points>
    """
    path = Path(path)
    check_lossless(path)
    with opened(Encoded(os.fspath(path)), None) as picture:  # first without decoding, which can take long
        width, height = picture.size
    level = level_of(width, height)
    if level is None:
        sides = f"the side of a Hald CLUT is the cube of a level {MIN_LEVEL} to {MAX_LEVEL}"
        raise HaldError(f"{path}: {width} x {height} pixels is no Hald CLUT; {sides}: 8, 27, 64, 125, ... 4096")
    image = read_image(path)
    if not image.coding.lossless or image.coding.format not in ("PNG", "TIFF"):
        raise HaldError(f"{path}: {_LOSSLESS}")
    largest = np.iinfo(image.pixels.dtype).max
    if image.alpha is not None and (image.alpha != largest).any():
        raise HaldError(f"{path}: has transparent pixels; save the Hald CLUT without an alpha channel")
    size = level**2
    table = image.pixels.reshape(size, size, size, 3)
    tiles = image.pixels.reshape(level, size, level, size, 3).swapaxes(1, 2)
    lookup = [tiles[blue // level, blue % level] for blue in range(size)]
    if level >= _SMALLEST_LOOKUP and _roughness(table) > _ROUGHER * _roughness(lookup):
        said = f"{level} x {level} tiles of {size} x {size} pixels, not a Hald CLUT"
        warnings.warn(f"{path}: is a square lookup of {said}, and is read as one", HaldWarning, stacklevel=2)
        table = np.stack(lookup)
    values = (np.arange(largest + 1) / float(largest)).astype(np.float32)[table]
    values.flags.writeable = False
    return Lut(values=values, title=path.stem, source=os.fspath(path))


def check_lossless(path: Path) -> None:
    """Refuse a picture of a format that no Hald CLUT has.

    Raises
    ------
    HaldError
        The file is a JPEG, WebP, GIF, BMP, HEIC or AVIF picture. These formats lose colours or are not supported here.
    """
    with open(path, "rb") as file:
        kind = picture_kind(file.read(16))
    if kind is not None and kind not in ("PNG", "TIFF"):
        raise HaldError(f"{path}: {_LOSSLESS}, and this is {kind}")


def _roughness(planes: Sequence[NDArray[Any]] | NDArray[Any]) -> float:
    """Return the mean differences of neighbours along the axes, summed; the table comes as a plane for each blue."""
    total, before = 0.0, None
    for plane in planes:
        now = plane.astype(np.int32)
        total += float(np.abs(np.diff(now, axis=0)).mean() + np.abs(np.diff(now, axis=1)).mean())
        if before is not None:
            total += float(np.abs(now - before).mean())
        before = now
    return total


def default_level(lut: Lut) -> int:
    """Return the smallest level up to 9 whose grid contains all points of the LUT, or else has at least as many points.

    A table of 17 points fits into a table of 49 points (level 7) without loss, but not into one of 25 points.
    """
    enough = [level for level in range(MIN_LEVEL, MAX_LEVEL + 1) if level**2 >= lut.size]
    exact = [level for level in enough if level <= 9 and (level**2 - 1) % (lut.size - 1) == 0 and lut.kind == "3d"]
    return [*exact, *enough, MAX_LEVEL][0]


def write_hald(lut: Lut, path: str | os.PathLike[str], *, level: int | None = None, bits: int = 16) -> None:
    """Write a LUT as a Hald CLUT. A LUT of another size or kind is resampled by trilinear interpolation.

    Parameters
    ----------
    lut
        The LUT to write.
    path
        A `.png`, `.tif` or `.tiff` file, which appears whole or not at all.
    level
        2 to 16, for `level ** 2` points along an axis. The default is that of `default_level`: the smallest level up to
        9 whose grid has all points of the LUT, or else the smallest level with at least as many points.
    bits
        8 or 16 bits per channel.

    Raises
    ------
    HaldError
        The level, the number of bits or the suffix is wrong.

    Warns
    -----
    HaldWarning
        Values outside 0..1 are clipped, or the LUT has a domain beyond 0..1, which a Hald CLUT cannot hold.

    Examples
    --------
    >>> from PIL import Image
    >>> from sshbench.lut import Lut, write_hald
    >>> write_hald(Lut.identity(16), "hald.png", level=4)
    >>> Image.open("hald.png").size
    (64, 64)
    """
    path = Path(path)
    if level is None:
        level = default_level(lut)
    if not MIN_LEVEL <= level <= MAX_LEVEL:
        raise HaldError(f"{path}: a Hald CLUT has level {MIN_LEVEL} to {MAX_LEVEL}, not {level}")
    if bits not in (8, 16):
        raise HaldError(f"{path}: a Hald CLUT has 8 or 16 bits per channel, not {bits}")
    if path.suffix.lower() not in (".png", ".tif", ".tiff"):
        raise HaldError(f"{path}: a Hald CLUT is a .png or .tif file")
    size = level**2
    if lut.kind == "3d" and lut.size == size and lut.domain.is_unit and lut.values is not None:
        values = lut.values
    else:
        values = through(lut, identity_table(size))
    _warn_of_losses(lut, path, values)
    largest = 2**bits - 1
    pixels = np.rint(np.clip(values, 0, 1).astype(np.float64) * largest).astype(np.uint8 if bits == 8 else np.uint16)
    write_image(path, ImageFile(pixels=pixels.reshape(level**3, level**3, 3)))


def _warn_of_losses(lut: Lut, path: Path, values: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> None:
    losses = []
    low, high = float(values.min()), float(values.max())
    if low < 0 or high > 1:
        losses.append(f"values from {low:.4g} to {high:.4g} are clipped to 0..1")
    domain = lut.domain if lut.shaper_values is None else lut.shaper_domain
    if min(domain.lower) < 0 or max(domain.upper) > 1:
        losses.append("a Hald CLUT has no domain, so inputs outside 0..1 are lost")
    if losses:
        warnings.warn(f"{path}: {'; '.join(losses)}", HaldWarning, stacklevel=3)
