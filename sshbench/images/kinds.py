"""The format of a picture file, recognised by its first bytes."""

from __future__ import annotations

_PICTURES = {
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",
    b"MM\0+": "TIFF",
    b"\xff\xd8\xff": "JPEG",
    b"GIF8": "GIF",
}


def picture_kind(start: bytes) -> str | None:
    """Return the format of a picture from its first 16 bytes; None if the file is not a picture."""
    for signature, kind in _PICTURES.items():
        if start.startswith(signature):
            return kind
    if start.startswith(b"RIFF") and start[8:12] == b"WEBP":
        return "WebP"
    if start.startswith(b"BM") and start[6:10] == b"\0\0\0\0":
        return "BMP"
    if start[4:8] == b"ftyp":
        return "AVIF" if start[8:12] in (b"avif", b"avis") else "HEIC or a video"
    return None
