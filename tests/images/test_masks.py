"""What a mask of each kind means, whatever it comes as; what cannot be told is refused by the name of its kind."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps

from sshbench.images.masks import Beside, as_8_bit, as_share, read_mask
from sshbench.images.opening import ImageFileError

INSIDE = np.zeros((40, 60), bool)
INSIDE[10:30, 20:50] = True
WHITE = np.where(INSIDE, 255, 0).astype(np.uint8)
SOFT = np.tile(np.linspace(0, 255, 60).round().astype(np.uint8), (40, 1))
DAVIS = [0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0]
GREY = Image.fromarray(WHITE)


def saved(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def palette(labels: Any, colours: list[int]) -> Image.Image:
    image = Image.fromarray(np.asarray(labels, np.uint8))
    image = Image.frombytes("P", image.size, image.tobytes())
    image.putpalette(colours + [0] * (768 - len(colours)))
    return image


def in_colours(inside: tuple[int, int, int], outside: tuple[int, int, int] = (0, 0, 0)) -> Image.Image:
    return Image.fromarray(np.where(INSIDE[..., None], inside, outside).astype(np.uint8))


def with_alpha(colour: Image.Image, alpha: Image.Image) -> Image.Image:
    return Image.merge("RGBA", [*colour.convert("RGB").split(), alpha])


def noise(seed: int = 0) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (40, 60, 3), np.uint8))


SAME = {
    "grey": GREY,
    "black and white": Image.fromarray(INSIDE),
    "zeros and ones": Image.fromarray(INSIDE.astype(np.uint8)),
    "RGB": GREY.convert("RGB"),
    "16 bits": Image.fromarray(WHITE.astype(np.uint16) * 257),
    "zeros and ones of 16 bits": Image.fromarray(INSIDE.astype(np.uint16)),
    "alpha over a plain colour": with_alpha(Image.new("RGB", (60, 40), (90, 90, 90)), GREY),
    "alpha over black": with_alpha(Image.new("RGB", (60, 40)), GREY),
    "alpha over a cut-out photograph": with_alpha(noise(), GREY),
    "grey with alpha": Image.merge("LA", [Image.new("L", (60, 40), 7), GREY]),
    "opaque alpha": with_alpha(GREY, Image.new("L", (60, 40), 255)),
    "nearly opaque alpha": with_alpha(GREY, Image.new("L", (60, 40), 254)),
    "black and white, transparent beyond": with_alpha(GREY, Image.fromarray(np.where(SOFT > 30, 255, 0).astype("u1"))),
    "palette of black and white": GREY.quantize(2),
    "palette of white and black": palette(~INSIDE, [255, 255, 255, 0, 0, 0]),
    "palette, first object of DAVIS": palette(INSIDE * 1, DAVIS),
    "palette, second object of DAVIS": palette(INSIDE * 2, DAVIS),
    "palette, grey of one object": palette(INSIDE * 7, [0] * 21 + [128, 128, 128]),
    "palette of labels 0 and 1": palette(INSIDE * 1, [0, 0, 0, 1, 1, 1]),
    "palette with transparency": palette(INSIDE * 1, DAVIS),
    "painted in red": in_colours((255, 0, 0)),
    "painted in dark green": in_colours((0, 60, 0)),
}


@pytest.mark.parametrize("kind", SAME)
@pytest.mark.parametrize("comes", ["file", "bytes", "Pillow"])
def test_masks_of_many_kinds_mean_the_same(kind: str, comes: str, tmp_path: Path) -> None:
    options = {"transparency": 0} if kind.endswith("with transparency") else {}
    data = saved(SAME[kind], **options)
    (tmp_path / "m.png").write_bytes(data)
    source = {"file": tmp_path / "m.png", "bytes": data, "Pillow": Image.open(io.BytesIO(data))}[comes]
    mask = read_mask(source, "the mask")
    assert np.array_equal(as_8_bit(mask), WHITE)
    assert np.array_equal(as_share(mask), INSIDE)


@pytest.mark.parametrize(
    "array",
    [INSIDE, WHITE, INSIDE.astype(np.uint8), INSIDE.astype(np.int64), WHITE.astype(np.int32), INSIDE.astype(float),
     INSIDE.astype(np.float16), WHITE.astype(np.uint16) * 257, (WHITE.astype(np.uint16) * 257).astype(">u2"),
     np.dstack([WHITE] * 3), np.dstack([WHITE] * 4), WHITE[..., None]],
    ids=lambda array: f"{array.dtype.str} {array.shape}",
)  # fmt: skip
def test_arrays_of_many_types_mean_the_same(array: Any) -> None:
    assert np.array_equal(as_8_bit(read_mask(array, "the mask")), WHITE)


def test_soft_masks_stay_as_soft_as_they_are() -> None:
    wide = SOFT.astype(np.uint16) * 257
    assert np.array_equal(read_mask(saved(Image.fromarray(SOFT)), "m"), SOFT)
    assert np.array_equal(read_mask(saved(Image.fromarray(wide)), "m"), wide)
    assert np.array_equal(as_8_bit(read_mask(wide, "m")), SOFT)
    assert np.array_equal(as_8_bit(read_mask(SOFT / 255, "m")), SOFT)
    assert np.array_equal(read_mask(SOFT // 2 + 64, "m"), SOFT // 2 + 64)  # nowhere white, but no label map either
    strip = np.where(INSIDE, 65535, np.where(SOFT > 200, 16000, 0)).astype(np.uint16)
    assert np.array_equal(read_mask(Image.fromarray(strip), "m"), strip)
    jpeg = read_mask(saved(Image.fromarray(WHITE), "JPEG", quality=60), "m")
    assert np.array_equal(jpeg > 127, INSIDE)
    beyond = np.where(INSIDE, 1.1, -0.1)  # what a bicubic filter makes of an edge
    assert np.array_equal(read_mask(beyond, "m"), INSIDE.astype(np.float32))


@pytest.mark.parametrize("type_", [np.uint8, np.uint16])
@pytest.mark.parametrize("labels", [[15], [1, 15, 20], list(range(1, 34))])
def test_label_maps_whose_white_is_no_object_are_refused(type_: Any, labels: list[int]) -> None:
    values = np.where(INSIDE, np.iinfo(type_).max, 0).astype(type_)
    values[0, : len(labels)] = labels
    said = f"looks like a label mask, as its values are {labels[0]}"
    for source in (values, saved(Image.fromarray(values))):
        with pytest.raises(ImageFileError, match=said):
            read_mask(source, "m")
    values[0, -1] = 60  # an edge that is soft has more than small numbers
    assert np.array_equal(read_mask(values, "m"), values)


def test_floats_in_a_file(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "m.tif", INSIDE.astype(np.float32))
    assert np.array_equal(read_mask(tmp_path / "m.tif", "m"), INSIDE.astype(np.float32))
    tifffile.imwrite(tmp_path / "m.tif", WHITE.astype(np.float32))
    with pytest.raises(ImageFileError, match=r"m\.tif: holds floats from 0 to 255, not 0 to 1; divide it by 255"):
        read_mask(tmp_path / "m.tif", "m")


def _animated() -> bytes:
    return saved(GREY, "GIF", save_all=True, append_images=[Image.new("L", (60, 40))])


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "label map": (lambda: WHITE // 255 * 20, "looks like a label mask, as its largest value is 20 of 255"),
    "label map of several": (lambda: INSIDE.astype(np.uint8) + (SOFT > 100), "a label mask, as its largest value is 2"),
    "label map in a file": (
        lambda: saved(Image.fromarray(WHITE // 255 * 200)),
        "label mask, as its largest value is 200",
    ),
    "faint": (lambda: SOFT // 3, "looks like a faint mask, as its largest value is 85 of 255"),
    "8 bits in 16": (lambda: WHITE.astype(np.uint16), "holds values of 8 bits, 0 to 255, in 16 bits"),
    "palette of several": (
        lambda: palette(INSIDE + 2 * (SOFT > 200), DAVIS),
        r"a palette mask of 4 labels \(0, 1, 2, 3\)",
    ),
    "palette file": (lambda: saved(palette(INSIDE + 2 * (SOFT > 200), DAVIS)), "a palette mask of 4 labels"),
    "palette with a border": (
        lambda: palette(np.where(SOFT > 240, 255, INSIDE * 15), DAVIS * 63 + [224, 224, 192] * 4),
        "palette mask of 3",
    ),
    "palette on another colour": (lambda: palette(INSIDE, [200, 200, 0, 128, 0, 0]), "palette mask of 2 labels"),
    "several colours": (
        lambda: saved(Image.fromarray(np.dstack([WHITE, SOFT // 128 * 255, WHITE * 0]))),
        "several labels",
    ),
    "a photograph": (noise, "a picture, or a mask of several labels"),
    "one colour": (lambda: Image.new("RGB", (60, 40), (255, 0, 0)), "is one colour"),
    "floats of 255": (lambda: WHITE.astype(np.float32), "holds floats from 0 to 255, not 0 to 1; divide it by 255"),
    "floats of labels": (lambda: INSIDE * 2.0, "holds floats from 0 to 2, not 0 to 1"),
    "floats divided twice": (lambda: WHITE / 255**2, "floats up to 0.00392157 alone, where 1 is white; was it divided"),
    "values left out": (lambda: np.ma.masked_array(WHITE, INSIDE), "a masked array with values left out; fill them"),
    "negative floats": (lambda: INSIDE - 0.5, "holds floats from -0.5 to 0.5"),
    "not a number": (lambda: np.where(INSIDE, np.nan, 0.0), "NaN or infinity"),
    "infinite": (lambda: np.where(INSIDE, np.inf, 0.0), "NaN or infinity"),
    "wide integers": (lambda: INSIDE.astype(np.int32) * 65535, "holds int32 from 0 to 65535"),
    "negative integers": (lambda: -INSIDE.astype(np.int64), "holds int64 from -1 to 0"),
    "complex": (lambda: INSIDE.astype(complex), "holds complex128"),
    "no pixels": (lambda: np.zeros((0, 4), np.uint8), "is empty"),
    "floats in colour": (lambda: np.zeros((4, 4, 3)), r"uint8 or uint16, not float64 \[4, 4, 3\]"),
    "inks": (lambda: saved(GREY.convert("RGB").convert("CMYK"), "TIFF"), "holds CMYK ink values"),
    "an animation": (_animated, "holds 2 images"),
    "a list": (lambda: WHITE.tolist(), "is a list; give a file, bytes, a numpy array or an image of Pillow"),
    "no image": (lambda: b"nothing", "is not an image of a format that is read"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_told_is_refused_by_the_name_of_its_kind(kind: str) -> None:
    make, said = REFUSED[kind]
    with pytest.raises(ImageFileError, match=said) as caught:
        read_mask(make(), "the mask")
    assert str(caught.value).startswith("the mask: ")


@pytest.mark.parametrize("number", range(1, 9))
@pytest.mark.parametrize("scaled", [False, True])
def test_a_mask_of_the_stored_photograph_is_turned_with_it(number: int, scaled: bool) -> None:
    stored = np.zeros((20, 30), np.uint8)
    stored[:5, :10] = 255
    picture = Image.fromarray(stored)
    exif = Image.Exif()
    exif[0x0112] = number
    upright = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(saved(picture, exif=exif)))))
    height, width = upright.shape
    by = 3 if scaled else 1
    beside = Beside(by * height, by * width, number, "the photograph", scaled=scaled)
    assert np.array_equal(read_mask(saved(picture, exif=exif), "m", beside), upright)  # its own orientation
    assert np.array_equal(read_mask(saved(Image.fromarray(upright)), "m", beside), upright)  # upright already
    if number > 4:  # lies on its side, which its size tells
        assert np.array_equal(read_mask(saved(picture), "m", beside), upright)


def test_a_mask_has_the_size_of_its_photograph_or_where_that_may_be_its_shape() -> None:
    with pytest.raises(ImageFileError, match="m: is 60 x 40 and the photograph 120 x 80; a mask has the size of its"):
        read_mask(WHITE, "m", Beside(80, 120, name="the photograph"))
    assert read_mask(WHITE, "m", Beside(80, 120, scaled=True)).shape == (40, 60)
    assert read_mask(WHITE, "m", Beside(4001, 6001, scaled=True)).shape == (40, 60)  # rounded to whole pixels
    with pytest.raises(ImageFileError, match="m: is 60 x 40 and its photograph 120 x 90; a mask has the shape of its"):
        read_mask(WHITE, "m", Beside(90, 120, scaled=True))
