"""A contact sheet: each LUT applied to the same photographs, with its title below."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from sshbench.errors import SshbenchError
from sshbench.lut.apply import apply_lut
from sshbench.lut.ranges import unit_colours
from sshbench.lut.table import Lut

_MARGIN = 4
_PAPER, _INK = "white", "black"


def contact_sheet(
    luts: Sequence[Lut] | Lut,
    photos: Sequence[NDArray[Any]] | NDArray[Any],
    *,
    columns: int = 10,
    tile: tuple[int, int] = (160, 120),
    font_size: int = 13,
) -> Image.Image:
    """Draw one tile for each LUT, after a first tile with the untouched photographs.

    Parameters
    ----------
    luts
        One LUT, or several LUTs in the order of their tiles. A tile shows the title of its LUT, or else its file name.
    photos
        `[H, W, 3]`, sRGB-encoded, in uint8, uint16 or floats over 0..1, or one such photograph. Several photographs
        share a tile, side by side; each is cropped about its middle to fit.
    columns
        The number of tiles in a row; fewer if there are fewer tiles.
    tile
        The width and the height of a tile's picture, in pixels.
    font_size
        The size of the titles, in pixels. Titles that do not fit are shortened with an ellipsis.

    Returns
    -------
    PIL.Image.Image
        The sheet, in RGB.

    Raises
    ------
    SshbenchError
        There are no photographs, one has another shape or range, an object is not a LUT, or `columns` or `tile` is
        too small.

    Examples
    --------
    >>> import numpy as np
    >>> from sshbench.lut import contact_sheet, read_lut
    >>> photo = np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8)
    >>> sheet = contact_sheet([read_lut("golden-hour")], [photo], tile=(80, 60))
    >>> sheet.mode
    'RGB'
    """
    luts = [luts] if isinstance(luts, Lut) else list(luts)
    for lut in luts:
        if not isinstance(lut, Lut):
            raise SshbenchError(f"a contact sheet shows Luts, not {type(lut).__name__}; read files with read_lut")
    one = isinstance(photos, np.ndarray) and photos.ndim == 3
    pictures = [_in_8_bits(photo) for photo in ([photos] if one else photos)]
    width, height = tile
    if not pictures or columns < 1 or width < 16 * len(pictures) or height < 16:
        raise SshbenchError("a contact sheet needs a photograph, a column, and a tile of 16 pixels for each photograph")
    widths = np.diff(np.linspace(0, width, len(pictures) + 1).round().astype(int))
    strips = [_fitted(photo, int(strip), height) for photo, strip in zip(pictures, widths, strict=True)]
    original = np.concatenate(strips, axis=1)
    font = ImageFont.load_default(font_size)
    titles = ["Original", *(lut.title or Path(lut.source).stem or "untitled" for lut in luts)]
    columns = min(columns, len(titles))
    rows = -(-len(titles) // columns)
    step_x, step_y = width + _MARGIN, height + 2 * _MARGIN + font_size
    sheet = Image.new("RGB", (columns * step_x + _MARGIN, rows * step_y + _MARGIN), _PAPER)
    draw = ImageDraw.Draw(sheet)
    for i, title in enumerate(titles):
        x, y = _MARGIN + i % columns * step_x, _MARGIN + i // columns * step_y
        sheet.paste(Image.fromarray(apply_lut(original, luts[i - 1], layout="HWC") if i else original), (x, y))
        draw.text((x, y + height), shortened(title, font, width), fill=_INK, font=font)
    return sheet


def _in_8_bits(photo: Any) -> NDArray[np.uint8]:
    """Return a photograph as uint8 `[H, W, 3]`."""
    colours = unit_colours(photo)
    if colours.ndim != 3 or colours.shape[2] != 3 or not colours.size:
        raise SshbenchError(f"the photographs of a contact sheet are [H, W, 3], not {list(colours.shape)}")
    if not np.isfinite(colours).all():
        raise SshbenchError("a photograph of a contact sheet holds values that are not finite")
    return np.asarray(np.floor(np.clip(colours, 0, 1) * 255 + 0.5), np.uint8)


def _fitted(photo: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """Return `photo`, scaled and cropped about its middle to `[height, width, 3]`."""
    image = Image.fromarray(photo)
    scale = max(width / image.width, height / image.height)
    left, top = (image.width - width / scale) / 2, (image.height - height / scale) / 2
    box = (max(left, 0), max(top, 0), min(left + width / scale, image.width), min(top + height / scale, image.height))
    return np.asarray(image.resize((width, height), Image.Resampling.LANCZOS, box))


def shortened(title: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    """Return the title; if it is wider than `width` pixels, return its beginning with an ellipsis."""
    if font.getlength(title) <= width:
        return title
    while title and font.getlength(title + "…") > width:
        title = title[:-1]
    return title.rstrip() + "…"
