"""One page of PDF with pictures and short lines of text: as much of ISO 32000-1 (PDF 1.7) as that takes."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

# Advance widths of Helvetica for characters 32 to 126, in thousandths of its size: Adobe's Core 14 AFM files.
# Helvetica-Bold is a few percent wider, which only moves the middle of a title by as little.
_HELVETICA = (
    "278 278 355 556 556 889 667 191 333 333 389 584 278 333 278 278 556 556 556 556 556 556 556 556 556 556 278 "
    "278 584 584 584 556 1015 667 667 722 722 667 611 778 722 278 500 667 556 833 722 778 667 778 722 667 611 722 "
    "667 944 667 667 611 278 278 278 469 556 333 556 556 500 556 556 278 556 556 222 222 500 222 833 556 556 556 "
    "556 333 500 278 556 500 722 500 500 500 334 260 334 584 "
)
_WIDTHS = [int(width) for width in _HELVETICA.split()]

Box = tuple[float, ...]


def pdf_page(
    width: float,
    height: float,
    pictures: Sequence[tuple[NDArray[np.uint8], Box]],
    labels: Sequence[tuple[str, float, float, bool]],
    *,
    size: float,
    room: float,
) -> bytes:
    """Make a file of one page.

    Parameters
    ----------
    width, height
        Of the page, in points of 1/72 inch.
    pictures
        Each uint8 `[H, W, 3]` and its x, y, width and height from the page's upper left; stored without loss.
    labels
        Each a text, the middle of its baseline from the upper left, and whether it is bold.
    size
        Of letters in points; smaller where a text is wider than `room`.
    """
    names = " ".join(f"/P{i} {i + 6} 0 R" for i in range(len(pictures)))
    drawing = [
        f"q {w:.3f} 0 0 {h:.3f} {x:.3f} {height - y - h:.3f} cm /P{i} Do Q".encode()
        for i, (_, (x, y, w, h)) in enumerate(pictures)
    ]
    for text, x, y, bold in labels:
        # cp1252 is what PDF calls WinAnsiEncoding.
        letters = text.encode("cp1252", "replace")
        long = sum(_WIDTHS[c - 32] if 32 <= c < 127 else 556 for c in letters) / 1000
        points = min(size, room / long) if long else size
        escaped = letters.replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)")
        font, start = "B" if bold else "R", x - long * points / 2
        drawing.append(f"BT /{font} {points:.3f} Tf {start:.3f} {height - y:.3f} Td (".encode() + escaped + b") Tj ET")
    font = "<< /Type /Font /Subtype /Type1 /BaseFont /{} /Encoding /WinAnsiEncoding >>"
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {width:.3f} {height:.3f}] /Contents {len(pictures) + 6} 0 R "
        f"/Resources << /Font << /R 4 0 R /B 5 0 R >> /XObject << {names} >> >> >>".encode(),
        font.format("Helvetica").encode(),
        font.format("Helvetica-Bold").encode(),
        *(_picture(image) for image, _ in pictures),
        _stream("", b"\n".join(drawing)),
    ]
    file = bytearray(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
    places = []
    for number, content in enumerate(objects, start=1):
        places.append(len(file))
        file += f"{number} 0 obj\n".encode() + content + b"\nendobj\n"
    table = len(file)
    file += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    file += b"".join(f"{place:010d} 00000 n \n".encode() for place in places)
    file += f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{table}\n%%EOF\n".encode()
    return bytes(file)


def _picture(image: NDArray[np.uint8]) -> bytes:
    height, width = image.shape[:2]
    about = (
        f"/Type /XObject /Subtype /Image /Width {width} /Height {height} /ColorSpace /DeviceRGB /BitsPerComponent 8 "
    )
    return _stream(about, image.tobytes())


def _stream(about: str, data: bytes) -> bytes:
    packed = zlib.compress(data)
    return f"<< {about}/Filter /FlateDecode /Length {len(packed)} >>\nstream\n".encode() + packed + b"\nendstream"
