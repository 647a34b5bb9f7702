"""Encode rendered images: lossless PNG through the fastest installed encoder (docs/triplets-run.md), JPEG, or WebP.

If fpng is not installed, Pillow encodes PNG. Both encoders are lossless, but their files differ in bytes.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from sshbench.errors import SshbenchError
from sshbench.images.png import png_by_fpng, png_by_pillow

Format = Literal["png", "jpeg", "webp"]
Encode = Callable[[NDArray[np.uint8]], bytes]

FORMATS: tuple[Format, ...] = get_args(Format)


@dataclass(frozen=True)
class Codec:
    """One way to encode images.

    Parameters
    ----------
    format
        `"png"` is lossless. `"jpeg"` keeps the full chroma resolution (4:4:4), because networks learn colours from it.
    quality
        The quality of JPEG and WebP, 1 to 100; None for PNG.
    encoder
        `"fpng"` or `"pillow"`: the library that encodes.
    """

    format: Format = "png"
    quality: int | None = None
    encoder: str = "pillow"

    @classmethod
    def choose(cls, format: str = "png", quality: int | None = None) -> Codec:
        """Return the fastest installed codec of `format`. The quality of JPEG and WebP is 95 by default.

        Raises
        ------
        SshbenchError
            The format is not one of `FORMATS`, the quality is outside 1..100, or a quality is given for PNG.
        """
        if format == "png":
            if quality is not None:
                raise SshbenchError("PNG is lossless and has no quality; leave --quality out, or choose --format jpeg")
            return cls("png", None, "fpng" if find_spec("fpng") else "pillow")
        if format not in FORMATS:
            raise SshbenchError(f"unknown image format {format!r}; there are {', '.join(FORMATS)}")
        quality = 95 if quality is None else quality
        if not 1 <= quality <= 100:
            raise SshbenchError(f"the image quality must be 1 to 100, not {quality}")
        return cls("jpeg" if format == "jpeg" else "webp", quality, "pillow")

    @property
    def encode(self) -> Encode:
        """The function that encodes an image, uint8 `[H, W, 3]`, sRGB-encoded, to the bytes of a file."""
        if self.format == "png":
            return png_by_fpng if self.encoder == "fpng" else png_by_pillow
        if self.format == "jpeg":
            return lambda pixels: _pillow(pixels, "JPEG", quality=self.quality, subsampling=0)
        return lambda pixels: _pillow(pixels, "WEBP", quality=self.quality, method=1)

    def __str__(self) -> str:
        quality = f" quality {self.quality}" if self.quality else ""
        return f"{self.format}{quality} by {self.encoder}"


def encode_mask(mask: NDArray[np.uint8]) -> bytes:
    """Return a mask, uint8 `[H, W]`, 0..255, as a grey PNG file. Masks are lossless in every image format."""
    return png_by_pillow(mask)


def codec_versions() -> dict[str, str]:
    """Return the versions of the installed libraries that the bytes of a shard depend on."""
    found = {}
    for name in ("sshbench", "numpy", "pillow", "fpng", "opencv-python-headless", "simplejpeg", "pyarrow"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _pillow(pixels: NDArray[np.uint8], format: str, **options: object) -> bytes:
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(pixels).save(out, format, **options)
    return out.getvalue()
