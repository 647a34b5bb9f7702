"""Metadata that a JPEG's segments do not hold never keep it from being written."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from sshbench.cli.main import main
from sshbench.images.files import ImageFile, ImageFileWarning, write_image
from sshbench.images.jpeg_metadata import exif_that_fits, joined_xmp, xmp_segments
from sshbench.images.reading import read_image

PIXELS = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
MAKER_NOTE, DATE, DESCRIPTION, CAMERA = 0x927C, 0x9003, 0x010E, 0x0110


def packet(size: int) -> bytes:
    head, tail = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>", b"</x:xmpmeta>"
    body = "".join(f"<h n='{i}'/>" for i in range(size // 8)).encode()
    return head + body[: size - len(head) - len(tail)] + tail


def block(**large: int) -> bytes:
    """An EXIF block turned by 6, of a camera, and with entries of so many bytes."""
    exif = Image.Exif()
    exif[0x0112], exif[CAMERA] = 6, "Camera 1"
    exif.get_ifd(0x8769)[DATE] = "2024:05:06 07:08:09"
    if size := large.get("note"):
        exif.get_ifd(0x8769)[MAKER_NOTE] = bytes(size)
    if size := large.get("description"):
        exif[DESCRIPTION] = "x" * size
    return exif.tobytes().removeprefix(b"Exif\0\0")


def entries(exif: bytes | None) -> dict[int, Any]:
    read = Image.Exif()
    read.load(b"Exif\0\0" + (exif or b""))
    return dict(read) | dict(read.get_ifd(0x8769))


def test_metadata_that_fit_are_written_byte_for_byte(tmp_path: Path) -> None:
    image = ImageFile(PIXELS, exif=block(note=65_000), xmp=packet(65_504))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        write_image(tmp_path / "a.jpg", image)
    found = read_image(tmp_path / "a.jpg")
    assert (found.exif, found.xmp) == (image.exif, image.xmp)


@pytest.mark.parametrize("size", [65_505, 80_000, 129_999, 130_000, 130_001, 1_500_000])
def test_longer_xmp_comes_back_whole(tmp_path: Path, size: int) -> None:
    with pytest.warns(ImageFileWarning, match=rf"a\.jpg: its XMP of {size // 1000} KB is extended XMP"):
        write_image(tmp_path / "a.jpg", ImageFile(PIXELS, xmp=packet(size)))
    assert len(packet(size)) == size
    assert read_image(tmp_path / "a.jpg").xmp == packet(size)
    with Image.open(tmp_path / "a.jpg") as image:
        assert len(image.info["xmp"]) < 1000
        assert ElementTree.fromstring(image.info["xmp"]).tag == "{adobe:ns:meta/}xmpmeta"


def test_pieces_come_in_any_order_and_those_of_others_are_passed_over() -> None:
    data, divided = xmp_segments(packet(200_000), 1)
    assert divided
    cut = [piece[2:] for piece in data.split(b"\xff\xe1")[1:]]
    first, *pieces = [("APP1", piece) for piece in cut]
    stub = first[1].removeprefix(b"http://ns.adobe.com/xap/1.0/\0")
    other = [("APP1", piece) for piece in (b"", b"http://ns.adobe.com/xmp/extension/\0", b"x" * 99)] + [
        ("APP2", cut[1])
    ]
    assert joined_xmp(stub, [*other, *reversed(pieces), *pieces]) == packet(200_000)
    assert joined_xmp(stub, pieces[1:]) == stub  # a piece is missing
    changed = stub.replace(b'rdf:about=""', b'rdf:about="a"')  # of another program, which divided in another way
    assert joined_xmp(changed, pieces) == changed


def test_an_orientation_that_xmp_alone_gives_is_kept(tmp_path: Path) -> None:
    turned = packet(90_000).replace(
        b"<h n='0'/>", b"<r xmlns:tiff='http://ns.adobe.com/tiff/1.0/' tiff:Orientation=\"8\"/>"
    )
    image = ImageFile(PIXELS, xmp=turned)
    assert image.orientation == 8
    with pytest.warns(ImageFileWarning):
        write_image(tmp_path / "a.jpg", image)
    with Image.open(tmp_path / "a.jpg") as read:
        assert read.getexif()[0x0112] == 8
    assert read_image(tmp_path / "a.jpg").orientation == 8


@pytest.mark.parametrize(
    ("large", "left_out"),
    [
        ({"note": 70_000}, "MakerNote"),
        ({"description": 70_000}, "ImageDescription"),
        ({"note": 50_000, "description": 40_000}, "MakerNote"),
        ({"note": 70_000, "description": 80_000}, "ImageDescription, MakerNote"),
    ],
)
def test_of_exif_the_largest_entries_go(tmp_path: Path, large: dict[str, int], left_out: str) -> None:
    with pytest.warns(ImageFileWarning, match=rf"a\.jpg: its EXIF lacks the entries .* 64 KB \({left_out}\)"):
        write_image(tmp_path / "a.jpg", ImageFile(PIXELS, exif=block(**large)))
    found = entries(read_image(tmp_path / "a.jpg").exif)
    assert (found[0x0112], found[CAMERA], found[DATE]) == (6, "Camera 1", "2024:05:06 07:08:09")
    assert (DESCRIPTION in found) == ("description" in large and "ImageDescription" not in left_out)


def test_a_damaged_block_that_is_too_large_leaves_its_orientation() -> None:
    whole = block(note=70_000)
    for exif in (whole[: len(whole) // 2] + b"\xff" * 40_000, b"II*\0" + b"\xff" * 70_000, b"x" * 70_000):
        short, left_out = exif_that_fits(exif)
        assert len(short) < 65_528
        assert left_out
    assert entries(exif_that_fits(whole)[0])[0x0112] == 6


@pytest.mark.parametrize("name", ["x.tif", "x.png", "e.webp"])
def test_the_command_writes_a_jpeg_with_one_note(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    picture, text = Image.fromarray(PIXELS), PngImagePlugin.PngInfo()
    text.add_itxt("XML:com.adobe.xmp", packet(80_000).decode())
    exif = Image.Exif()
    exif[DESCRIPTION], exif[0x0112] = "x" * 70_000, 3
    options: dict[str, Any] = {
        "x.tif": {"tiffinfo": {700: packet(80_000)}}, "x.png": {"pnginfo": text}, "e.webp": {"exif": exif},
    }[name]  # fmt: skip
    picture.save(name, **options)
    with pytest.raises(SystemExit) as stopped:
        main(["lut", "apply", name, "golden-hour", "-o", "out.jpg"])
    assert not stopped.value.code
    said = capsys.readouterr().err
    assert said.startswith("sshbench: warning: out.jpg: ")
    assert said.count("\n") == 1
    assert read_image("out.jpg").orientation == (3 if name == "e.webp" else 1)
