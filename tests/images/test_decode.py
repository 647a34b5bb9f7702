"""Every odd image file comes to the end that docs/triplets.md names; photographs come out upright, in 8-bit sRGB."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sshbench.images import decode
from sshbench.images.decode import SkippedImage, decode_mask, decode_photo
from tests.images import odd_images
from tests.images.odd_images import DECODED, SKIPPED, Case, jpeg, photo, saved

DOCS = Path(__file__).resolve().parents[2] / "docs" / "triplets.md"


@pytest.mark.parametrize("case", DECODED, ids=lambda case: case.name)
def test_odd_files_decode_to_what_they_show(case: Case) -> None:
    assert case.pixels is not None
    pixels = decode_photo(case.make(), case.name)
    expected = np.asarray(case.pixels(), np.float64)
    assert pixels.dtype == np.uint8
    assert pixels.shape == expected.shape
    assert np.abs(pixels - expected).max() <= case.within


@pytest.mark.parametrize("case", SKIPPED, ids=lambda case: case.name)
def test_files_without_a_photograph_are_skipped_with_a_reason(case: Case) -> None:
    with pytest.raises(SkippedImage, match=case.reason) as caught:
        decode_photo(case.make(), case.name, min_side=224)
    assert caught.value.row == case.name
    assert "\n" not in caught.value.reason


def test_the_table_in_the_docs_is_the_one_that_is_tested() -> None:
    assert len(DECODED) + len(SKIPPED) >= 25
    assert odd_images.table() in DOCS.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["bomb.png", "bomb_1_bit.png", "bomb.jpg", "bomb.gif", "bomb.bmp", "text_bomb.png"])
def test_bombs_are_not_unpacked(name: str) -> None:
    data = next(case for case in SKIPPED if case.name == name).make()
    tracemalloc.start()
    try:
        with pytest.raises(SkippedImage):
            decode_photo(data, name)
        assert tracemalloc.get_traced_memory()[1] < 80e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "options", [{}, {"subsampling": 2}, {"progressive": True}, {"quality": 30}, {"subsampling": 1}, {"keep_rgb": True}]
)
@pytest.mark.parametrize("short_side", [None, 30, 60, 120])
def test_pixels_are_the_same_without_simplejpeg(
    options: dict[str, int], short_side: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = jpeg(**options)
    fast = decode_photo(data, "a", short_side=short_side)
    monkeypatch.setattr(decode, "simplejpeg", None)
    assert np.array_equal(fast, decode_photo(data, "a", short_side=short_side))


def test_large_images_are_decoded_smaller_but_never_below_twice_the_need() -> None:
    array = np.asarray(Image.fromarray(photo()).resize((1280, 960)))
    for kind, data in (("JPEG", saved(Image.fromarray(array), "JPEG")), ("PNG", saved(Image.fromarray(array), "PNG"))):
        assert decode_photo(data, kind).shape == (960, 1280, 3)
        assert decode_photo(data, kind, short_side=320).shape == (960, 1280, 3)
        assert decode_photo(data, kind, short_side=240).shape == (480, 640, 3)
        assert decode_photo(data, kind, short_side=120).shape == (240, 320, 3)


def test_sizes_that_do_not_divide_are_decoded_whole() -> None:
    array = np.asarray(Image.fromarray(photo()).resize((1281, 961)))
    for kind in ("JPEG", "PNG"):
        assert decode_photo(saved(Image.fromarray(array), kind), kind, short_side=60).shape == (961, 1281, 3)


def test_limits_are_the_callers() -> None:
    data = saved(Image.fromarray(photo()), "PNG")
    with pytest.raises(SkippedImage, match="320 x 240 pixels; the short side needs 241"):
        decode_photo(data, "a", min_side=241)
    with pytest.raises(SkippedImage, match="at most 76799 are decoded"):
        decode_photo(data, "a", max_pixels=76799)
    assert decode_photo(data, "a", min_side=240, max_pixels=76800).shape == (240, 320, 3)


def test_masks_of_any_kind_mean_the_same() -> None:
    inside = np.zeros((40, 60), bool)
    inside[10:30, 20:50] = True
    wanted = np.where(inside, 255, 0)
    grey = Image.fromarray(wanted.astype(np.uint8))
    forms = {
        "grey": grey,
        "black and white": Image.fromarray(inside),
        "zeros and ones": Image.fromarray(inside.astype(np.uint8)),
        "RGB": grey.convert("RGB"),
        "16 bits": Image.fromarray(wanted.astype(np.uint16) * 257),
        "alpha": Image.merge("RGBA", [Image.new("L", (60, 40), 90)] * 3 + [grey]),
        "opaque alpha": Image.merge("RGBA", [grey] * 3 + [Image.new("L", (60, 40), 255)]),
        "palette": grey.quantize(2),
    }
    for name, form in forms.items():
        assert np.array_equal(decode_mask(saved(form, "PNG"), name), wanted), name


def test_a_damaged_mask_is_skipped_with_a_reason() -> None:
    with pytest.raises(SkippedImage, match="mask: is not an image"):
        decode_mask(b"nothing", "a")


def test_skipped_images_travel_between_processes() -> None:
    import pickle

    error = pickle.loads(pickle.dumps(SkippedImage("a/b.jpg", "is empty")))
    assert (error.row, error.reason, str(error)) == ("a/b.jpg", "is empty", "a/b.jpg: is empty")


def test_decoding_never_raises_anything_else() -> None:
    """Whatever bytes change in a file, the result is an image or a reason."""
    rng = np.random.default_rng(0)
    starts = [
        case.make()
        for case in DECODED
        if case.name in {"plain.jpg", "16_bit.png", "lab.tif", "animated.gif", "alpha.webp"}
    ]
    for trial in range(300):
        data = bytearray(starts[trial % len(starts)])
        for _ in range(rng.integers(1, 6)):
            data[rng.integers(min(len(data), 2000))] = rng.integers(256)
        try:
            pixels = decode_photo(bytes(data), "a", min_side=1, max_pixels=4_000_000)
        except SkippedImage:
            continue
        assert pixels.dtype == np.uint8
        assert pixels.shape[2] == 3


def test_formats_that_run_programs_or_read_other_files_are_closed() -> None:
    assert set(decode.FORMATS).isdisjoint({"EPS", "WMF", "PDF", "FPX", "MIC", "IM"})
