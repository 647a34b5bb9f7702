"""The comparison grid of papers: one row for each image, with composite, methods and ground truth side by side."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from sshbench.errors import SshbenchError, printable
from sshbench.results.pdf import Frame, pdf_page
from sshbench.results.pictures import Pictures, Pixels
from sshbench.whole_file import whole_file

GAP = 0.02  # of a cell's width, between cells
TALLEST = 1.0  # height of a cell over its width; taller images become narrower
LETTERS = 0.075  # size of letters, in widths of a cell
WIDTH_IN_POINTS = 496  # of the PDF: the text width of ICCV and CVPR papers, 6 7/8 inches
FORMATS = (".pdf", ".png")


@dataclass(frozen=True, eq=False)
class Grid:
    """Pictures and words at places in units of a cell's width, from the upper left.

    Parameters
    ----------
    cells
        Each an image and its box: x, y, width, height.
    labels
        Each a text, the middle of its baseline, and whether it is bold.
    """

    width: float
    height: float
    cells: tuple[tuple[Pixels, Frame], ...]
    labels: tuple[tuple[str, float, float, bool], ...]


def grid(
    rows: Sequence[Pictures],
    methods: Sequence[str],
    captions: Mapping[str, Mapping[str, str]] | None = None,
    titles: Mapping[str, str] | None = None,
) -> Grid:
    """Lay out a grid.

    Parameters
    ----------
    rows
        The images, one for each row.
    methods
        The columns between the composite and the ground truth. The ground truth is left out if no image has one.
    captions
        From an image's id and a method to the text below its picture; `composite` counts as a method here.
    titles
        The titles of methods; by default their names.
    """
    targets = ["ground truth"] if any(row.target is not None for row in rows) else []
    names = ["composite", *methods, *targets]
    step, line = 1 + GAP, LETTERS * 1.35
    cells: list[tuple[Pixels, Frame]] = []
    labels = [(printable((titles or {}).get(n, n)), c * step + 0.5, LETTERS, True) for c, n in enumerate(names)]
    y = line
    for row in rows:
        height, width = row.composite.shape[:2]
        tall = min(height / width, TALLEST)
        wide = tall * width / height
        images = {"composite": row.composite, **row.predictions, "ground truth": row.target}
        below = (captions or {}).get(row.id, {})
        for column, name in enumerate(names):
            if (image := images.get(name)) is not None:
                cells.append((image, (column * step + (1 - wide) / 2, y, wide, tall)))
            if name in below:
                labels.append((below[name], column * step + 0.5, y + tall + LETTERS, False))
        y += tall + (line if below else 0) + GAP
    return Grid(len(names) * step - GAP, y - GAP, tuple(cells), tuple(labels))


def write_figure(path: str | os.PathLike[str], figure: Grid, cell: int) -> None:
    """Write a figure as PNG, with `cell` pixels for each cell, or as PDF with text as text and embedded fonts.

    The pictures of a PDF are JPEG of the best quality and size that keep the file below `sshbench.results.pdf.MOST`
    bytes.

    Raises
    ------
    SshbenchError
        The name ends in neither suffix, or matplotlib or pypdf is missing for a PDF.
    """
    kind = Path(path).suffix.lower()
    check_format(path)
    with whole_file(path) as temporary:
        if kind == ".png":
            png(figure, cell).save(temporary, "PNG")
        else:
            temporary.write_bytes(_pdf(figure))


def check_format(path: str | os.PathLike[str]) -> None:
    """Refuse a file name that `write_figure` cannot write to."""
    if Path(path).suffix.lower() not in FORMATS:
        raise SshbenchError(f"{path}: a figure is a .png or a .pdf file; choose a name with one of these suffixes")


def png(figure: Grid, cell: int) -> Image.Image:
    """Draw a figure on white, with `cell` pixels for each cell."""
    canvas = Image.new("RGB", (round(figure.width * cell), round(figure.height * cell)), "white")
    for image, (x, y, w, h) in figure.cells:
        size = round(w * cell), round(h * cell)
        picture = Image.fromarray(image)
        if picture.size != size:
            picture = picture.resize(size, Image.Resampling.LANCZOS)
        canvas.paste(picture, (round(x * cell), round(y * cell)))
    draw = ImageDraw.Draw(canvas)
    for text, x, y, bold in figure.labels:
        font = _font(text, cell)
        stroke = font.size / 40 if bold and isinstance(font, ImageFont.FreeTypeFont) else 0
        draw.text((x * cell, y * cell), text, "black", font, anchor="ms", stroke_width=stroke)
    return canvas


def _font(text: str, cell: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return a font of the standard size, or smaller so that the text fits into a cell."""
    font = ImageFont.load_default(LETTERS * cell)
    width = font.getlength(text)
    return font if width <= cell else ImageFont.load_default(LETTERS * cell * cell / width)


def _pdf(figure: Grid) -> bytes:
    unit = WIDTH_IN_POINTS / figure.width
    frames = [(x * unit, y * unit, width * unit, height * unit) for _, (x, y, width, height) in figure.cells]
    cells = [(np.ascontiguousarray(image), frame) for (image, _), frame in zip(figure.cells, frames, strict=True)]
    labels = [(text, x * unit, y * unit, bold) for text, x, y, bold in figure.labels]
    return pdf_page(WIDTH_IN_POINTS, figure.height * unit, cells, labels, size=LETTERS * unit, room=unit)
