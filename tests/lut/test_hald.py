"""Hald CLUT images, against encoders and readers of other projects."""

from __future__ import annotations

import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pillow_lut
import pytest
import tifffile
from PIL import Image

from sshbench.images.opening import ImageFileError
from sshbench.lut.bank import LutBank
from sshbench.lut.cube import CubeFormatError, read_cube, write_cube
from sshbench.lut.files import find_luts, looks, read_lut
from sshbench.lut.hald import HaldError, HaldWarning, _roughness, default_level, read_hald, write_hald
from sshbench.lut.table import Domain, Lut, LutError
from tests.lut.peers import Points, with_opencolorio


def png_16(pixels: np.ndarray) -> bytes:
    """A 16-bit RGB PNG, from the PNG specification's chunks."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    height, width = pixels.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def random_pixels(level: int, bits: int) -> np.ndarray:
    rng = np.random.default_rng(level)
    return rng.integers(0, 2**bits, (level**3, level**3, 3), np.uint16).astype(np.uint8 if bits == 8 else np.uint16)


@pytest.mark.parametrize("level", [2, 3, 4, 5, 8])
def test_an_8_bit_png_holds_the_table_that_pillow_lut_reads(tmp_path: Path, level: int) -> None:
    Image.fromarray(random_pixels(level, 8)).save(tmp_path / "look.png")
    lut = read_hald(tmp_path / "look.png")
    oracle = pillow_lut.load_hald_image(str(tmp_path / "look.png"))
    assert (lut.kind, lut.size, lut.domain, lut.title) == ("3d", level**2, Domain(), "look")
    assert oracle.size == (level**2,) * 3
    np.testing.assert_allclose(np.ravel(lut.values), np.array(oracle.table), atol=1e-7)


def test_the_identity_of_pillow_lut_is_read_as_identity(tmp_path: Path) -> None:

    filter_ = pillow_lut.identity_table(16)
    pixels = np.rint(np.array(filter_.table).reshape(64, 64, 3) * 255).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "identity.png")
    values = read_hald(tmp_path / "identity.png").values
    assert values is not None
    assert values.tolist() == Lut.identity(16).values.tolist()  # type: ignore[union-attr]


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_16_bits_are_read_in_full(tmp_path: Path, suffix: str) -> None:
    pixels = random_pixels(3, 16)
    file = tmp_path / f"look{suffix}"
    if suffix == ".png":
        file.write_bytes(png_16(pixels))
    else:
        tifffile.imwrite(file, pixels, photometric="rgb")
    values = read_hald(file).values
    assert np.array_equal(np.ravel(values), (np.ravel(pixels) / np.float64(65535)).astype(np.float32))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("level", [2, 3, 4])
def test_what_is_written_reads_back_the_same(tmp_path: Path, level: int, suffix: str, bits: int) -> None:
    size = level**2
    values = random_pixels(level, bits).reshape(size, size, size, 3) / np.float64(2**bits - 1)
    lut = Lut(values=values.astype(np.float32))
    file = tmp_path / f"look{suffix}"
    write_hald(lut, file, level=level, bits=bits)
    assert np.array_equal(np.asarray(read_lut(file).values), np.asarray(lut.values))


def test_a_17_point_table_survives_the_way_there_and_back(tmp_path: Path) -> None:
    lut = Lut(values=np.random.default_rng(0).random((17, 17, 17, 3), np.float32))
    write_hald(lut, tmp_path / "look.png")
    back = read_hald(tmp_path / "look.png").values
    assert np.abs(back[::3, ::3, ::3] - lut.values).max() <= 0.5 / 65535 + 1e-7


@pytest.mark.parametrize("level", [12, 16])
def test_the_largest_levels_go_there_and_back(tmp_path: Path, level: int) -> None:
    lut = Lut.identity(level**2)
    write_hald(lut, tmp_path / "look.png", level=level, bits=16)
    back = read_hald(tmp_path / "look.png")
    np.testing.assert_allclose(np.asarray(back.values), np.asarray(lut.values), atol=0.5001 / 65535)


def test_another_reader_reads_a_written_8_bit_image(tmp_path: Path) -> None:
    lut = Lut(values=np.random.default_rng(1).random((9, 9, 9, 3), np.float32))
    write_hald(lut, tmp_path / "look.png", level=3, bits=8)
    oracle = pillow_lut.load_hald_image(str(tmp_path / "look.png"))
    np.testing.assert_allclose(np.array(oracle.table), np.ravel(lut.values), atol=0.5001 / 255)


def hald_grid(level: int) -> Points:
    index = np.arange(level**6)
    size = level**2
    return np.stack([index % size, index // size % size, index // size**2], axis=1) / (size - 1)


@pytest.mark.parametrize("kind", ["1d", "3d", "shaper+3d"])
def test_a_lut_of_another_size_or_kind_is_resampled_as_opencolorio_would(tmp_path: Path, kind: str) -> None:
    rng = np.random.default_rng(4)
    lut = Lut(
        values=rng.random((5, 5, 5, 3), np.float32) if kind != "1d" else None,
        shaper_values=np.sort(rng.random((7, 3), np.float32), axis=0) if kind != "3d" else None,
    )
    write_cube(lut, tmp_path / "look.cube")
    write_hald(lut, tmp_path / "look.png", level=3, bits=16)
    found = np.asarray(read_hald(tmp_path / "look.png").values).reshape(-1, 3)
    np.testing.assert_allclose(found, with_opencolorio(tmp_path / "look.cube", hald_grid(3)), atol=1e-5)


@pytest.mark.parametrize(("size", "level"), [(2, 2), (4, 2), (5, 3), (17, 7), (33, 6), (64, 8), (65, 9)])
def test_the_default_level_loses_no_points(tmp_path: Path, size: int, level: int) -> None:
    write_hald(Lut.identity(size), tmp_path / "look.png", bits=8)
    assert Image.open(tmp_path / "look.png").size == (level**3, level**3)


@pytest.mark.parametrize(("points", "level"), [(2, 2), (4, 2), (5, 3), (17, 5), (257, 16), (65536, 16)])
def test_curves_need_no_point_of_theirs_in_the_grid(points: int, level: int) -> None:
    assert default_level(Lut(shaper_values=np.linspace(0, 1, points)[:, None].repeat(3, 1))) == level


def test_tables_beyond_level_9_take_the_smallest_that_has_as_many_points() -> None:
    for size, level in ((66, 9), (81, 9), (82, 10), (101, 11)):
        assert default_level(Lut.identity(size)) == level


def test_what_a_hald_cannot_hold_is_said(tmp_path: Path) -> None:
    values = Lut.identity(4).values
    assert values is not None
    with pytest.warns(HaldWarning, match=r"values from -0\.5 to 1\.5 are clipped to 0\.\.1"):
        write_hald(Lut(values=values * 2 - 0.5), tmp_path / "look.png", level=2)
    with pytest.warns(HaldWarning, match="no domain, so inputs outside"):
        write_hald(Lut(values=values, domain=Domain(upper=(2.0, 1.0, 1.0))), tmp_path / "look.png", level=2)
    curve, below = np.linspace(0, 1, 5)[:, None].repeat(3, 1), Domain(lower=(0.0, 0.0, -0.1))
    with pytest.warns(HaldWarning, match="no domain, so inputs outside"):
        write_hald(Lut(values=values, shaper_values=curve, shaper_domain=below), tmp_path / "look.png", level=2)
    with warnings.catch_warnings():
        warnings.simplefilter(
            "error"
        )  # what leaves the shaper is within 0..1, so nothing of the table's domain is lost
        wide = Lut(values=values, shaper_values=curve, domain=Domain(upper=(2.0, 2.0, 2.0)))
        write_hald(wide, tmp_path / "look.png", level=2)


@pytest.mark.parametrize("shape", [(64, 32), (63, 63), (1, 1), (100, 100), (4913, 4913)])
def test_a_picture_of_another_shape_is_no_hald(tmp_path: Path, shape: tuple[int, int]) -> None:
    Image.new("RGB", shape).save(tmp_path / "picture.png", compress_level=1)
    with pytest.raises(HaldError, match=rf"picture\.png: {shape[0]} x {shape[1]} pixels is no Hald CLUT"):
        read_lut(tmp_path / "picture.png")


def test_transparency_and_lossy_files_are_refused(tmp_path: Path) -> None:
    Image.new("RGBA", (8, 8), (1, 2, 3, 4)).save(tmp_path / "clear.png")
    Image.new("RGBA", (8, 8), (255, 255, 255, 255)).save(tmp_path / "opaque.png")
    Image.new("RGB", (8, 8)).save(tmp_path / "lossy.jpg")
    assert read_hald(tmp_path / "opaque.png").size == 4
    with pytest.raises(HaldError, match="transparent"):
        read_hald(tmp_path / "clear.png")
    with pytest.raises(HaldError, match="losses"):
        read_hald(tmp_path / "lossy.jpg")


@pytest.mark.parametrize("arguments", [{"level": 1}, {"level": 17}, {"level": 2, "bits": 10}, {"name": "look.jpg"}])
def test_wrong_arguments_are_refused(tmp_path: Path, arguments: dict) -> None:
    file = tmp_path / arguments.pop("name", "look.png")
    with pytest.raises(HaldError):
        write_hald(Lut.identity(4), file, **arguments)
    assert not list(tmp_path.iterdir())


def test_a_damaged_image_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cut.png").write_bytes(png_16(random_pixels(2, 16))[:-30])
    with pytest.raises(ImageFileError, match=r"cut\.png"):
        read_lut(tmp_path / "cut.png")


def test_a_file_is_read_by_what_it_holds(tmp_path: Path) -> None:
    write_cube(Lut.identity(2), tmp_path / "a.txt")
    write_hald(Lut.identity(4), tmp_path / "a.png", level=2)
    (tmp_path / "a.png").rename(tmp_path / "b.cube")
    assert read_lut(tmp_path / "a.txt").size == 2
    assert read_lut(tmp_path / "b.cube").size == 4
    with pytest.raises(CubeFormatError, match="PNG data"):
        read_cube(tmp_path / "b.cube")
    with pytest.raises(FileNotFoundError):
        read_lut(tmp_path / "none.cube")
    with pytest.raises(CubeFormatError, match="folder"):
        read_lut(tmp_path)


def test_luts_of_a_folder_are_found_in_order(tmp_path: Path) -> None:
    for name in ("b.cube", "A.CUBE", "sub/c.cube", ".hidden.cube", ".git/d.cube", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write_cube(Lut.identity(2), tmp_path / name)
    write_hald(Lut.identity(4), tmp_path / "hald.png", level=2)
    Image.new("RGB", (640, 480)).save(tmp_path / "contact sheet.png")
    (tmp_path / "broken.png").write_bytes(b"\x89PNG")
    (tmp_path / "folder.cube").mkdir()
    found = [path.relative_to(tmp_path).as_posix() for path in find_luts(tmp_path)]
    assert found == ["A.CUBE", "b.cube", "hald.png", "sub/c.cube"]
    with pytest.raises(LutError, match="is not a folder"):
        find_luts(tmp_path / "none")


def as_lookup(table: np.ndarray) -> np.ndarray:
    """A square lookup picture of a table `[B, G, R, 3]`, pixel by pixel: the tile of a blue, red along, green down."""
    size = len(table)
    level = round(size**0.5)
    picture = np.zeros((level**3, level**3, 3), np.uint8)
    for blue in range(size):
        top, left = blue // level * size, blue % level * size
        picture[top : top + size, left : left + size] = np.rint(table[blue] * 255)
    return picture


@pytest.mark.parametrize("level", [3, 4, 8])
@pytest.mark.parametrize("name", ["identity", "golden-hour", "cross-process", "teal"])
def test_a_square_lookup_is_read_as_what_it_is(tmp_path: Path, name: str, level: int) -> None:
    looks_like = Lut.identity(17) if name == "identity" else read_lut(next(n for n in sorted(looks()) if n >= name))
    table = LutBank.from_luts([looks_like], size=level**2).values[0]
    picture = as_lookup(table)
    Image.fromarray(picture).save(tmp_path / "lookup.png")
    with pytest.warns(
        HaldWarning, match=rf"square lookup of {level} x {level} tiles of {level**2} x {level**2} pixels"
    ):
        lut = read_lut(tmp_path / "lookup.png")
    assert lut.values is not None
    assert np.abs(lut.values - table).max() <= 0.5 / 255 + 1e-6
    hald = np.rint(table * 255).astype(np.uint8).reshape(picture.shape)
    Image.fromarray(hald).save(tmp_path / "hald.png")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read = read_lut(tmp_path / "hald.png")
    np.testing.assert_array_equal(read.values, lut.values)


def test_roughness_is_the_sum_of_steps_along_the_three_axes() -> None:
    """Of four planes whose codes fall by 3 along green, rise by 5 along red and fall by 7 from one blue to the next."""
    blue, green, red = np.mgrid[:4, :6, :5]
    table = (100 - 7 * blue - 3 * green + 5 * red).astype(np.uint8)[..., None].repeat(3, axis=3)
    assert _roughness(table) == pytest.approx(4 * (3 + 5) + 3 * 7)
    assert _roughness(list(table[:1])) == pytest.approx(3 + 5)


@pytest.mark.parametrize("level", [2, 3, 4, 8])
def test_noise_and_flat_colours_stay_hald_cluts(tmp_path: Path, level: int) -> None:
    for number, pixels in enumerate((random_pixels(level, 8), np.full((level**3, level**3, 3), 9, np.uint8))):
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            values = read_hald(tmp_path / f"{number}.png").values
        assert np.array_equal(np.ravel(values), (np.ravel(pixels) / np.float64(255)).astype(np.float32))


def test_every_look_is_told_from_its_lookup(tmp_path: Path) -> None:
    bank = LutBank.of_looks(size=16)
    wrong = []
    for name, table in zip(bank.names, bank.values, strict=True):
        for kind, pixels in (("hald", table.reshape(64, 64, 3)), ("lookup", as_lookup(table) / 255)):
            Image.fromarray(np.rint(np.clip(pixels, 0, 1) * 255).astype(np.uint8)).save(tmp_path / "x.png")
            with warnings.catch_warnings(record=True) as said:
                warnings.simplefilter("always")
                read_lut(tmp_path / "x.png")
            if bool(said) != (kind == "lookup"):
                wrong.append((name, kind))
    assert not wrong


@pytest.mark.parametrize(
    ("suffix", "kind", "options"),
    [
        ("jpg", "JPEG", {"quality": 98}),
        ("webp", "WebP", {"lossless": True}),
        ("webp", "WebP", {}),
        ("gif", "GIF", {}),
        ("bmp", "BMP", {}),
        ("avif", "AVIF", {}),
    ],
)
@pytest.mark.parametrize("name", ["look.{}", "look.cube", "look.png"])
def test_other_pictures_are_named(tmp_path: Path, suffix: str, kind: str, options: dict, name: str) -> None:
    """As which a Hald CLUT was saved, or which was given by mistake; whatever the file is called."""
    picture = tmp_path / f"picture.{suffix}"
    try:
        Image.fromarray(random_pixels(4, 8)).save(picture, **options)
    except (KeyError, OSError):
        pytest.skip(f"Pillow was built without {kind}")
    file = picture.rename(tmp_path / name.format(suffix))
    with pytest.raises(HaldError, match=f"a Hald CLUT is a PNG or TIFF without compression losses, and this is {kind}"):
        read_lut(file)


def test_a_tiff_of_jpeg_data_is_named(tmp_path: Path) -> None:
    Image.fromarray(random_pixels(4, 8)).save(tmp_path / "look.tif", compression="jpeg")
    with pytest.raises(HaldError, match="without compression losses"):
        read_lut(tmp_path / "look.tif")
