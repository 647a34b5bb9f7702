"""Write a PDF of one page with pictures and short lines of text, with embedded fonts as journals require.

matplotlib lays out the page and embeds its fonts as TrueType (Type 42). matplotlib stores pictures losslessly, which
takes about ten times the bytes of JPEG. It therefore receives a placeholder for each picture, and pypdf replaces the
placeholders by JPEG images of the best quality that fits.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sshbench.errors import SshbenchError

STEPS = ((95, 1.0), (90, 1.0), (80, 1.0), (75, 0.75), (75, 0.5))  # JPEG quality and scale of pictures, the best first
MOST = 2_000_000  # bytes of a file that submission systems accept

# A placeholder has more than 256 colours. matplotlib writes fewer colours with a palette that pypdf cannot read.
_STAND_IN = np.stack([np.arange(257) % 256, np.arange(257) // 256, np.zeros(257)], axis=-1).astype(np.uint8)[None]

Frame = tuple[float, float, float, float]
"""The box of a picture: x, y, width and height in points, from the upper left corner of the page."""


def pdf_page(
    width: float,
    height: float,
    pictures: Sequence[tuple[NDArray[np.uint8], Frame]],
    labels: Sequence[tuple[str, float, float, bool]],
    *,
    size: float,
    room: float,
    most: int = MOST,
) -> bytes:
    """Return the bytes of a PDF of one page.

    Parameters
    ----------
    width, height
        The size of the page, in points of 1/72 inch.
    pictures
        For each picture, an image uint8 `[H, W, 3]` and its box.
    labels
        For each label, its text, x and y of the middle of its baseline, and whether it is bold.
    size
        The font size in points. A text wider than `room` gets a smaller size.
    room
        The largest width of a text in points.
    most
        The limit of the file size in bytes. Pictures use the first of `STEPS` that keeps the limit, or else the last.

    Raises
    ------
    SshbenchError
        matplotlib or pypdf is not installed.
    """
    try:
        import matplotlib
        from matplotlib.backends.backend_pdf import FigureCanvasPdf
        from matplotlib.figure import Figure
        from pypdf import PdfReader, PdfWriter
    except ImportError as error:
        raise SshbenchError(
            f"a figure as PDF needs matplotlib and pypdf ({error}); pip install 'sshbench[figures]', or write a .png"
        ) from error
    page = Figure(figsize=(width / 72, height / 72))
    canvas: Any = FigureCanvasPdf(page)
    for _, (x, y, w, h) in pictures:
        axes = page.add_axes((x / width, 1 - (y + h) / height, w / width, h / height))
        # With the origin "upper", matplotlib stores the placeholder upside down, and would flip its replacement.
        axes.imshow(_STAND_IN, aspect="auto", interpolation="none", origin="lower")
        axes.set_axis_off()
    for text, x, y, bold in labels:
        _write(page, text, x / width, 1 - y / height, bold, size, room)
    drawn = io.BytesIO()
    with matplotlib.rc_context({"pdf.fonttype": 42, "pdf.compression": 6, "image.composite_image": False}):
        canvas.print_pdf(drawn, metadata={"CreationDate": None})  # without a date, equal figures have equal bytes
    whole = b""
    for quality, scale in STEPS:
        writer = PdfWriter(clone_from=PdfReader(io.BytesIO(drawn.getvalue())))
        for stand_in, (image, _) in zip(writer.pages[0].images, pictures, strict=True):
            # Chroma keeps its full resolution, since figures of harmonization compare colours.
            stand_in.replace(_reduced(image, scale), quality=quality, subsampling=0)
        file = io.BytesIO()
        writer.write(file)
        whole = file.getvalue()
        if len(whole) <= most:
            break
    return whole


def _reduced(image: NDArray[np.uint8], scale: float) -> Image.Image:
    picture = Image.fromarray(image)
    if scale == 1:
        return picture
    size = max(round(picture.width * scale), 1), max(round(picture.height * scale), 1)
    return picture.resize(size, Image.Resampling.LANCZOS)


def _write(page: Any, text: str, x: float, y: float, bold: bool, size: float, room: float) -> None:
    """Write a line centred at (x, y) on its baseline, in smaller letters if it is wider than `room` points."""
    line = page.text(
        x, y, text, ha="center", va="baseline", fontsize=size, fontweight="bold" if bold else "normal",
        fontfamily="DejaVu Sans", parse_math=False,
    )  # fmt: skip
    wide = line.get_window_extent().width * 72 / page.dpi
    if wide > room:
        line.set_fontsize(size * room / wide)
