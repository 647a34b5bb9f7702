"""Metadata of JPEG files, whose segments hold 64 KB each: larger blocks are divided or shortened.

EXIF has one segment (EXIF 2.32, 4.5.4). XMP may have several, as extended XMP (Adobe XMP Specification Part 3, 2020,
1.1.3.1), which contains the whole packet; programs without support for extended XMP see only the orientation.
"""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Iterator, Sequence
from typing import Any

from PIL import ExifTags, Image

from sshbench.images.exif import EXIF_IFD, GPS_IFD, ORIENTATION, orientation_of, without_thumbnail

_LARGEST = 65533  # bytes in a segment after its length field
_EXIF, _XMP, _MORE = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0", b"http://ns.adobe.com/xmp/extension/\0"
_PIECE = 65000  # bytes of extended XMP in a segment
_STUB = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="" xmlns:xmpNote="http://ns.adobe.com/xmp/note/" '
    'xmpNote:HasExtendedXMP="{digest}"{turn}/></rdf:RDF></x:xmpmeta>'
)
_TURN = ' xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="{orientation}"'
_SAYS = re.compile(rb'xmpNote:HasExtendedXMP="([0-9A-F]{32})"')


def exif_that_fits(exif: bytes) -> tuple[bytes, list[str]]:
    """Return an EXIF block that fits a segment, and the names of the removed entries; the orientation stays.

    The thumbnail is removed first, then the largest entries one after another.
    """
    if len(_EXIF) + len(exif) <= _LARGEST:
        return exif, []
    try:
        return _shortened(exif)
    except Exception:  # with a damaged block, Pillow may raise any exception
        block = Image.Exif()
        block[ORIENTATION] = orientation_of(exif)
        return _bytes_of(block), ["all but the orientation"]


def _shortened(exif: bytes) -> tuple[bytes, list[str]]:
    block = Image.Exif()
    block.load(_EXIF + exif)
    directories: list[Any] = [block, *(block.get_ifd(group) for group in (EXIF_IFD, GPS_IFD) if group in block)]
    left_out = ["the thumbnail"] if without_thumbnail(exif) != exif else []
    entries = sorted(
        (
            (_size(value), number, tag)
            for number, directory in enumerate(directories)
            for tag, value in directory.items()
            if tag not in (ORIENTATION, EXIF_IFD, GPS_IFD)
        ),
        reverse=True,
    )
    for _, number, tag in entries:
        if len(_EXIF) + len(_bytes_of(block)) <= _LARGEST:
            break
        del directories[number][tag]
        left_out.append(ExifTags.TAGS.get(tag, f"tag {tag}"))
    return _bytes_of(block), left_out or ["what is damaged or unknown"]


def _size(value: Any) -> int:
    return len(value) if isinstance(value, bytes | str | tuple) else 8


def _bytes_of(block: Image.Exif) -> bytes:
    return block.tobytes().removeprefix(_EXIF)


def xmp_segments(xmp: bytes, orientation: int) -> tuple[bytes, bool]:
    """Return the segments that carry an XMP packet, and whether it is divided.

    Parameters
    ----------
    orientation
        The image's orientation, 1 to 8, which is written to the first segment because all programs read that segment.
    """
    if len(_XMP) + len(xmp) <= _LARGEST:
        return _segment(_XMP + xmp), False
    digest = hashlib.md5(xmp, usedforsecurity=False).hexdigest().upper()
    head = _MORE + digest.encode()
    pieces = (
        _segment(head + struct.pack(">II", len(xmp), start) + xmp[start : start + _PIECE])
        for start in range(0, len(xmp), _PIECE)
    )
    return b"".join([_segment(_XMP + _stub(digest, orientation)), *pieces]), True


def joined_xmp(xmp: bytes, segments: Sequence[tuple[str, bytes]]) -> bytes:
    """Return the whole packet that `xmp_segments` divided; an undivided packet is returned unchanged.

    Parameters
    ----------
    segments
        The name and the data of each segment of the file, as Pillow's `applist` holds them.
    """
    found = _SAYS.search(xmp[:1000])
    if not found or xmp not in (_stub(found[1].decode(), turn) for turn in range(1, 9)):
        return xmp
    pieces = dict(_pieces(found[1], segments))
    whole = b"".join(piece for _, piece in sorted(pieces.items()))
    return whole if hashlib.md5(whole, usedforsecurity=False).hexdigest().upper().encode() == found[1] else xmp


def _pieces(digest: bytes, segments: Sequence[tuple[str, bytes]]) -> Iterator[tuple[int, bytes]]:
    head = _MORE + digest
    for name, data in segments:
        if name == "APP1" and data.startswith(head) and len(data) > len(head) + 8:
            yield int.from_bytes(data[len(head) + 4 : len(head) + 8], "big"), data[len(head) + 8 :]


def _stub(digest: str, orientation: int) -> bytes:
    turn = "" if orientation == 1 else _TURN.format(orientation=orientation)
    return _STUB.format(digest=digest, turn=turn).encode()


def _segment(data: bytes) -> bytes:
    return b"\xff\xe1" + struct.pack(">H", 2 + len(data)) + data
