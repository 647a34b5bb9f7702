"""Draw a contact sheet of triplets: each photograph with the outlines of its crops, and the resulting images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from sshbench.lut.sheet import shortened
from sshbench.triplets.recipe import Box
from sshbench.triplets.settings import PHOTOGRAPHED, Background

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
Pixels = NDArray[np.uint8]

CONTENT, REFERENCE, INK, PALE, PAPER = "#e8590c", "#1971c2", "#212529", "#868e96", "white"
_GAP, _LINE = 10, 3


@dataclass(frozen=True, eq=False)
class Tile:
    """One picture of a row, uint8 `[H, W, 3]`, with its role, its appearance, and the colour of its crop's outline."""

    pixels: Pixels
    name: str
    caption: str
    frame: str


@dataclass(frozen=True, eq=False)
class SheetRow:
    """One photograph, uint8 `[H, W, 3]` or None, with its tiles and the boxes of its crops.

    Boxes are (left, top, right, bottom) as fractions of the photograph's width and height.
    """

    photo: Pixels | None
    title: str
    boxes: Sequence[tuple[Box, str, str]]
    tiles: Sequence[Tile]


def row_of(sample: Mapping[str, Any], photo: Pixels | None, background: Background = "photographed") -> SheetRow:
    """Return the row of the sheet for one sample of `load_triplets` and its photograph, uint8 `[H, W, 3]` or None.

    `background` is the setting of the same name, with which the composite was made.
    """
    alpha = _appearance(sample["alpha"], sample["alpha_strength"])
    if "composite" in sample:
        looked = background == "look"
        beta = _appearance(sample["beta"], sample["beta_strength"]) if looked else PHOTOGRAPHED
        tiles = [
            Tile(sample["composite"], "composite", f"inside the mask: {alpha}", CONTENT),
            Tile(sample["mask"], "mask", "", CONTENT),
            Tile(sample["real"], "real", beta, CONTENT),
        ]
        return SheetRow(photo, sample["row"], [(sample["content_box"], CONTENT, "crop")], tiles)
    beta = _appearance(sample["beta"], sample["beta_strength"])
    tiles = [
        Tile(sample["foreground"], "foreground", f"content, {alpha}", CONTENT),
        Tile(sample["background"], "background", f"reference, {beta}", REFERENCE),
        Tile(sample["ground_truth"], "ground truth", f"content, {beta}", CONTENT),
    ]
    if "reference_alpha" in sample:
        tiles.append(Tile(sample["reference_alpha"], "reference alpha", f"reference, {alpha}", REFERENCE))
    boxes = [(sample["content_box"], CONTENT, "content"), (sample["reference_box"], REFERENCE, "reference")]
    return SheetRow(photo, sample["row"], boxes, tiles)


def _appearance(name: str, strength: float) -> str:
    if name == PHOTOGRAPHED:
        return name
    if name == "saturation":
        return f"saturation x {strength:.2f}"
    name = name.rpartition("/")[2]
    return name if strength == 1 else f"{name} at {strength:.0%}"


def triplet_sheet(rows: Sequence[SheetRow], *, tile: int = 200, font_size: int | None = None) -> Image.Image:
    """Return a contact sheet with one row for each photograph.

    Parameters
    ----------
    rows
        The rows, all with the same number of tiles. The names of the first row's tiles become the column headings.
    tile
        The side of a tile in pixels, and the height of a photograph.
    font_size
        The size of the headings in pixels; by default it follows the size of the tiles.
    """
    font_size = min(max(tile // 13, 10), 24) if font_size is None else font_size
    font, small = ImageFont.load_default(font_size), ImageFont.load_default(font_size - 2)
    photo_width = round(tile * 1.5)
    step = tile + font_size + 2 * _GAP
    head = font_size + 2 * _GAP
    width = photo_width + len(rows[0].tiles) * (tile + _GAP) + 2 * _GAP
    sheet = Image.new("RGB", (width, head + len(rows) * step), PAPER)
    draw = ImageDraw.Draw(sheet)
    heading = "photograph and its crops" if len(rows[0].boxes) > 1 else "photograph and its crop"
    draw.text((_GAP, _GAP), shortened(heading, font, photo_width), INK, font)
    for column, shown in enumerate(rows[0].tiles):
        x = 2 * _GAP + photo_width + column * (tile + _GAP)
        draw.text((x, _GAP), shortened(shown.name, font, tile), INK, font)
    for line, row in enumerate(rows):
        y = head + line * step
        if row.photo is None:
            draw.text((_GAP, y), "not at hand", PALE, small)
        else:
            picture = _with_boxes(row.photo, row.boxes, photo_width, tile, small)
            sheet.paste(picture, (_GAP, y + (tile - picture.height) // 2))
        draw.text((_GAP, y + tile + 2), shortened(row.title, small, photo_width), PALE, small)
        for column, shown in enumerate(row.tiles):
            x = 2 * _GAP + photo_width + column * (tile + _GAP)
            sheet.paste(_scaled(shown.pixels, tile, tile), (x, y))
            draw.rectangle((x, y, x + tile - 1, y + tile - 1), outline=shown.frame, width=_LINE)
            draw.text((x, y + tile + 2), shortened(shown.caption, small, tile), PALE, small)
    return sheet


def _with_boxes(
    photo: Pixels, boxes: Sequence[tuple[Box, str, str]], width: int, height: int, font: Font
) -> Image.Image:
    scale = min(width / photo.shape[1], height / photo.shape[0])
    picture = _scaled(photo, round(photo.shape[1] * scale), round(photo.shape[0] * scale))
    draw = ImageDraw.Draw(picture)
    for (left, top, right, bottom), colour, label in boxes:
        corners = (left * picture.width, top * picture.height, right * picture.width - 1, bottom * picture.height - 1)
        draw.rectangle(corners, outline="white", width=_LINE + 2)
        x0, y0, x1, y1 = corners
        draw.rectangle((x0 + 1, y0 + 1, x1 - 1, y1 - 1), outline=colour, width=_LINE)
        # The label of the content is in its upper left corner; the label of the reference is in its lower right corner.
        extent = draw.textbbox((0, 0), label, font=font)
        wide, high = extent[2] + 8, extent[3] + 6
        at = (x0, y0) if colour == CONTENT else (x1 - wide, y1 - high)
        draw.rectangle((*at, at[0] + wide, at[1] + high), fill=colour)
        draw.text((at[0] + 4, at[1] + 2), label, "white", font)
    return picture


def _scaled(pixels: Pixels, width: int, height: int) -> Image.Image:
    return Image.fromarray(pixels).convert("RGB").resize((width, height), Image.Resampling.LANCZOS)
