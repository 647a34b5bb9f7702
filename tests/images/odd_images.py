"""Corrupt, truncated, hostile and odd-mode image files, made on the spot, each with the end it has to come to.

`python -m tests.images.odd_images` prints the table of docs/triplets.md.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

HEIGHT, WIDTH = 240, 320


@cache
def photo() -> NDArray[np.uint8]:
    """A smooth image `[240, 320, 3]` that survives JPEG well and has no symmetry."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    waves = [128 + 90 * np.sin(x / 60 + y / 90), 40 + x * 0.6, 220 - y * 0.8]
    return np.stack(waves, axis=-1).round().astype(np.uint8)


@cache
def grey() -> NDArray[np.uint8]:
    return np.ascontiguousarray(photo()[..., 1])


@cache
def palette() -> Image.Image:
    return Image.fromarray(photo()).quantize(64)


def image(array: NDArray[Any] | None = None, mode: str | None = None) -> Image.Image:
    return Image.fromarray(photo() if array is None else array, mode)


def saved(img: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    img.save(file, kind, **options)
    return file.getvalue()


def jpeg(**options: Any) -> bytes:
    return saved(image(), "JPEG", **{"quality": 95, "subsampling": 0} | options)


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, depth: int, colour: int, rows: bytes, extra: bytes = b"") -> bytes:
    """A PNG from its parts; `rows` are filtered scan lines."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    body = png_chunk(b"IHDR", header) + extra + png_chunk(b"IDAT", zlib.compress(rows, 9)) + png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def png_16() -> bytes:
    values = (photo().astype(np.uint16) * 257).astype(">u2")
    return png(WIDTH, HEIGHT, 16, 2, b"".join(b"\0" + row.tobytes() for row in values))


def swapped_profile() -> bytes:
    """An ICC profile like sRGB whose red and blue primaries are swapped."""
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    icc = icc.replace(b"sRGB", b"swap").replace("sRGB".encode("utf-16-be"), "swap".encode("utf-16-be"))
    return icc.replace(b"rXYZ", b"????").replace(b"bXYZ", b"rXYZ").replace(b"????", b"bXYZ")


def oriented(kind: str, orientation: int) -> bytes:
    """The photograph stored so that `orientation` turns it upright."""
    stored = {
        1: photo(),
        2: photo()[:, ::-1],
        3: photo()[::-1, ::-1],
        4: photo()[::-1],
        5: photo().transpose(1, 0, 2),
        6: np.rot90(photo()),
        7: photo()[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(photo(), -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    options: dict[str, Any] = {"quality": 95, "subsampling": 0} if kind == "JPEG" else {}
    return saved(image(np.ascontiguousarray(stored)), kind, exif=exif, **options)


def over_white(alpha: NDArray[Any], colours: NDArray[Any] | None = None) -> NDArray[Any]:
    colours = photo() if colours is None else colours
    part = alpha[..., None] / 255.0
    return np.asarray(colours * part + 255 * (1 - part))


@cache
def alpha() -> NDArray[np.uint8]:
    return np.tile(np.linspace(0, 255, WIDTH).round().astype(np.uint8), (HEIGHT, 1))


def with_alpha() -> Image.Image:
    return image(np.dstack([photo(), alpha()]))


def tiff_float() -> bytes:
    return saved(image(grey().astype(np.float32)), "TIFF")


def cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


def spoiled(data: bytes, at: float, by: bytes = b"\x5a" * 64) -> bytes:
    place = int(len(data) * at)
    return data[:place] + by + data[place + len(by) :]


def lab() -> bytes:
    to_lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
    return saved(ImageCms.applyTransform(image(), to_lab), "TIFF")


def tiff_16() -> bytes:
    import tifffile

    file = io.BytesIO()
    tifffile.imwrite(file, photo().astype(np.uint16) * 257, photometric="rgb")
    return file.getvalue()


def tiff_loop() -> bytes:
    """A TIFF whose directory names itself as the next one."""
    data = bytearray(saved(image(), "TIFF"))
    start = struct.unpack_from("<I", data, 4)[0]
    count = struct.unpack_from("<H", data, start)[0]
    struct.pack_into("<I", data, start + 2 + 12 * count, start)
    return bytes(data)


def bmp_claims(width: int, height: int) -> bytes:
    data = bytearray(saved(image(), "BMP"))
    struct.pack_into("<ii", data, 18, width, height)
    return bytes(data)


def gif_claims(width: int, height: int) -> bytes:
    data = bytearray(saved(palette(), "GIF"))
    struct.pack_into("<HH", data, 6, width, height)
    return bytes(data)


def jpeg_claims(width: int, height: int) -> bytes:
    data = jpeg()
    at = data.index(b"\xff\xc0") + 5
    return data[:at] + struct.pack(">HH", height, width) + data[at + 4 :]


@dataclass(frozen=True)
class Case:
    """One file.

    Parameters
    ----------
    name
        With a suffix, which may lie.
    what
        What is odd about it.
    make
        Gives the bytes.
    pixels
        What it decodes to; None where it is skipped.
    within
        How far a pixel may be off.
    reason
        A part of the reason why it is skipped.
    end
        For the table, where it is decoded.
    """

    name: str
    what: str
    make: Callable[[], bytes]
    pixels: Callable[[], NDArray[Any]] | None = None
    within: float = 0.0
    reason: str = ""
    end: str = "unchanged"


def grey_rgb() -> NDArray[Any]:
    return np.repeat(grey()[..., None], 3, axis=2)


def first_frame(kind: str) -> bytes:
    frames = [image(np.full_like(photo(), v)) for v in (10, 200)]
    img = palette() if kind == "GIF" else image()
    options: dict[str, Any] = {"lossless": True} if kind == "WEBP" else {}
    return saved(img, kind, save_all=True, append_images=frames, **options)


def palette_rgb() -> NDArray[Any]:
    return np.asarray(palette().convert("RGB"))


def palette_clear() -> tuple[bytes, NDArray[Any]]:
    indices = np.asarray(palette())
    return saved(palette(), "PNG", transparency=3), np.where((indices == 3)[..., None], 255, palette_rgb())


def keyed() -> tuple[bytes, NDArray[Any]]:
    """A PNG that declares one colour transparent."""
    key = tuple(int(v) for v in photo()[100, 100])
    data = saved(image(), "PNG", transparency=key)
    return data, np.where((photo() == key).all(axis=-1, keepdims=True), 255, photo())


def cmyk_rgb() -> NDArray[Any]:
    return np.asarray(image().convert("CMYK").convert("RGB"))


def swapped() -> NDArray[Any]:
    return photo()[..., ::-1]


DECODED = [
    Case("plain.jpg", "baseline JPEG", jpeg, photo, 8),
    Case("progressive.jpg", "progressive JPEG", lambda: jpeg(progressive=True), photo, 8),
    Case("grey.jpg", "JPEG with one channel", lambda: saved(image(grey()), "JPEG", quality=95), grey_rgb, 8),
    Case(
        "cmyk.jpg",
        "JPEG with inks",
        lambda: saved(image().convert("CMYK"), "JPEG", quality=95),
        cmyk_rgb,
        12,
        end="inks to sRGB",
    ),
    *(
        Case(
            f"orientation_{n}.jpg",
            f"JPEG with EXIF orientation {n}",
            lambda n=n: oriented("JPEG", n),
            photo,
            8,
            end="turned upright",
        )
        for n in range(2, 9)
    ),
    Case("orientation_6.png", "PNG with EXIF orientation 6", lambda: oriented("PNG", 6), photo, end="turned upright"),
    Case("orientation_8.tif", "TIFF with orientation 8", lambda: oriented("TIFF", 8), photo, end="turned upright"),
    Case(
        "orientation_0.jpg",
        "JPEG with the orientation 99, which does not exist",
        lambda: jpeg(exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x63\0\0\0\0\0\0"),
        photo,
        8,
    ),
    Case(
        "broken_exif.jpg",
        "JPEG with a damaged EXIF block",
        lambda: jpeg(exif=b"Exif\0\0MM\0*\xff\xff\xff\xff"),
        photo,
        8,
    ),
    Case(
        "profile.jpg",
        "JPEG with an ICC profile that swaps red and blue",
        lambda: jpeg(icc_profile=swapped_profile()),
        swapped,
        10,
        end="converted to sRGB",
    ),
    Case(
        "profile.png",
        "PNG with such a profile",
        lambda: saved(image(), "PNG", icc_profile=swapped_profile()),
        swapped,
        4,
        end="converted to sRGB",
    ),
    Case(
        "profile_alpha.png",
        "such a profile and transparency",
        lambda: saved(with_alpha(), "PNG", icc_profile=swapped_profile()),
        lambda: over_white(alpha(), swapped()),
        5,
        end="over white, converted to sRGB",
    ),
    Case(
        "broken_profile.jpg",
        "JPEG with a damaged ICC profile",
        lambda: jpeg(icc_profile=b"not a profile" * 20),
        photo,
        8,
        end="as sRGB",
    ),
    Case(
        "cmyk_profile.png",
        "RGB with a profile for another colour model",
        lambda: saved(image(), "PNG", icc_profile=swapped_profile().replace(b"RGB XYZ ", b"CMYKXYZ ")),
        photo,
        end="as sRGB",
    ),
    Case("trailing.jpg", "JPEG with other bytes after its end", lambda: jpeg() + b"\0" * 5000 + b"<html>", photo, 8),
    Case(
        "spoiled.jpg",
        "JPEG with damaged bytes in the middle of its pixel data",
        lambda: spoiled(jpeg(), 0.6, b"\x5a" * 8),
        photo,
        255,
        end="as libjpeg recovers it: JPEG has no checksum",
    ),
    Case("wrong_suffix.jpg", "a PNG called .jpg", lambda: saved(image(), "PNG"), photo, end="by what it holds"),
    Case(
        "two_pictures.mpo",
        "a phone's JPEG with a second picture",
        lambda: saved(image(), "MPO", save_all=True, append_images=[image(photo()[::-1].copy())], quality=95),
        photo,
        12,
        end="the first",
    ),
    Case(
        "1_bit.png",
        "black and white",
        lambda: saved(image(grey() > 128), "PNG"),
        lambda: 255 * (grey_rgb() > 128).astype(int),
    ),
    Case("palette.png", "palette", lambda: saved(palette(), "PNG"), palette_rgb),
    Case(
        "palette_clear.png",
        "palette with a transparent entry",
        lambda: palette_clear()[0],
        lambda: palette_clear()[1],
        end="over white",
    ),
    Case("key.png", "a colour declared transparent", lambda: keyed()[0], lambda: keyed()[1], end="over white"),
    Case(
        "alpha.png",
        "RGB with alpha",
        lambda: saved(with_alpha(), "PNG"),
        lambda: over_white(alpha()),
        1,
        end="over white",
    ),
    Case(
        "grey_alpha.png",
        "grey with alpha",
        lambda: saved(image(np.dstack([grey(), alpha()])), "PNG"),
        lambda: over_white(alpha(), grey_rgb()),
        1,
        end="over white",
    ),
    Case("16_bit.png", "16 bits per channel", png_16, photo, end="to 8 bits"),
    Case(
        "grey_16_bit.png",
        "grey of 16 bits",
        lambda: saved(image(grey().astype(np.uint16) * 257), "PNG"),
        grey_rgb,
        end="to 8 bits",
    ),
    Case("16_bit.tif", "TIFF of 16 bits per channel", tiff_16, photo, end="to 8 bits"),
    Case(
        "grey_16_bit.tif",
        "grey TIFF of 16 bits",
        lambda: saved(image(grey().astype(np.uint16) * 257), "TIFF"),
        grey_rgb,
        end="to 8 bits",
    ),
    Case("cmyk.tif", "TIFF with inks", lambda: saved(image().convert("CMYK"), "TIFF"), cmyk_rgb, end="inks to sRGB"),
    Case("lab.tif", "TIFF in CIE Lab, 8 bits", lab, photo, 24, end="converted to sRGB"),
    Case("pages.tif", "TIFF of three pages", lambda: first_frame("TIFF"), photo, end="the first"),
    Case("loop.tif", "TIFF whose directory points to itself", tiff_loop, photo, end="the first page"),
    Case("animated.gif", "animation", lambda: first_frame("GIF"), palette_rgb, end="the first frame"),
    Case("animated.png", "animation", lambda: first_frame("PNG"), photo, end="the first frame"),
    Case("animated.webp", "animation", lambda: first_frame("WEBP"), photo, end="the first frame"),
    Case(
        "alpha.webp",
        "WebP with alpha",
        lambda: saved(with_alpha(), "WEBP", lossless=True, exact=True),
        lambda: over_white(alpha()),
        1,
        end="over white",
    ),
    Case("plain.bmp", "BMP", lambda: saved(image(), "BMP"), photo),
    Case("plain.ppm", "PPM", lambda: saved(image(), "PPM"), photo),
    Case("plain.jp2", "JPEG 2000", lambda: saved(image(), "JPEG2000", irreversible=False), photo),
    Case("plain.avif", "AVIF", lambda: saved(image(), "AVIF", quality=95), photo, 16),
]

SKIPPED = [
    Case("empty.jpg", "an empty file", lambda: b"", reason="is empty"),
    Case("byte.jpg", "a single byte", lambda: b"\xff", reason="not an image"),
    Case("text.jpg", "text", lambda: b"not an image\n" * 100, reason="not an image"),
    Case("page.jpg", "a web page, as failed downloads leave", lambda: b"<!DOCTYPE html><html>404</html>",
         reason="not an image"),
    Case("noise.png", "random bytes", lambda: np.random.default_rng(0).bytes(5000), reason="not an image"),
    Case("start.jpg", "the first 300 bytes of a JPEG", lambda: jpeg()[:300],
         reason="not an image|damaged"),
    Case("half.jpg", "half a JPEG", lambda: cut(jpeg()), reason="damaged or cut short"),
    Case("half_progressive.jpg", "half a progressive JPEG", lambda: cut(jpeg(progressive=True)),
         reason="damaged or cut short"),
    Case("signature.jpg", "the JPEG signature and nothing", lambda: b"\xff\xd8\xff\xe0", reason="not an image|damaged"),
    Case("half.png", "half a PNG", lambda: cut(saved(image(), "PNG")), reason="damaged or cut short"),
    Case("checksum.png", "PNG with a wrong checksum in its header",
         lambda: spoiled(saved(image(), "PNG"), 0, b"") [:29] + b"\0\0\0\0" + saved(image(), "PNG")[33:],
         reason="not an image|damaged"),
    Case("spoiled.png", "PNG with damaged pixel data", lambda: spoiled(saved(image(), "PNG"), 0.5),
         reason="damaged or cut short"),
    Case("no_pixels.png", "PNG without pixel data",
         lambda: b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", struct.pack(">IIBBBBB", 320, 240, 8, 2, 0, 0,
         0)) + png_chunk(b"IEND", b""),
         reason="damaged or cut short"),
    Case("half.webp", "half a WebP", lambda: cut(saved(image(), "WEBP", quality=95)), reason="not an image|damaged"),
    Case("half.tif", "half a TIFF", lambda: cut(saved(image(), "TIFF", compression="tiff_lzw")),
         reason="not an image|damaged"),
    Case("half.gif", "half a GIF", lambda: cut(saved(palette(), "GIF")), reason="damaged or cut short"),
    Case("zero_width.png", "PNG that claims a width of 0", lambda: png(0, 240, 8, 2, b"\0" * 240),
         reason="not an image|damaged|0 x 240"),
    Case("bomb.png", "PNG of 2.5 billion pixels in 2 kB", lambda: png(50000, 50000, 8, 0, b"\0" * 1000000),
         reason="pixels"),
    Case("bomb_1_bit.png", "PNG of 900 million pixels, whole, in 112 kB",
         lambda: png(30000, 30000, 1, 0, b"\0" * (30000 * 3751)),
         reason="pixels"),
    Case("text_bomb.png", "PNG with a compressed text of 100 MB",
         lambda: png(320, 240, 8, 0, b"\0" * 321 * 240, png_chunk(b"zTXt",
         b"a\0\0" + zlib.compress(b"a" * 100_000_000, 9))),
         reason="damaged|not an image"),
    Case("bomb.jpg", "JPEG that claims 65500 x 65500 pixels", lambda: jpeg_claims(65500, 65500), reason="pixels"),
    Case("bomb.gif", "GIF that claims 65535 x 65535 pixels", lambda: gif_claims(65535, 65535), reason="pixels"),
    Case("bomb.bmp", "BMP that claims 2 billion columns", lambda: bmp_claims(2_000_000_000, 240), reason="pixels"),
    Case("missing_rows.bmp", "BMP that claims more rows than it has", lambda: bmp_claims(320, 5000),
         reason="damaged or cut short"),
    Case("small.jpg", "16 x 16 pixels", lambda: saved(image(photo()[:16, :16].copy()), "JPEG"), reason="16 x 16"),
    Case("strip.png", "2000 x 20 pixels", lambda: saved(image(np.zeros((20, 2000, 3), np.uint8)), "PNG"),
         reason="2000 x 20"),
    Case("float.tif", "TIFF of floating-point values", tiff_float, reason="floating-point"),
    Case("32_bit.tif", "TIFF of 32-bit values", lambda: saved(image(grey().astype(np.int32)), "TIFF"), reason="32-bit"),
    Case("script.jpg", "an EPS file, which is a program",
         lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 300 300\n(x) run showpage\n%%EOF\n",
         reason="not an image"),
    Case("drawing.png", "an SVG", lambda: b'<svg xmlns="http://www.w3.org/2000/svg" width="300" height="300"/>',
         reason="not an image"),
    Case("archive.jpg", "a zip archive", lambda: b"PK\x03\x04" + bytes(200), reason="not an image"),
    Case("phone.heic", "a HEIC, which Pillow does not read",
         lambda: b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(200), reason="not an image"),
]  # fmt: skip


def table() -> str:
    """The Markdown table of docs/triplets.md."""
    from sshbench.images.decode import decode_photo
    from sshbench.images.opening import ImageFileError

    lines = ["| file | what is odd | result |", "|---|---|---|"]
    for case in DECODED:
        lines.append(f"| `{case.name}` | {case.what} | decoded, {case.end} |")
    for case in SKIPPED:
        try:
            decode_photo(case.make(), case.name, min_side=224)
        except ImageFileError as error:
            reason = error.reason.partition(" (")[0]
        else:
            reason = "?"
        lines.append(f"| `{case.name}` | {case.what} | skipped: {reason} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
