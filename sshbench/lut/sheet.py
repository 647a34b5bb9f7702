"""A contact sheet: each LUT applied to the same photographs, with its title below."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from sshbench.errors import SshbenchError
from sshbench.lut.apply import apply_lut
from sshbench.lut.table import Lut

_MARGIN = 4
_PAPER, _INK = "white", "black"


def contact_sheet(
    luts: Sequence[Lut],
    photos: Sequence[NDArray[np.uint8]],
    *,
    columns: int = 10,
    tile: tuple[int, int] = (160, 120),
    font_size: int = 13,
) -> Image.Image:
    """Draw one tile for each LUT, after a first tile with the untouched photographs.

    Parameters
    ----------
    luts
        The LUTs in this order, each under its title, or under the name of its file if it has no title.
    photos
        uint8 `[H, W, 3]`, sRGB-encoded. Several photographs share a tile, side by side; each is cropped about its
        middle to fit.
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
        There are no photographs, or a number of columns or a tile is too small to draw.

    Examples
    --------
    >>> import numpy as np
    >>> from sshbench.lut import contact_sheet, read_lut
    >>> photo = np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8)
    >>> sheet = contact_sheet([read_lut("golden-hour")], [photo], tile=(80, 60))
    >>> sheet.mode
    'RGB'
    """
    width, height = tile
    if not photos or columns < 1 or width < 16 * len(photos) or height < 16:
        raise SshbenchError("a contact sheet needs a photograph, a column and 16 pixels of tile a photograph")
    widths = np.diff(np.linspace(0, width, len(photos) + 1).round().astype(int))
    strips = [_fitted(photo, int(strip), height) for photo, strip in zip(photos, widths, strict=True)]
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


def _fitted(photo: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """`photo` scaled and cropped about its middle to `[height, width, 3]`."""
    image = Image.fromarray(photo)
    scale = max(width / image.width, height / image.height)
    left, top = (image.width - width / scale) / 2, (image.height - height / scale) / 2
    box = (max(left, 0), max(top, 0), min(left + width / scale, image.width), min(top + height / scale, image.height))
    return np.asarray(image.resize((width, height), Image.Resampling.LANCZOS, box))


def shortened(title: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    """Return the text, or as much of its beginning as fits a width in pixels, with an ellipsis."""
    if font.getlength(title) <= width:
        return title
    while title and font.getlength(title + "…") > width:
        title = title[:-1]
    return title.rstrip() + "…"
