"""Opening untrusted image files: the accepted formats, the limits, and errors of one sentence.

The readers of these formats run no other program and read no other file, unlike a reader of EPS.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

from PIL import Image, UnidentifiedImageError

from sshbench.errors import SshbenchError
from sshbench.regular_file import open_regular

MAX_PIXELS = 178_956_970
"""The default limit on the pixels of an image: that of Pillow, 0.5 GB as RGB."""
MAX_BYTES = 1 << 29
"""The largest size in bytes of an image file in a data set."""
FORMATS = {
    "JPEG": "JpegImagePlugin",
    "PNG": "PngImagePlugin",
    "WEBP": "WebPImagePlugin",
    "TIFF": "TiffImagePlugin",
    "GIF": "GifImagePlugin",
    "BMP": "BmpImagePlugin",
    "PPM": "PpmImagePlugin",
    "JPEG2000": "Jpeg2KImagePlugin",
    "AVIF": "AvifImagePlugin",
    "QOI": "QoiImagePlugin",
}
"""The formats that are read, regardless of the suffix, and Pillow's modules for them. JPEG includes MPO."""

_SMALL = 1 << 22  # pixels, which take 16 MB
_HEIF = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_SIGNATURES = (b"\x89PNG", b"II*\0", b"MM\0*", b"\xff\xd8\xff", b"RIFF")


class ImageFileError(SshbenchError):
    """An image that cannot be read or written, and why.

    Parameters
    ----------
    name
        The file's path, or a name for an image in a table or in memory.
    reason
        The fault and its remedy; the text follows the name and a colon.
    """

    def __init__(self, name: str | os.PathLike[str], reason: str) -> None:
        self.name = os.fspath(name)
        self.path = Path(self.name)
        self.reason = reason
        super().__init__(f"{self.name}: {reason}")

    def __reduce__(self) -> tuple[type[ImageFileError], tuple[str, str]]:  # data loaders send errors between processes
        return type(self), (self.name, self.reason)


@dataclass(frozen=True)
class Encoded:
    """An image file: its path or its bytes.

    Parameters
    ----------
    name
        The path of the file, or its name in messages.
    data
        The bytes; None if `name` is the path of the file.
    """

    name: str
    data: bytes | None = None

    def open(self) -> BinaryIO:
        """Open the file, which must be a regular file."""
        return open_regular(self.name) if self.data is None else io.BytesIO(self.data)


@contextlib.contextmanager
def opened(encoded: Encoded, max_pixels: int | None) -> Iterator[Any]:
    """Open an image with Pillow without decoding it; errors of decoding become an `ImageFileError`.

    Parameters
    ----------
    max_pixels
        The largest number of pixels; None if the caller checks it before decoding.

    Raises
    ------
    ImageFileError
        The file is missing, not a regular file, damaged or cut short, of another format, or claims too many pixels.
    """
    size = (0, 0)
    try:
        with encoded.open() as file, identified(file, _formats_for(file, encoded.name)) as image:
            size = image.size
            if max_pixels is not None:
                check_pixels(encoded.name, image.size, max_pixels)
            yield image
    except ImageFileError:
        raise
    except MemoryError as error:
        if size[0] * size[1] > _SMALL:
            raise
        # So few pixels need little memory: another number in the file is absurd, such as a strip of 100 GB.
        raise ImageFileError(encoded.name, "is damaged, as it asks for more memory than its pixels take") from error
    except UnidentifiedImageError as error:
        raise ImageFileError(encoded.name, _why_unidentified(encoded)) from error
    except Image.DecompressionBombError as error:
        raise ImageFileError(encoded.name, "claims more pixels than Pillow decodes; scale it down") from error
    except OSError as error:
        # Errors of the system have a reason; those of Pillow are about the bytes.
        reason = error.strerror or f"is damaged or cut short ({_flat(error)})"
        raise ImageFileError(encoded.name, reason) from error
    except Exception as error:  # with a damaged file, decoders may raise any exception
        raise ImageFileError(
            encoded.name, f"is damaged or cut short ({type(error).__name__}: {_flat(error)})"
        ) from error


def _formats_for(file: BinaryIO, name: str) -> tuple[str, ...]:
    """Return the formats to try: HEIF, whose library is an extra, if the file starts as HEIF; otherwise all others."""
    start = file.read(64)
    file.seek(0)
    if not is_heif(start):
        return known_formats()
    try:
        importlib.import_module("pillow_heif").register_heif_opener()
    except ImportError as error:
        raise ImageFileError(
            name, "is a HEIF picture (HEIC), which pillow-heif reads: pip install 'sshbench[heif]'"
        ) from error
    return ("HEIF",)


def is_heif(start: bytes) -> bool:
    """Return whether a file is a HEIF picture (ISO/IEC 23008-12) other than AVIF, from its first 64 bytes."""
    return start[4:8] == b"ftyp" and start[8:12] in _HEIF and b"avif" not in start and b"avis" not in start


def identified(file: BinaryIO, formats: tuple[str, ...]) -> Any:
    """Open an image as `PIL.Image.open` does, without its process-wide limit on pixels."""
    start = file.read(16)
    for name in formats:
        plugin, accepts = Image.OPEN[name]
        try:
            if accepts is None or accepts(start) is True:
                file.seek(0)
                return plugin(file, "")
        except (SyntaxError, IndexError, TypeError, struct.error):
            continue
    raise UnidentifiedImageError


def check_pixels(name: str, size: tuple[int, int], max_pixels: int) -> None:
    """Refuse an image of more than `max_pixels` pixels; `size` is (width, height)."""
    if size[0] * size[1] > max_pixels:
        width, height = size
        raise ImageFileError(
            name,
            f"claims {width} x {height} pixels and at most {max_pixels} are decoded; scale it down, or raise the limit "
            f"with --max-megapixels {-(-width * height // 1_000_000)} (in Python, max_pixels)",
        )


@lru_cache(maxsize=1)
def known_formats() -> tuple[str, ...]:
    """Return those of `FORMATS` that this Pillow knows."""
    for plugin in FORMATS.values():
        with contextlib.suppress(ImportError):
            importlib.import_module(f"PIL.{plugin}")
    return tuple(name for name in FORMATS if name in Image.OPEN)


def _why_unidentified(encoded: Encoded) -> str:
    with encoded.open() as file:
        start = file.read(4)
    if not start:
        return "is empty"
    if start.startswith(_SIGNATURES):
        return "is damaged, or of a kind that is not read; save it as 8 or 16-bit RGB"
    return "is not an image of a format that is read; save it as PNG, TIFF, JPEG or WebP"


def _flat(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
