"""16-bit RGB in PNG and TIFF, and EXIF in TIFF, which Pillow does not read or write.

Pillow drops the low byte of a 16-bit sample only when it unpacks a decoded row. Decoding twice, the second time with
swapped bytes, gives the high and the low bytes.
"""

from __future__ import annotations

import struct
import sys
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin

from sshbench.images.exif import DESCRIPTIVE_TAGS, EXIF_IFD, GPS_IFD, sub_directory
from sshbench.images.opening import Encoded, identified

_ROWS = 64  # rows filtered and compressed at a time, to limit memory
_SWAPPED = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}


def raw_mode(image: Any) -> str:
    """Return Pillow's raw mode of an open, undecoded image, such as `"RGB;16B"`, or "" if there is none."""
    tiles = getattr(image, "tile", ())
    arguments = tiles[0][3] if tiles else ""
    return str(arguments[0] if isinstance(arguments, tuple) else arguments)


def decode_16_bit(encoded: Encoded, image: Any, mode: str) -> NDArray[np.uint16]:
    """Decode an open 16-bit PNG or TIFF, whose raw mode ends in `;16B`, `;16L` or `;16N`, to `[H, W, 3 or 4]`.

    Premultiplied colours (`RGBa`) stay premultiplied.
    """
    if mode == "LA;16B":
        # Four bytes a pixel, which unpack as 8-bit RGBA: grey high, grey low, alpha high, alpha low.
        halves = _decode_as(image, "RGBA")
        grey, alpha = _joined(halves[..., 0], halves[..., 1]), _joined(halves[..., 2], halves[..., 3])
        return np.stack([grey, grey, grey, alpha], axis=-1)
    mode = mode.replace("RGBa", "RGBA")
    with encoded.open() as file, identified(file, (image.format,)) as again:
        low = _decode_as(again, mode[:-1] + _SWAPPED[mode[-1]])
    del again  # frees its pixels before the other is decoded
    return _joined(_decode_as(image, mode), low)


def _decode_as(image: Any, mode: str) -> NDArray[np.uint8]:
    image.tile = [
        tile._replace(args=(mode, *tile.args[1:]) if isinstance(tile.args, tuple) else mode) for tile in image.tile
    ]
    image.load()
    return np.asarray(image)


def _joined(high: NDArray[np.uint8], low: NDArray[np.uint8]) -> NDArray[np.uint16]:
    out = high.astype(np.uint16)
    out <<= 8
    out |= low
    return out


def write_png_16(
    file: BinaryIO,
    samples: NDArray[np.uint16],
    *,
    icc: bytes | None,
    exif: bytes | None,
    xmp: bytes | None,
    dpi: tuple[float, float] | None,
) -> None:
    """Write `[H, W, 3 or 4]` as a 16-bit PNG (W3C PNG 3rd edition), every row with the Paeth filter."""
    height, width, channels = samples.shape

    def chunk(name: bytes, data: bytes) -> None:
        file.write(struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(data, zlib.crc32(name))))

    file.write(b"\x89PNG\r\n\x1a\n")
    chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, 2 if channels == 3 else 6, 0, 0, 0))
    if icc:
        chunk(b"iCCP", b"ICC Profile\0\0" + zlib.compress(icc))
    if dpi:
        chunk(b"pHYs", struct.pack(">IIB", *(round(d / 0.0254) for d in dpi), 1))
    if exif:
        chunk(b"eXIf", exif)
    if xmp:
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp)
    deflate = zlib.compressobj(3)
    for rows in _paeth_filtered(samples):
        if data := deflate.compress(rows):
            chunk(b"IDAT", data)
    chunk(b"IDAT", deflate.flush())
    chunk(b"IEND", b"")


def _paeth_filtered(samples: NDArray[np.uint16]) -> Iterator[bytes]:
    """Yield blocks of a PNG's Paeth-filtered rows."""
    height, width, channels = samples.shape
    step = 2 * channels
    above = np.zeros((1, step * (width + 1)), np.uint8)
    for top in range(0, height, _ROWS):
        block = samples[top : top + _ROWS]
        raw = np.zeros((len(block) + 1, step * (width + 1)), np.uint8)  # a row above, and a pixel to the left
        raw[0] = above
        raw[1:, step:] = block.astype(">u2").reshape(len(block), -1).view(np.uint8)
        above = raw[-1:]
        here, left, up, corner = raw[1:, step:], raw[1:, :-step], raw[:-1, step:], raw[:-1, :-step]
        to_left = np.abs(up.astype(np.int16) - corner)  # |p - a| of the specification, where p = a + b - c
        to_up = np.abs(left.astype(np.int16) - corner)
        to_corner = np.abs(left.astype(np.int16) + up - 2 * corner.astype(np.int16))
        nearest = np.where((to_left <= to_up) & (to_left <= to_corner), left, np.where(to_up <= to_corner, up, corner))
        out = np.empty((len(block), 1 + step * width), np.uint8)
        out[:, 0] = 4
        np.subtract(here, nearest, out=out[:, 1:])
        yield out.tobytes()


def write_tiff(
    file: BinaryIO,
    samples: NDArray[Any],
    *,
    icc: bytes | None,
    exif: bytes | None,
    xmp: bytes | None,
    dpi: tuple[float, float] | None,
) -> None:
    """Write uint8 or uint16 `[H, W, 3 or 4]` as TIFF 6.0, in strips with horizontal differencing and Deflate."""
    height, width, channels = samples.shape
    strips = []
    for top in range(0, height, _ROWS):
        block = samples[top : top + _ROWS]
        differences = block.copy()
        differences[:, 1:] -= block[:, :-1]
        strips.append(zlib.compress(differences.astype(differences.dtype.newbyteorder("<")).tobytes(), 6))
    sizes = [len(strip) for strip in strips]

    ifd = TiffImagePlugin.ImageFileDirectory_v2(prefix=b"II")
    if exif:
        _put_exif(ifd, exif)
    ifd[256], ifd[257] = width, height
    ifd[258] = (samples.dtype.itemsize * 8,) * channels
    ifd[259], ifd[262], ifd[317] = 8, 2, 2  # Adobe Deflate, RGB, horizontal differencing
    ifd[273] = tuple(np.cumsum([0, *sizes[:-1]]).tolist())  # Pillow adds the end of the directory
    ifd[277], ifd[278], ifd[279], ifd[284] = channels, min(_ROWS, height), tuple(sizes), 1
    if channels == 4:
        ifd[338] = 2  # unassociated alpha: colours are not premultiplied
    ifd[282], ifd[283] = dpi or (72.0, 72.0)
    ifd[296] = 2 if dpi else 1
    if xmp:
        ifd.tagtype[700] = 1
        ifd[700] = xmp
    if icc:
        ifd.tagtype[34675] = 7
        ifd[34675] = icc
    ifd.save(file)
    for strip in strips:
        file.write(strip)


def _put_exif(ifd: TiffImagePlugin.ImageFileDirectory_v2, exif: bytes) -> None:
    block = Image.Exif()
    block.load(b"Exif\0\0" + exif)
    for tag in DESCRIPTIVE_TAGS:
        if tag in block:
            ifd[tag] = block[tag]
    for group in (EXIF_IFD, GPS_IFD):
        if group in block:
            ifd.tagtype[group] = 4
            ifd[group] = sub_directory(block, group)
