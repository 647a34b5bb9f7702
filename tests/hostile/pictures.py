"""Small images of every format that is read, for the targets that damage them."""

from __future__ import annotations

import io
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import tifffile
from PIL import Image, ImageCms

from sshbench.images.files import ImageFile, write_image

SIDE = 24
_ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def photo(random: Random, odd: bool = False) -> bytes:
    """Return an image file of a random format, depth and kind, with metadata now and then.

    Parameters
    ----------
    odd
        Whether it may hold what no reader takes, such as floats.
    """
    pixels = np.random.default_rng(random.randrange(1000)).integers(0, 256, (SIDE, SIDE + 8, 4), np.uint8)
    kind, mode, options = random.choice(_KINDS)
    if kind == "16":
        return _wide(random, pixels, odd)
    if mode == "CMYK" and not odd:
        mode = "RGB"
    image = Image.fromarray(pixels)
    image = image.quantize(random.choice((2, 16, 250))) if mode == "P" else image.convert(mode)
    if random.random() < 0.5 and kind in ("JPEG", "PNG", "WEBP", "TIFF"):
        exif = Image.Exif()
        exif[0x0112] = random.randrange(1, 9)
        options = options | {"exif": exif, "icc_profile": _ICC}
    return _saved(image, kind, **options)


_KINDS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("JPEG", "RGB", {}), ("JPEG", "L", {}), ("JPEG", "CMYK", {}), ("JPEG", "RGB", {"progressive": True}),
    ("PNG", "RGB", {}), ("PNG", "RGBA", {}), ("PNG", "LA", {}), ("PNG", "1", {}), ("PNG", "L", {"transparency": 3}),
    ("PNG", "P", {}), ("PNG", "P", {"transparency": 1}), ("PNG", "RGB", {"transparency": (1, 2, 3)}),
    ("WEBP", "RGB", {}), ("WEBP", "RGBA", {"lossless": True}), ("GIF", "P", {}), ("BMP", "RGB", {}), ("BMP", "P", {}),
    ("PPM", "RGB", {}), ("PPM", "L", {}), ("JPEG2000", "RGB", {}), ("JPEG2000", "LA", {}), ("AVIF", "RGB", {}),
    ("TIFF", "RGB", {}), ("TIFF", "P", {}), ("TIFF", "CMYK", {}), ("TIFF", "RGBA", {"compression": "tiff_lzw"}),
    ("TIFF", "RGB", {"compression": "tiff_adobe_deflate"}), ("TIFF", "1", {"compression": "group4"}),
    ("TIFF", "RGB", {"compression": "jpeg"}), ("QOI", "RGB", {}), ("MPO", "RGB", {}), ("16", "", {}), ("16", "", {}),
)  # fmt: skip


def _saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def _wide(random: Random, pixels: Any, odd: bool) -> bytes:
    """16 bits per channel: PNG and TIFF as sshbench writes them, and TIFF of other programs."""
    wide = pixels.astype(np.uint16) * 257
    which = random.randrange(4)
    if which == 0:
        return _saved(Image.fromarray(wide[..., 0]), random.choice(("PNG", "TIFF")))
    if which == 1:
        samples = [wide[..., :3], wide]
        if odd:
            samples += [wide[..., :3].astype(np.float32), wide[..., 0].astype(np.int32)]
        return _tiff(random.choice(samples))
    with TemporaryDirectory() as folder:
        path = Path(folder) / random.choice(("a.png", "a.tif"))
        alpha = np.ascontiguousarray(wide[..., 3]) if which == 2 else None
        write_image(path, ImageFile(np.ascontiguousarray(wide[..., :3]), alpha=alpha))
        return path.read_bytes()


def _tiff(samples: Any) -> bytes:
    file = io.BytesIO()
    extra = {"extrasamples": ["unassalpha"]} if samples.shape[2:] == (4,) else {}
    tifffile.imwrite(file, samples, photometric="rgb" if samples.ndim == 3 else None, **extra)
    return file.getvalue()


def mask(random: Random, odd: bool = False) -> bytes:
    """Return a mask: grey, palette, alpha or floats.

    Parameters
    ----------
    odd
        Whether it may be one that is refused, such as a label map.
    """
    inside = np.zeros((SIDE, SIDE + 8), np.uint8)
    inside[4:20, 6:20] = random.choice((1, 20, 128, 255)) if odd else random.choice((1, 255))
    top = inside // max(inside.max(), 1) * 255 if not odd else inside
    which = random.randrange(8)
    if which == 0:
        image = Image.frombytes("P", (SIDE + 8, SIDE), inside.tobytes())
        image.putpalette([random.randrange(256) for _ in range(768)] if odd else [0, 0, 0, *[128, 0, 0] * 255])
        return _saved(image, random.choice(("PNG", "GIF", "TIFF", "BMP")))
    if which == 1:
        return _tiff(random.choice((top / np.float32(255), inside.astype(np.int32), top * np.uint16(257))))
    if which == 2:
        return _saved(Image.merge("LA", [Image.fromarray(top)] * 2), "PNG")
    if which == 3 and odd:
        return photo(random, odd)
    image = Image.fromarray(top).convert(random.choice(("L", "1", "RGB", "RGBA")))
    return _saved(image, "PNG" if image.mode == "RGBA" else random.choice(("PNG", "TIFF", "BMP")))
