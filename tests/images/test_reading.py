"""An image is the same whatever it comes as: a file, its bytes, an array, or an image of Pillow."""

from __future__ import annotations

import io
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from sshbench.images.opening import ImageFileError
from sshbench.images.reading import open_image, read_image, read_rgb

NOISE = np.random.default_rng(5).integers(0, 256, (20, 30, 3), np.uint8)
WIDE = np.random.default_rng(6).integers(0, 65536, (20, 30), np.uint16)


def png(image: Any, **options: Any) -> bytes:
    file = io.BytesIO()
    (Image.fromarray(image) if isinstance(image, np.ndarray) else image).save(file, "PNG", **options)
    return file.getvalue()


def lazily(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def exif(number: int) -> Image.Exif:
    block = Image.Exif()
    block[0x0112] = number
    return block


def xmp(number: int) -> bytes:
    return f'<x:xmpmeta><rdf:Description tiff:Orientation="{number}"/></x:xmpmeta>'.encode()


FORMS = {
    "RGB": png(NOISE),
    "grey": png(NOISE[..., 0]),
    "grey of 16 bits": png(WIDE),
    "alpha": png(np.dstack([NOISE, NOISE[..., 0]])),
    "palette": png(Image.fromarray(NOISE).quantize(16)),
    "transparent palette": png(Image.fromarray(NOISE).quantize(16), transparency=2),
    "black and white": png(NOISE[..., 0] > 90),
    "turned": png(NOISE, exif=exif(6)),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_file_its_bytes_and_an_image_of_pillow_are_the_same(form: str, tmp_path: Path) -> None:
    data = FORMS[form]
    (tmp_path / "a.png").write_bytes(data)
    loaded = lazily(data)
    loaded.load()
    first = read_image(tmp_path / "a.png")
    for source in (tmp_path / "a.png", str(tmp_path / "a.png"), data, lazily(data), loaded, loaded.copy()):
        image = open_image(source, "an image")
        assert np.array_equal(image.pixels, first.pixels)
        assert np.array_equal(image.alpha, first.alpha) if first.alpha is not None else image.alpha is None
        assert image.orientation == first.orientation
        assert np.array_equal(read_rgb(source), first.upright().to_8_bit().pixels)


def test_16_bits_of_pillow_are_not_clipped() -> None:
    for image in (Image.fromarray(WIDE), lazily(png(WIDE)), Image.fromarray(WIDE.astype(">u2"))):
        assert image.mode.startswith("I;16")
        assert np.array_equal(open_image(image, "an image").pixels, WIDE[..., None].repeat(3, axis=2))
        assert np.array_equal(read_rgb(image), np.rint(WIDE / 257)[..., None].repeat(3, axis=2))


@pytest.mark.parametrize("dtype", ["u1", "<u2", ">u2"])
def test_arrays_are_images(dtype: str) -> None:
    array = np.random.default_rng(1).integers(0, np.iinfo(dtype).max, (4, 5, 4)).astype(dtype)
    image = open_image(array, "an array")
    assert np.array_equal(image.pixels, array[..., :3])
    assert np.array_equal(image.alpha, array[..., 3])
    assert np.array_equal(open_image(array[..., 0], "an array").pixels, array[..., :1].repeat(3, axis=2))


@pytest.mark.parametrize("number", range(1, 9))
@pytest.mark.parametrize("where", ["exif", "xmp"])
def test_images_are_turned_as_pillow_turns_them(number: int, where: str) -> None:
    file = io.BytesIO()
    told: dict[str, Any] = {"exif": exif(number)} if where == "exif" else {"xmp": xmp(number)}
    Image.fromarray(NOISE).save(file, "WEBP", lossless=True, **told)
    assert np.array_equal(read_rgb(file.getvalue()), np.asarray(ImageOps.exif_transpose(lazily(file.getvalue()))))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF"])
def test_the_stored_image_says_how_it_is_turned_and_the_upright_one_is(kind: str, tmp_path: Path) -> None:
    Image.fromarray(NOISE).save(tmp_path / "a", kind, exif=exif(8))
    image = read_image(tmp_path / "a")
    assert image.orientation == 8
    assert image.pixels.shape == (20, 30, 3)
    assert image.upright().pixels.shape == (30, 20, 3)
    assert image.upright().orientation == image.upright().upright().orientation == 1


REFUSED = {
    "inks": (Image.new("CMYK", (8, 8)), "holds CMYK ink values"),
    "floats": (Image.new("F", (8, 8)), "holds floating-point values"),
    "32 bits": (Image.fromarray(np.full((8, 8), 70000, np.int32)), "holds signed or 32-bit values"),
    "an array of floats": (
        np.zeros((8, 8, 3)),
        r"uint8 or uint16, not float64 \[8, 8, 3\]; multiply floats over 0..1 by 255",
    ),
    "an array of two channels": (np.zeros((8, 8, 2), np.uint8), "not uint8"),
    "8 bits in 16": (np.arange(256, dtype=">u2").reshape(16, 16), "holds values of 8 bits, 0 to 255, in 16 bits"),
    "dark 8 bits in 16": (np.arange(256, dtype="u2").reshape(16, 16) * 2 // 3, "holds values of 8 bits, 0 to 170, in"),
    "a file of 8 bits in 16": (png(np.arange(256, dtype=np.uint16).reshape(16, 16)), "values of 8 bits, 0 to 255, in"),
    "a Pillow image of 8 bits in 16": (Image.fromarray(np.full((8, 8), 255, np.uint16)), "values of 8 bits, 0 to 255"),
    "values left out": (np.ma.masked_less(NOISE, 9), "is a masked array with values left out; fill them"),
    "no pixels": (np.zeros((0, 8, 3), np.uint8), "not uint8"),
    "damaged": (lazily(png(NOISE)[:200]), "cannot be decoded"),
    "a list": (NOISE.tolist(), "is a list; give a file, bytes, a numpy array or an image of Pillow"),
    "no image": (b"nothing", "is not an image of a format that is read"),
    "no bytes": (b"", "is empty"),
}


def test_a_black_frame_of_16_bits_is_one() -> None:
    noise = np.random.default_rng(0).integers(0, 4, (20, 30, 3)).astype(np.uint16) * 64
    np.testing.assert_array_equal(open_image(noise, "a frame").pixels, noise)


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_image_is_refused_by_its_name(kind: str) -> None:
    source, said = REFUSED[kind]
    with pytest.raises(ImageFileError, match=said) as caught:
        open_image(source, "the background")
    assert str(caught.value).startswith("the background: ")
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_a_small_image_that_asks_for_much_memory_is_damaged(monkeypatch: pytest.MonkeyPatch) -> None:
    """As libtiff does for a strip that claims to be huge; want of memory for a large image is not the image's fault."""

    def no_memory(image: Any) -> None:
        raise MemoryError

    small, large = png(NOISE), png(Image.new("L", (4096, 2048)))
    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", no_memory)
    with pytest.raises(ImageFileError, match="is damaged, as it asks for more memory than its pixels take"):
        open_image(small, "an image")
    with pytest.raises(MemoryError):
        open_image(large, "an image")


def test_pipes_and_devices_are_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    for path in (tmp_path / "pipe.png", "/dev/zero", "/dev/null"):
        with pytest.raises(ImageFileError, match="is not a regular file"):
            read_image(path)


def test_the_limit_on_pixels_is_the_callers_and_pillows_stays(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png(NOISE))
    before = Image.MAX_IMAGE_PIXELS
    with pytest.raises(ImageFileError, match=r"30 x 20 pixels and at most 599 are decoded.*--max-megapixels 1 "):
        read_image(tmp_path / "a.png", max_pixels=599)
    assert read_image(tmp_path / "a.png", max_pixels=10**12).pixels.shape == (20, 30, 3)
    assert before == Image.MAX_IMAGE_PIXELS


@pytest.mark.filterwarnings("error")
def test_more_pixels_than_pillow_opens_are_read_where_that_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.png").write_bytes(png(WIDE[..., None].repeat(3, axis=2).astype(np.uint8)))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)  # which refuses from 200 on, and warns from 100 on
    assert read_image(tmp_path / "a.png").pixels.shape == (20, 30, 3)
