"""Draw a comparison grid for papers: one row for each image, with composite, methods and ground truth side by side."""

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

GAP = 0.02  # the space between cells, in widths of a cell
TALLEST = 1.0  # the largest height of a cell, in widths of a cell; taller images become narrower
LETTERS = 0.075  # the font size, in widths of a cell
WIDTH_IN_POINTS = 496  # the width of the PDF: the text width of ICCV and CVPR papers, 6 7/8 inches
FORMATS = (".pdf", ".png")


@dataclass(frozen=True, eq=False)
class Grid:
    """The layout of a figure. Lengths are in widths of a cell, measured from the upper left corner.

    Parameters
    ----------
    cells
        For each cell, an image uint8 `[H, W, 3]` and its box: x, y, width, height.
    labels
        For each label, its text, x and y of the middle of its baseline, and whether it is bold.
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
    """Return the layout of a grid with a row for each image.

    Parameters
    ----------
    rows
        The images of each row.
    methods
        The methods of the columns between the composite and the ground truth. The last column is left out if no image
        has a ground truth.
    captions
        The text below a picture, by the id of the image and the method. The composite has the method `composite`.
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
    """Write a figure as PNG with cells `cell` pixels wide, or as PDF with selectable text and embedded fonts.

    The pictures of a PDF are JPEG images with the best quality and size for which the file has at most
    `sshbench.results.pdf.MOST` bytes.

    Raises
    ------
    SshbenchError
        The suffix is neither `.png` nor `.pdf`, or matplotlib or pypdf is missing for a PDF.
    """
    kind = Path(path).suffix.lower()
    check_format(path)
    with whole_file(path) as temporary:
        if kind == ".png":
            png(figure, cell).save(temporary, "PNG")
        else:
            temporary.write_bytes(_pdf(figure))


def check_format(path: str | os.PathLike[str]) -> None:
    """Check that `write_figure` can write the format of a file name; raise SshbenchError otherwise."""
    if Path(path).suffix.lower() not in FORMATS:
        raise SshbenchError(f"{path}: a figure is a .png or a .pdf file; choose a name with one of these suffixes")


def png(figure: Grid, cell: int) -> Image.Image:
    """Return a figure drawn on white, with cells `cell` pixels wide."""
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
    """Return a font of the standard size, or of a smaller size with which the text fits into a cell."""
    font = ImageFont.load_default(LETTERS * cell)
    width = font.getlength(text)
    return font if width <= cell else ImageFont.load_default(LETTERS * cell * cell / width)


def _pdf(figure: Grid) -> bytes:
    unit = WIDTH_IN_POINTS / figure.width
    frames = [(x * unit, y * unit, width * unit, height * unit) for _, (x, y, width, height) in figure.cells]
    cells = [(np.ascontiguousarray(image), frame) for (image, _), frame in zip(figure.cells, frames, strict=True)]
    labels = [(text, x * unit, y * unit, bold) for text, x, y, bold in figure.labels]
    return pdf_page(WIDTH_IN_POINTS, figure.height * unit, cells, labels, size=LETTERS * unit, room=unit)
