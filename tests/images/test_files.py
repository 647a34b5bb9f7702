"""Image files: pixels, profiles and metadata survive, checked with Pillow and tifffile; what is no RGB is refused."""

from __future__ import annotations

import contextlib
import io
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms, PngImagePlugin

from sshbench.images.exif import without_thumbnail
from sshbench.images.files import ImageFile, write_image
from sshbench.images.opening import ImageFileError
from sshbench.images.reading import read_image

ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF/></x:xmpmeta>'
SUFFIXES_8 = [".png", ".tif", ".tiff", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".PNG"]
RNG = np.random.default_rng(20)


def exif_block(orientation: int = 6) -> Image.Exif:
    exif = Image.Exif()
    exif[0x010F], exif[0x0112], exif[0x8298] = "Maker", orientation, "someone"
    exif.get_ifd(0x8769)[0x829A] = 0.004  # exposure time
    exif.get_ifd(0x8769)[0x9003] = "2021:10:11 12:00:00"
    exif.get_ifd(0x8825)[2] = (48.0, 8.0, 0.0)  # latitude
    return exif


EXIF = exif_block().tobytes().removeprefix(b"Exif\0\0")


def noise(dtype: type, channels: int = 3, height: int = 70, width: int = 37) -> Any:
    """Noise over all values, higher than one block of rows."""
    return RNG.integers(0, np.iinfo(dtype).max + 1, (height, width, channels), dtype)


