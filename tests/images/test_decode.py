"""Every odd image file comes to the end that docs/triplets.md names; photographs come out upright, in 8-bit sRGB."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sshbench.images import decode
from sshbench.images.decode import decode_photo
from sshbench.images.files import ImageFile, write_image
from sshbench.images.jpeg import is_one_scan
from sshbench.images.opening import ImageFileError
from sshbench.images.reading import read_rgb
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
    with pytest.raises(ImageFileError, match=case.reason) as caught:
        decode_photo(case.make(), case.name, min_side=224)
    assert caught.value.name == case.name
    assert "\n" not in caught.value.reason


def test_the_table_in_the_docs_is_the_one_that_is_tested() -> None:
    assert len(DECODED) + len(SKIPPED) >= 25
    assert odd_images.table() in DOCS.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["bomb.png", "bomb_1_bit.png", "bomb.jpg", "bomb.gif", "bomb.bmp", "text_bomb.png"])
def test_bombs_are_not_unpacked(name: str) -> None:
    data = next(case for case in SKIPPED if case.name == name).make()
    tracemalloc.start()
    try:
        with pytest.raises(ImageFileError):
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
    with pytest.raises(ImageFileError, match="320 x 240 pixels; the short side needs 241"):
        decode_photo(data, "a", min_side=241)
    with pytest.raises(ImageFileError, match="at most 76799 are decoded"):
        decode_photo(data, "a", max_pixels=76799)
    assert decode_photo(data, "a", min_side=240, max_pixels=76800).shape == (240, 320, 3)


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
        except ImageFileError:
            continue
        assert pixels.dtype == np.uint8
        assert pixels.shape[2] == 3


def large(kind: str = "JPEG", **options: object) -> bytes:
    return saved(Image.fromarray(photo()).resize((1280, 960)), kind, **options)


def test_a_jpeg_that_is_decoded_smaller_may_claim_more_pixels() -> None:
    limit = 1280 * 960 // 4
    whole = decode_photo(large(), "a", short_side=120)
    assert np.array_equal(decode_photo(large(), "a", short_side=120, max_pixels=limit), whole)
    turned = Image.Exif()
    turned[0x0112] = 6
    assert decode_photo(large(exif=turned), "a", short_side=120, max_pixels=limit).shape == (320, 240, 3)
    odd = saved(Image.fromarray(photo()).resize((1276, 961)), "JPEG")  # no factor divides both sides
    assert decode_photo(odd, "a", short_side=120, max_pixels=limit).shape == (241, 319, 3)


@pytest.mark.parametrize(
    ("data", "short_side", "limit"),
    [
        (large(), None, 1280 * 960 - 1),  # nothing says that it may be smaller
        (large(), 240, 1280 * 960 // 4 - 1),  # at 1/2 more than the limit is left
        (large(), 60, 1280 * 960 // 4 - 1),  # more than four times the limit, though little is left
        (large(progressive=True), 120, 1280 * 960 // 4),  # libjpeg keeps all coefficients
        (large("PNG"), 120, 1280 * 960 // 4),
    ],
)
def test_what_takes_the_memory_of_all_its_pixels_counts_with_all(
    data: bytes, short_side: int | None, limit: int
) -> None:
    with pytest.raises(ImageFileError, match=f"claims 1280 x 960 pixels and at most {limit} are decoded"):
        decode_photo(data, "a", short_side=short_side, max_pixels=limit)


def test_a_jpeg_of_one_scan_is_told_from_others() -> None:
    assert is_one_scan(jpeg())
    assert is_one_scan(saved(Image.fromarray(photo()).convert("L"), "JPEG"))
    assert not is_one_scan(jpeg(progressive=True))
    for damaged in (b"", b"\xff\xd8", b"\xff\xd8\xff", jpeg()[:200], b"\xff\xd8" + b"\xff\xe0\0\0" * 100, large("PNG")):
        assert not is_one_scan(damaged)
    start = jpeg().index(b"\xff\xda")  # the same channels in scans of their own
    assert not is_one_scan(jpeg()[: start + 4] + b"\x01" + jpeg()[start + 5 :])


def test_16_bits_are_rounded_as_everywhere(tmp_path: Path) -> None:
    wide = np.random.default_rng(0).integers(0, 65536, (240, 320, 3), np.uint16)
    for suffix in (".png", ".tif"):
        write_image(tmp_path / f"a{suffix}", ImageFile(wide))
        data = (tmp_path / f"a{suffix}").read_bytes()
        assert np.array_equal(decode_photo(data, "a"), read_rgb(data))
        assert np.array_equal(decode_photo(data, "a"), np.rint(wide / 257))
    grey = Image.fromarray(wide[..., 0])
    assert np.array_equal(decode_photo(saved(grey, "PNG"), "a"), np.rint(wide[..., :1] / 257).repeat(3, axis=2))
    with pytest.raises(ImageFileError, match="a: holds values of 8 bits, 0 to 255, in 16 bits"):
        decode_photo(saved(Image.fromarray(wide[..., 0] & 255), "PNG"), "a")
