"""One page of PDF with pictures and short lines of text, as journals require: embedded fonts, and pictures as JPEG.

matplotlib lays out the page and embeds its fonts as TrueType (Type 42). It would store pictures losslessly, in ten
times the bytes. It therefore receives a placeholder for each picture, which pypdf replaces by JPEG of the best quality
that fits.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sshbench.errors import SshbenchError

STEPS = ((95, 1.0), (90, 1.0), (80, 1.0), (75, 0.75), (75, 0.5))  # quality of JPEG and size of pictures, the best first
MOST = 2_000_000  # bytes of a file: what submission systems take without asking

# More than 256 colours: matplotlib writes fewer colours with a palette, which pypdf considers damaged.
_STAND_IN = np.stack([np.arange(257) % 256, np.arange(257) // 256, np.zeros(257)], axis=-1).astype(np.uint8)[None]

Frame = tuple[float, float, float, float]
"""Where a picture lies: x, y, width and height from the upper left."""


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
    """Make a file of one page.

    Parameters
    ----------
    width, height
        The size of the page, in points of 1/72 inch.
    pictures
        Each uint8 `[H, W, 3]` and its x, y, width and height from the page's upper left.
    labels
        Each a text, the middle of its baseline from the upper left, and whether it is bold.
    size
        The size of the letters in points; smaller if a text is wider than `room`.
    most
        The number of bytes that the file should not exceed: pictures have the best of `STEPS` that keeps to it, or the
        last one.

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
        # With the origin "upper" matplotlib would keep the stand-in upside down, and turn its replacement over.
        axes.imshow(_STAND_IN, aspect="auto", interpolation="none", origin="lower")
        axes.set_axis_off()
    for text, x, y, bold in labels:
        _write(page, text, x / width, 1 - y / height, bold, size, room)
    drawn = io.BytesIO()
    with matplotlib.rc_context({"pdf.fonttype": 42, "pdf.compression": 6, "image.composite_image": False}):
        canvas.print_pdf(drawn, metadata={"CreationDate": None})  # the same figure has the same bytes
    whole = b""
    for quality, scale in STEPS:
        writer = PdfWriter(clone_from=PdfReader(io.BytesIO(drawn.getvalue())))
        for stand_in, (image, _) in zip(writer.pages[0].images, pictures, strict=True):
            # Colours at full resolution, as they are what a figure of harmonization shows.
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
    """Write a line around the middle of its baseline, in smaller letters if it is wider than `room` points."""
    line = page.text(
        x, y, text, ha="center", va="baseline", fontsize=size, fontweight="bold" if bold else "normal",
        fontfamily="DejaVu Sans", parse_math=False,
    )  # fmt: skip
    wide = line.get_window_extent().width * 72 / page.dpi
    if wide > room:
        line.set_fontsize(size * room / wide)