def write_png_by_hand(
    path: Path, rows: Any, colour_type: int, key: bytes = b"", *, width: int | None = None, bits: int = 16
) -> None:
    """Rows without filter, written from the specification alone."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    data = b"".join(b"\0" + row.astype(row.dtype.newbyteorder(">")).tobytes() for row in rows)
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width or rows.shape[1], len(rows), bits, colour_type, 0, 0, 0))
    tail = chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + (chunk(b"tRNS", key) if key else b"") + tail)


def read_png_by_hand(path: Path) -> Any:
    """Undo the filters of a 16-bit PNG byte by byte, as the specification writes them."""
    data, position, idat = path.read_bytes(), 8, b""
    while position < len(data):
        (length,) = struct.unpack_from(">I", data, position)
        name, body = data[position + 4 : position + 8], data[position + 8 : position + 8 + length]
        assert zlib.crc32(name + body) == struct.unpack_from(">I", data, position + 8 + length)[0]
        if name == b"IHDR":
            width, height, bits, colour_type = struct.unpack(">IIBB", body[:10])
        idat += body if name == b"IDAT" else b""
        position += 12 + length
    assert bits == 16
    step = {2: 6, 6: 8}[colour_type]
    raw, stride, above, rows = zlib.decompress(idat), step * width, bytes(step * width), []
    for y in range(height):
        line = bytearray(raw[y * (stride + 1) + 1 : (y + 1) * (stride + 1)])
        assert raw[y * (stride + 1)] == 4
        for i in range(stride):
            a, b, c = (line[i - step] if i >= step else 0), above[i], (above[i - step] if i >= step else 0)
            p = a + b - c
            distances = abs(p - a), abs(p - b), abs(p - c)
            line[i] = (line[i] + (a, b, c)[distances.index(min(distances))]) & 255
        above = bytes(line)
        rows.append(np.frombuffer(above, ">u2"))
    return np.stack(rows).reshape(height, width, step // 2).astype(np.uint16)


class TestSixteenBits:
    @pytest.mark.parametrize("channels", [3, 4])
    def test_png_written_is_the_png_of_the_specification(self, tmp_path: Path, channels: int) -> None:
        samples = noise(np.uint16, channels)
        alpha = samples[..., 3] if channels == 4 else None
        write_image(tmp_path / "a.png", ImageFile(samples[..., :3], alpha))
        np.testing.assert_array_equal(read_png_by_hand(tmp_path / "a.png"), samples)

    @pytest.mark.parametrize(("channels", "colour_type"), [(1, 0), (3, 2), (2, 4), (4, 6)])
    def test_png_of_every_colour_type_is_read_exactly(self, tmp_path: Path, channels: int, colour_type: int) -> None:
        samples = noise(np.uint16, channels)
        write_png_by_hand(tmp_path / "a.png", samples, colour_type)
        image = read_image(tmp_path / "a.png")
        assert image.bits == 16
        colours = samples[..., :1].repeat(3, -1) if channels < 3 else samples[..., :3]
        np.testing.assert_array_equal(image.pixels, colours)
        if channels in (2, 4):
            np.testing.assert_array_equal(image.alpha, samples[..., -1])
        else:
            assert image.alpha is None

    @pytest.mark.parametrize(("channels", "colour_type"), [(1, 0), (3, 2)])
    def test_png_transparent_colour_becomes_alpha(self, tmp_path: Path, channels: int, colour_type: int) -> None:
        samples = noise(np.uint16, channels)
        samples[3, 4] = 513
        write_png_by_hand(tmp_path / "a.png", samples, colour_type, struct.pack(">H", 513) * channels)
        alpha = read_image(tmp_path / "a.png").alpha
        assert alpha is not None
        assert alpha[3, 4] == 0
        assert (np.delete(alpha.ravel(), 3 * 37 + 4) == 65535).all()

    @pytest.mark.parametrize("byteorder", ["<", ">"])
    @pytest.mark.parametrize("compression", [None, "adobe_deflate"])
    @pytest.mark.parametrize("channels", [3, 4])
    def test_tiff_is_read_exactly(self, tmp_path: Path, byteorder: str, compression: str | None, channels: int) -> None:
        samples = noise(np.uint16, channels)
        tifffile.imwrite(
            tmp_path / "a.tif",
            samples,
            byteorder=byteorder,
            compression=compression,
            photometric="rgb",
            extrasamples=["unassalpha"] if channels == 4 else None,
        )
        image = read_image(tmp_path / "a.tif")
        np.testing.assert_array_equal(image.pixels, samples[..., :3])
        if channels == 4:
            np.testing.assert_array_equal(image.alpha, samples[..., 3])

    @pytest.mark.parametrize("photometric", ["minisblack", "miniswhite"])
    def test_grey_tiff_becomes_rgb(self, tmp_path: Path, photometric: str) -> None:
        grey = noise(np.uint16, 1)[..., 0]
        tifffile.imwrite(tmp_path / "a.tif", grey, photometric=photometric)
        expected = grey if photometric == "minisblack" else 65535 - grey
        np.testing.assert_array_equal(read_image(tmp_path / "a.tif").pixels, expected[..., None].repeat(3, -1))

    def test_grey_tiff_with_lzw(self, tmp_path: Path) -> None:
        grey = noise(np.uint16, 1)[..., 0]
        Image.fromarray(grey).save(tmp_path / "a.tif", compression="tiff_lzw")
        np.testing.assert_array_equal(read_image(tmp_path / "a.tif").pixels[..., 1], grey)

    def test_premultiplied_tiff_is_divided_by_alpha(self, tmp_path: Path) -> None:
        colour, alpha = noise(np.uint16), noise(np.uint16, 1) // 2 + 20000
        stored = np.rint(colour.astype(float) * alpha / 65535).astype(np.uint16)
        tifffile.imwrite(
            tmp_path / "a.tif",
            np.concatenate([stored, alpha], -1),
            photometric="rgb",
            extrasamples=["assocalpha"],
        )
        image = read_image(tmp_path / "a.tif")
        np.testing.assert_array_equal(image.alpha, alpha[..., 0])
        assert np.abs(image.pixels.astype(int) - colour).max() <= 2  # half a step of the product, over alpha >= 0.3

    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    @pytest.mark.parametrize("channels", [3, 4])
    def test_tiff_written_is_read_by_pillow_and_tifffile(self, tmp_path: Path, dtype: type, channels: int) -> None:
        samples = noise(dtype, channels)
        alpha = samples[..., 3] if channels == 4 else None
        write_image(tmp_path / "a.tif", ImageFile(samples[..., :3], alpha, icc=ICC, exif=EXIF, xmp=XMP, dpi=(300, 300)))
        with tifffile.TiffFile(tmp_path / "a.tif") as file:
            tags = file.pages[0].tags
            assert tags["BitsPerSample"].value == (np.iinfo(dtype).bits,) * channels
            assert tags["InterColorProfile"].value == ICC
            assert tags["XMP"].value == XMP
            assert tags["Orientation"].value == 6
            assert tags["ExifTag"].value["DateTimeOriginal"] == "2021:10:11 12:00:00"
            assert ("ExtraSamples" in tags) == (channels == 4)
        with Image.open(tmp_path / "a.tif") as image:  # turns it upright
            assert image.info["dpi"] == (300, 300)
            seen = np.rot90(np.asarray(image))
        np.testing.assert_array_equal(seen, samples if dtype is np.uint8 else samples >> 8)
        again = read_image(tmp_path / "a.tif")
        np.testing.assert_array_equal(again.pixels, samples[..., :3])

    def test_bits_are_rounded_where_a_format_holds_eight(self, tmp_path: Path) -> None:
        values = np.arange(65536, dtype=np.uint16).reshape(256, 256, 1).repeat(3, -1)
        write_image(tmp_path / "a.webp", ImageFile(values))
        with Image.open(tmp_path / "a.webp") as image:
            np.testing.assert_array_equal(np.asarray(image), np.rint(values / 257))


class TestEightBits:
    @pytest.mark.parametrize(("mode", "expected"), [("L", "RGB"), ("LA", "RGBA"), ("1", "RGB"), ("RGBA", "RGBA")])
    def test_grey_and_alpha_are_read_as_pillow_converts_them(self, tmp_path: Path, mode: str, expected: str) -> None:
        source = Image.fromarray(noise(np.uint8, 4)).convert(mode)
        source.save(tmp_path / "a.png")
        seen = read_image(tmp_path / "a.png")
        want = np.asarray(source.convert(expected))
        np.testing.assert_array_equal(seen.pixels, want[..., :3])
        if expected == "RGBA":
            np.testing.assert_array_equal(seen.alpha, want[..., 3])
        else:
            assert seen.alpha is None

    @pytest.mark.parametrize("bits", [1, 2, 4])
    def test_grey_png_of_few_bits_with_a_transparent_value(self, tmp_path: Path, bits: int) -> None:
        values = RNG.integers(0, 2**bits, (8, 8))
        packed = np.packbits((values[..., None] >> np.arange(bits)[::-1] & 1).reshape(8, -1).astype(np.uint8), axis=1)
        write_png_by_hand(tmp_path / "a.png", packed[..., None], 0, struct.pack(">H", 1), width=8, bits=bits)
        image = read_image(tmp_path / "a.png")
        np.testing.assert_array_equal(image.pixels[..., 2], values * (255 // (2**bits - 1)))
        np.testing.assert_array_equal(image.alpha, np.where(values == 1, 0, 255))

    def test_palette_with_transparency(self, tmp_path: Path) -> None:
        source = Image.fromarray(noise(np.uint8)).quantize(8)
        source.save(tmp_path / "a.png", transparency=bytes([0, 100, 255]))
        seen = read_image(tmp_path / "a.png")
        index = np.asarray(source)
        np.testing.assert_array_equal(seen.alpha, np.array([0, 100] + [255] * 6, np.uint8)[index])
        np.testing.assert_array_equal(seen.pixels, np.asarray(source.convert("RGB")))

    @pytest.mark.parametrize("suffix", [".png", ".tif", ".webp"])
    def test_pixels_and_alpha_survive_lossless_formats(self, tmp_path: Path, suffix: str) -> None:
        samples = noise(np.uint8, 4)
        samples[:9, :, 3] = 0  # colours under full transparency stay too
        write_image(tmp_path / f"a{suffix}", ImageFile(samples[..., :3], samples[..., 3]))
        with Image.open(tmp_path / f"a{suffix}") as image:
            np.testing.assert_array_equal(np.asarray(image.convert("RGBA")), samples)

    @pytest.mark.parametrize("suffix", SUFFIXES_8)
    def test_profile_exif_and_xmp_survive(self, tmp_path: Path, suffix: str) -> None:
        first, second = tmp_path / f"a{suffix}", tmp_path / f"b{suffix}"
        options: dict[str, Any] = {"icc_profile": ICC, "exif": exif_block(), "dpi": (240, 240)}
        if suffix.lower() == ".png":
            options["pnginfo"] = PngImagePlugin.PngInfo()
            options["pnginfo"].add_itxt("XML:com.adobe.xmp", XMP.decode())
        elif suffix.startswith(".tif"):
            options["tiffinfo"] = exif_block()
            options["tiffinfo"][700] = XMP
            del options["exif"]
        else:
            options["xmp"] = XMP
        Image.fromarray(noise(np.uint8)).save(first, **options)
        image = read_image(first)
        assert image.pixels.shape == (70, 37, 3), "pixels are not turned"
        write_image(second, image)
        with Image.open(first) as before, Image.open(second) as after:
            assert before.getexif()[0x0112] == after.getexif()[0x0112] == 6
            before.load(), after.load()
            assert after.info["icc_profile"] == ICC
            assert after.info["xmp"] == before.info["xmp"] == XMP
            assert after.getexif()[0x010F] == "Maker"
            for group in (0x8769, 0x8825):
                assert dict(after.getexif().get_ifd(group)) == dict(before.getexif().get_ifd(group))
            if suffix != ".webp":
                assert after.info["dpi"] == pytest.approx((240, 240), abs=0.01)
            if not suffix.startswith(".tif"):
                assert after.info["exif"] == before.info["exif"], "to the byte, for makers' notes"

    @pytest.mark.parametrize("lossless", [True, False])
    @pytest.mark.parametrize("profile", [None, ICC])
    def test_webp_stays_lossless_or_not(self, tmp_path: Path, lossless: bool, profile: bytes | None) -> None:
        Image.fromarray(noise(np.uint8, 4)).save(tmp_path / "a.webp", lossless=lossless, icc_profile=profile)
        image = read_image(tmp_path / "a.webp")
        write_image(tmp_path / "b.webp", image)
        assert (b"VP8L" in (tmp_path / "b.webp").read_bytes()) == lossless
        assert (read_image(tmp_path / "b.webp").pixels == image.pixels).all() == lossless

    @pytest.mark.parametrize("orientation", range(1, 9))
    @pytest.mark.parametrize("bits", [8, 16])
    def test_tiff_keeps_rows_as_stored_whatever_its_orientation(
        self, tmp_path: Path, orientation: int, bits: int
    ) -> None:
        samples = noise(np.uint8 if bits == 8 else np.uint16)
        path = tmp_path / "a.tif"
        tifffile.imwrite(path, samples, photometric="rgb", extratags=[(274, 3, 1, orientation, True)])
        image = read_image(path)
        np.testing.assert_array_equal(image.pixels, samples)
        write_image(path, image)
        np.testing.assert_array_equal(tifffile.imread(path), samples)
        with tifffile.TiffFile(path) as file:
            assert file.pages[0].tags["Orientation"].value == orientation

    @pytest.mark.parametrize(("target", "group"), [(".tif", 0x8825), (".png", 0x8769), (".webp", 0x8769)])
    def test_metadata_moves_between_formats(self, tmp_path: Path, target: str, group: int) -> None:
        Image.fromarray(noise(np.uint8)).save(tmp_path / "a.jpg", exif=exif_block(), icc_profile=ICC)
        write_image(tmp_path / f"b{target}", read_image(tmp_path / "a.jpg"))
        with Image.open(tmp_path / f"b{target}") as image:
            assert dict(image.getexif().get_ifd(group)) == dict(exif_block().get_ifd(group))
            assert image.info["icc_profile"] == ICC

    def test_a_damaged_grey_profile_is_left_out(self, tmp_path: Path) -> None:
        grey = bytearray(ICC)
        grey[16:20] = b"GRAY"
        Image.fromarray(noise(np.uint8, 1)[..., 0]).save(tmp_path / "a.png", icc_profile=bytes(grey))
        assert read_image(tmp_path / "a.png").icc is None


class TestJpeg:
    @pytest.mark.parametrize("subsampling", [0, 1, 2])
    def test_subsampling_follows_the_source(self, tmp_path: Path, subsampling: int) -> None:
        Image.fromarray(noise(np.uint8)).save(tmp_path / "a.jpg", subsampling=subsampling, quality=80)
        write_image(tmp_path / "b.jpg", read_image(tmp_path / "a.jpg"))
        assert jpeg_sampling(tmp_path / "b.jpg") == jpeg_sampling(tmp_path / "a.jpg")

    def test_default_is_quality_95_and_444(self, tmp_path: Path) -> None:
        write_image(tmp_path / "a.jpg", ImageFile(noise(np.uint8)))
        Image.fromarray(noise(np.uint8)).save(tmp_path / "b.jpg", quality=95, subsampling=0)
        assert tables(tmp_path / "a.jpg") == tables(tmp_path / "b.jpg")
        assert jpeg_sampling(tmp_path / "a.jpg") == [(1, 1)] * 3

    @pytest.mark.parametrize(("source", "written"), [(80, 95), (95, 95), (99, 99), (100, 100)])
    def test_a_source_finer_than_95_stays_as_fine(self, tmp_path: Path, source: int, written: int) -> None:
        Image.fromarray(noise(np.uint8)).save(tmp_path / "a.jpg", quality=source)
        Image.fromarray(noise(np.uint8)).save(tmp_path / "want.jpg", quality=written)
        write_image(tmp_path / "b.jpg", read_image(tmp_path / "a.jpg"))
        assert tables(tmp_path / "b.jpg") == tables(tmp_path / "want.jpg")
        write_image(tmp_path / "c.jpg", read_image(tmp_path / "a.jpg"), quality=50)
        assert tables(tmp_path / "c.jpg") != tables(tmp_path / "want.jpg")

    def test_a_grey_source_lends_its_one_table_to_all_channels(self, tmp_path: Path) -> None:
        grey = noise(np.uint8, 1)[..., 0]
        Image.fromarray(grey).save(tmp_path / "a.jpg", quality=99)
        write_image(tmp_path / "b.jpg", read_image(tmp_path / "a.jpg"))
        (table,) = tables(tmp_path / "a.jpg").values()
        assert all(written == table for written in tables(tmp_path / "b.jpg").values())
        with Image.open(tmp_path / "b.jpg") as image:
            assert (
                np.abs(np.asarray(image).astype(int) - np.asarray(Image.open(tmp_path / "a.jpg"))[..., None]).max() < 8
            )

    def test_transparency_is_refused_and_opaque_alpha_dropped(self, tmp_path: Path) -> None:
        samples = noise(np.uint8, 4)
        with pytest.raises(ImageFileError, match="cannot hold transparency"):
            write_image(tmp_path / "a.jpg", ImageFile(samples[..., :3], samples[..., 3]))
        assert not (tmp_path / "a.jpg").exists()
        write_image(tmp_path / "a.jpg", ImageFile(samples[..., :3], np.full((70, 37), 255, np.uint8)))
        assert (tmp_path / "a.jpg").exists()

    def test_a_phone_picture_with_more_behind_it_is_a_jpeg(self, tmp_path: Path) -> None:
        first = Image.fromarray(noise(np.uint8))
        first.save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[Image.fromarray(noise(np.uint8))])
        with Image.open(tmp_path / "a.jpg") as oracle:
            assert oracle.format == "MPO"
            np.testing.assert_array_equal(read_image(tmp_path / "a.jpg").pixels, np.asarray(oracle))


def tables(path: Path) -> Any:
    with Image.open(path) as image:
        return image.quantization


def jpeg_sampling(path: Path) -> list[tuple[int, int]]:
    """The sampling factors in the frame header (ITU-T T.81, B.2.2)."""
    data = path.read_bytes()
    at = max(data.find(b"\xff\xc0"), data.find(b"\xff\xc2"))
    return [(data[at + 11 + 3 * i] >> 4, data[at + 11 + 3 * i] & 15) for i in range(data[at + 9])]


@pytest.mark.filterwarnings("ignore")  # Pillow warns of damaged tags
class TestRefusals:
    @pytest.mark.parametrize(
        ("mode", "suffix", "reason"),
        [
            ("CMYK", ".jpg", "CMYK"),
            ("CMYK", ".tif", "CMYK"),
            ("LAB", ".tif", "Lab"),
            ("I", ".tif", "32-bit"),
        ],
    )
    def test_what_is_not_rgb(self, tmp_path: Path, mode: str, suffix: str, reason: str) -> None:
        Image.new(mode, (8, 8)).save(tmp_path / f"a{suffix}")
        with pytest.raises(ImageFileError, match=reason) as caught:
            read_image(tmp_path / f"a{suffix}")
        assert str(tmp_path / f"a{suffix}") in str(caught.value)
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize("suffix", [".webp", ".png", ".tif"])
    def test_several_images_in_a_file(self, tmp_path: Path, suffix: str) -> None:
        frames = [Image.fromarray(noise(np.uint8)) for _ in range(3)]
        frames[0].save(tmp_path / f"a{suffix}", save_all=True, append_images=frames[1:])
        with pytest.raises(ImageFileError, match="holds 3 images"):
            read_image(tmp_path / f"a{suffix}")

    def test_reduced_copies_in_a_tiff_do_not_count(self, tmp_path: Path) -> None:
        samples = noise(np.uint16)
        with tifffile.TiffWriter(tmp_path / "a.tif") as file:
            file.write(samples, photometric="rgb")
            file.write(samples[::4, ::4], photometric="rgb", subfiletype=1)
        np.testing.assert_array_equal(read_image(tmp_path / "a.tif").pixels, samples)

    def test_separate_planes(self, tmp_path: Path) -> None:
        tifffile.imwrite(tmp_path / "b.tif", np.zeros((3, 9, 9), np.uint16), photometric="rgb", planarconfig="separate")
        with pytest.raises(ImageFileError, match="save it"):
            read_image(tmp_path / "b.tif")

    @pytest.mark.parametrize("kind", ["GIF", "BMP", "PPM", "JPEG2000", "AVIF", "PNG"])
    def test_what_a_file_holds_decides_and_not_its_name(self, tmp_path: Path, kind: str) -> None:
        Image.new("RGB", (8, 8), (200, 100, 50)).save(tmp_path / "a.jpg", kind)
        assert np.abs(read_image(tmp_path / "a.jpg").pixels.astype(int) - (200, 100, 50)).max() <= 3

    @pytest.mark.parametrize("kind", ["EPS", "ICO", "TGA", "PCX", "SGI", "DDS"])
    def test_formats_beyond_the_list_are_closed(self, tmp_path: Path, kind: str, no_programs: None) -> None:
        Image.new("RGB", (16, 16)).save(tmp_path / "a.png", kind)
        with pytest.raises(ImageFileError, match="is not an image of a format that is read"):
            read_image(tmp_path / "a.png")

    def test_missing_empty_and_directory(self, tmp_path: Path) -> None:
        (tmp_path / "empty.png").touch()
        for name, reason in [("empty.png", "is empty"), ("none.png", "No such file"), (".", "is a folder")]:
            with pytest.raises(ImageFileError, match=reason):
                read_image(tmp_path / name)

    def test_a_pipe_is_not_waited_for(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "a.png")
        with pytest.raises(ImageFileError, match="is not a regular file"):
            read_image(tmp_path / "a.png")

    def test_decompression_bomb(self, tmp_path: Path) -> None:
        header = struct.pack(">IIBBBBB", 100_000, 100_000, 16, 2, 0, 0, 0)
        body = struct.pack(">I", 13) + b"IHDR" + header + struct.pack(">I", zlib.crc32(b"IHDR" + header))
        (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + body + b"\0\0\0\0IDAT" + struct.pack(">I", 0x35AF061E))
        with pytest.raises(ImageFileError, match=r"claims 100000 x 100000 pixels and at most \d+ are decoded"):
            read_image(tmp_path / "a.png")

    @pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg", ".webp"])
    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    def test_cut_short_anywhere(self, tmp_path: Path, suffix: str, dtype: type) -> None:
        whole = tmp_path / f"whole{suffix}"
        write_image(whole, ImageFile(noise(dtype), icc=ICC, exif=EXIF))
        data, part = whole.read_bytes(), tmp_path / f"part{suffix}"
        original = read_image(whole).pixels
        for share in np.linspace(0, 0.97, 40):
            part.write_bytes(data[: int(share * len(data))])
            with pytest.raises(ImageFileError):
                read_image(part)
        part.write_bytes(data[:-1])
        with contextlib.suppress(ImageFileError):  # all pixels may still be there
            np.testing.assert_array_equal(read_image(part).pixels, original)

    @pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg", ".webp"])
    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    def test_damage_raises_no_other_error(self, tmp_path: Path, suffix: str, dtype: type) -> None:
        whole, bad = tmp_path / f"whole{suffix}", tmp_path / f"bad{suffix}"
        write_image(whole, ImageFile(noise(dtype), icc=ICC, exif=EXIF))
        for _ in range(150):
            data = bytearray(whole.read_bytes())
            for at in RNG.integers(0, min(len(data), 800), 3):
                data[at] = RNG.integers(256)
            bad.write_bytes(data)
            with contextlib.suppress(ImageFileError):
                read_image(bad)

    def test_unknown_suffix(self, tmp_path: Path) -> None:
        with pytest.raises(ImageFileError, match=r"suffix '\.bmp'; name it \.png"):
            write_image(tmp_path / "a.bmp", ImageFile(noise(np.uint8)))


class TestWriting:
    def test_nothing_is_left_of_a_failed_write_and_the_old_file_stands(self, tmp_path: Path) -> None:
        (tmp_path / "a.webp").write_bytes(b"old")
        with pytest.raises(ImageFileError, match="as WEBP"):
            write_image(tmp_path / "a.webp", ImageFile(np.zeros((1, 20000, 3), np.uint8)))  # 16383 is the limit
        assert [p.name for p in tmp_path.iterdir()] == ["a.webp"]
        assert (tmp_path / "a.webp").read_bytes() == b"old"

    def test_missing_folder(self, tmp_path: Path) -> None:
        with pytest.raises(ImageFileError, match="No such file or directory"):
            write_image(tmp_path / "none" / "a.png", ImageFile(noise(np.uint8)))

    def test_permissions_and_links_are_kept(self, tmp_path: Path) -> None:
        (tmp_path / "real.png").touch()
        (tmp_path / "real.png").chmod(0o604)
        (tmp_path / "link.png").symlink_to("real.png")
        write_image(tmp_path / "link.png", ImageFile(noise(np.uint8)))
        assert (tmp_path / "link.png").is_symlink()
        assert (tmp_path / "real.png").stat().st_mode & 0o777 == 0o604
        old = os.umask(0o027)
        try:
            write_image(tmp_path / "new.png", ImageFile(noise(np.uint8)))
        finally:
            os.umask(old)
        assert (tmp_path / "new.png").stat().st_mode & 0o777 == 0o640


def test_thumbnail_is_unlinked_and_nothing_else_moves() -> None:
    link = 10 + 12 * struct.unpack_from(">H", EXIF, 8)[0]
    assert EXIF[:8] == b"MM\0*\0\0\0\x08"
    assert EXIF[link : link + 4] == bytes(4)
    thumbnail = struct.pack(">HHHIII", 1, 0x0103, 3, 1, 6, 0)
    with_thumbnail = EXIF[:link] + struct.pack(">I", len(EXIF)) + EXIF[link + 4 :] + thumbnail
    assert without_thumbnail(with_thumbnail) == EXIF + thumbnail
    assert without_thumbnail(b"II*\0junk") == b"II*\0junk"


def test_import_leaves_torch_alone() -> None:
    code = "import sys, sshbench.images.files; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_sizes_are_checked() -> None:
    with pytest.raises(ValueError, match=r"\[H, W, 3\]"):
        ImageFile(np.zeros((4, 4), np.uint8))
    with pytest.raises(ValueError, match="alpha"):
        ImageFile(noise(np.uint8), np.zeros((1, 1), np.uint8))


def test_png_in_memory_is_what_pillow_calls_16_bit(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", ImageFile(noise(np.uint16), icc=ICC, exif=EXIF, xmp=XMP, dpi=(300, 300)))
    with Image.open(io.BytesIO((tmp_path / "a.png").read_bytes())) as image:
        image.load()
        assert image.tile == []
        assert image.info["icc_profile"] == ICC
        assert image.info["exif"] == b"Exif\0\0" + EXIF
        assert image.info["xmp"] == XMP
        assert image.info["dpi"] == pytest.approx((300, 300), abs=0.01)


@pytest.mark.parametrize(
    ("name", "said"),
    [("a", "has no suffix that names a format; name it .png"), ("a.gif", "has the suffix '.gif'; name it")],
)
def test_a_name_of_no_format_that_is_written_is_refused(tmp_path: Path, name: str, said: str) -> None:
    with pytest.raises(ImageFileError, match=said):
        write_image(tmp_path / name, ImageFile(np.zeros((4, 4, 3), np.uint8)))
    assert not any(tmp_path.iterdir())
