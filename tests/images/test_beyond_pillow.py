"""HEIC, cameras' raw files, OpenEXR, TIFF of floats and inks: what they become, and what is said where they cannot."""

from __future__ import annotations

import io
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms, features

from sshbench.colour.srgb import encode
from sshbench.images.decode import decode_photo, shape_of
from sshbench.images.files import ImageFileWarning
from sshbench.images.opening import ImageFileError
from sshbench.images.profiles import with_curves
from sshbench.images.reading import open_image, read_image
from tests.images.made_profiles import gamma, ink_profile, matrix, profile

Array = NDArray[Any]


def photo(height: int = 60, width: int = 80) -> NDArray[np.uint8]:
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([60 + x * 1.5, 200 - y * 2, 100 + 50 * np.sin(x / 15)], axis=2).astype(np.uint8)


def light(height: int = 60, width: int = 80) -> NDArray[np.float32]:
    """Linear light up to 1.5, in the shadows finer than 8 bits."""
    ramp = np.linspace(0, 1, width) ** 3 * 1.5
    return np.repeat(np.stack([ramp, ramp * 0.5, ramp[::-1]], axis=1)[None], height, axis=0).astype(np.float32)


def sixteen(linear: Array) -> NDArray[np.uint16]:
    return np.rint(65535 * encode(np.clip(linear, 0, 1).astype(np.float64))).astype(np.uint16)


# --- HEIC and AVIF ----------------------------------------------------------------------------------------------------


def heic(**options: Any) -> bytes:
    pillow_heif = pytest.importorskip("pillow_heif", reason="install sshbench[heif]")
    file = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(photo())).save(file, quality=100, chroma=444, **options)
    return file.getvalue()


def test_heic_is_read_with_its_profile(tmp_path: Path) -> None:
    pillow_heif = pytest.importorskip("pillow_heif", reason="install sshbench[heif]")
    image = Image.fromarray(photo())
    image.info["icc_profile"] = profile("Display P3")
    pillow_heif.from_pillow(image).save(tmp_path / "a.heic", quality=100, chroma=444)
    found = read_image(tmp_path / "a.heic")
    assert found.icc == profile("Display P3")
    assert found.bits == 8
    assert np.abs(found.pixels.astype(int) - photo()).mean() < 2
    assert np.abs(decode_photo(heic(), "row").astype(int) - photo()).mean() < 2


def test_heic_counts_its_pixels_before_it_is_decoded() -> None:
    with pytest.raises(ImageFileError, match="claims 80 x 60 pixels and at most 4799"):
        open_image(heic(), "a", max_pixels=4799)


def test_a_damaged_heic() -> None:
    data = heic()
    for cut in (100, len(data) // 2, len(data) - 20):
        with pytest.raises(ImageFileError):
            open_image(data[:cut], "a")


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow has no AVIF")
def test_avif_is_read(tmp_path: Path) -> None:
    Image.fromarray(photo()).save(
        tmp_path / "a.avif", quality=95, subsampling="4:4:4", icc_profile=profile("Display P3")
    )
    found = read_image(tmp_path / "a.avif")
    assert found.icc == profile("Display P3")
    assert np.abs(found.pixels.astype(int) - photo()).mean() < 3


# --- linear light -----------------------------------------------------------------------------------------------------


def float_tiff(path: Path, values: Array, **options: Any) -> Path:
    tifffile = pytest.importorskip("tifffile", reason="install sshbench[hdr]")
    tifffile.imwrite(path, values, photometric="rgb" if values.ndim == 3 else "minisblack", metadata=None, **options)
    return path


def exr(path: Path, channels: dict[str, Array], **header: Any) -> Path:
    library = pytest.importorskip("OpenEXR", reason="install sshbench[hdr]")
    head = {"compression": library.ZIP_COMPRESSION, "type": library.scanlineimage, **header}
    with library.File(head, channels) as file:
        file.write(str(path))
    return path


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_a_float_tiff_is_linear_light(dtype: str, tmp_path: Path) -> None:
    values = light().astype(dtype)
    with pytest.warns(ImageFileWarning, match=r"brighter than 1 and are clipped"):
        found = read_image(float_tiff(tmp_path / "a.tif", values))
    assert np.abs(found.pixels.astype(int) - sixteen(values)).max() <= 1
    assert (found.icc, found.alpha) == (None, None)
    assert len(np.unique(found.pixels[0, :40, 0])) == 40  # no bands in the shadows


def test_grey_planes_compression_and_the_turn_of_a_float_tiff(tmp_path: Path) -> None:
    values = light() / 2
    grey = read_image(float_tiff(tmp_path / "grey.tif", values[..., 0]))
    assert np.abs(grey.pixels[..., 2].astype(int) - sixteen(values[..., 0])).max() <= 1
    planes = float_tiff(tmp_path / "planes.tif", np.moveaxis(values, 2, 0), planarconfig="separate")
    assert np.abs(read_image(planes).pixels.astype(int) - sixteen(values)).max() <= 1
    packed = float_tiff(tmp_path / "zip.tif", values, compression="zlib", extratags=[(274, "H", 1, 6, True)])
    assert np.abs(read_image(packed).pixels.astype(int) - np.rot90(sixteen(values), -1)).max() <= 1


@pytest.mark.parametrize("kind", ["assocalpha", "unassalpha"])
def test_alpha_of_a_float_tiff(kind: str, tmp_path: Path) -> None:
    values, alpha = light() / 2, np.full((60, 80, 1), 0.25, np.float32)
    alpha[:, :10] = 0
    stored = values * alpha if kind == "assocalpha" else values
    found = read_image(float_tiff(tmp_path / "a.tif", np.concatenate([stored, alpha], 2), extrasamples=[kind]))
    assert found.alpha is not None
    assert np.abs(found.alpha[:, 10:].astype(int) - 16384).max() <= 1
    assert not found.alpha[:, :10].any()
    assert np.abs(found.pixels[:, 10:].astype(int) - sixteen(values)[:, 10:]).max() <= 1


def test_a_profile_of_a_float_tiff_counts(tmp_path: Path) -> None:
    linear = with_curves("linear sRGB", gamma(1.0))
    same = read_image(float_tiff(tmp_path / "a.tif", light() / 2, extratags=[(34675, "B", len(linear), linear, True)]))
    assert np.abs(same.pixels.astype(int) - sixteen(light() / 2)).max() <= 1
    p3 = profile("Display P3")
    given = np.full((10, 10, 3), (0.5, 0.4, 0.3), np.float32)
    found = read_image(float_tiff(tmp_path / "b.tif", given, extratags=[(34675, "B", len(p3), p3, True)]))
    decoded = ((given[0, 0] + 0.055) / 1.055) ** 2.4
    expected = encode(np.linalg.inv(matrix("another sRGB")) @ matrix("Display P3") @ decoded)
    assert np.abs(found.pixels[0, 0] / 65535 - expected).max() < 1e-3


def test_what_is_no_number_counts_as_black_and_is_said(tmp_path: Path) -> None:
    values = light() / 2
    values[3, 4] = np.nan
    values[5, 6] = np.inf
    with pytest.warns(ImageFileWarning, match="1 pixels hold NaN"):
        found = read_image(float_tiff(tmp_path / "a.tif", values))
    assert found.pixels[3, 4].tolist() == [0, 0, 0]
    assert found.pixels[5, 6].tolist() == [65535] * 3


@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.filterwarnings("ignore::sshbench.images.files.ImageFileWarning")
def test_openexr(dtype: str, tmp_path: Path) -> None:
    values = light().astype(dtype)
    planes = {name: np.ascontiguousarray(values[..., c]) for c, name in enumerate("RGB")}
    found = read_image(exr(tmp_path / "a.exr", {**planes, "Z": light()[..., 0].copy()}))
    assert np.abs(found.pixels.astype(int) - sixteen(values)).max() <= 1
    assert found.alpha is None
    grey = read_image(exr(tmp_path / "y.exr", {"Y": planes["G"]}))
    assert np.abs(grey.pixels[..., 0].astype(int) - sixteen(values[..., 1])).max() <= 1
    assert np.abs(decode_photo((tmp_path / "a.exr").read_bytes(), "row").astype(int) * 257 - found.pixels).max() <= 129
    assert shape_of((tmp_path / "a.exr").read_bytes(), "row").width == 80


def test_alpha_of_openexr_is_divided_out(tmp_path: Path) -> None:
    values, alpha = light() / 2, np.full((60, 80, 1), 0.5, np.float32)
    found = read_image(exr(tmp_path / "a.exr", {"RGBA": np.concatenate([values * alpha, alpha], axis=2)}))
    assert found.alpha is not None
    assert np.abs(found.pixels.astype(int) - sixteen(values)).max() <= 1
    assert np.abs(found.alpha.astype(int) - 32768).max() <= 1


def test_chromaticities_of_openexr_count(tmp_path: Path) -> None:
    p3 = (0.68, 0.32, 0.265, 0.69, 0.15, 0.06, 0.3127, 0.3290)
    given = np.full((8, 8, 3), (0.3, 0.2, 0.1), np.float32)
    found = read_image(exr(tmp_path / "a.exr", {"RGB": given}, chromaticities=p3))
    expected = encode(np.linalg.inv(matrix("another sRGB")) @ matrix("Display P3") @ given[0, 0])
    assert np.abs(found.pixels[0, 0] / 65535 - expected).max() < 1e-3


def test_the_display_window_of_openexr_is_the_picture(tmp_path: Path) -> None:
    window = (np.array([0, 0], np.int32), np.array([99, 69], np.int32))
    data = (np.array([10, 5], np.int32), np.array([89, 64], np.int32))
    found = read_image(exr(tmp_path / "a.exr", {"RGB": light() / 2}, displayWindow=window, dataWindow=data))
    assert found.pixels.shape == (70, 100, 3)
    assert found.alpha is not None
    assert found.alpha[5:65, 10:90].min() == 65535
    assert not found.alpha[:5].any()
    assert np.abs(found.pixels[5:65, 10:90].astype(int) - sixteen(light() / 2)).max() <= 1


def test_limits_and_damage_of_linear_light(tmp_path: Path) -> None:
    files = [exr(tmp_path / "a.exr", {"RGB": light() / 2}), float_tiff(tmp_path / "a.tif", light() / 2)]
    for file in files:
        with pytest.raises(ImageFileError, match="claims 80 x 60 pixels and at most 4799"):
            read_image(file, max_pixels=4799)
        data = file.read_bytes()
        for cut in (40, 200, len(data) // 2):
            with pytest.raises(ImageFileError):
                open_image(data[:cut], "a")
    huge = bytearray(files[0].read_bytes())
    at = huge.index(b"dataWindow\0box2i\0") + 21
    huge[at : at + 16] = struct.pack("<4i", 0, 0, 2**30, 2**30)
    with pytest.raises(ImageFileError):
        open_image(bytes(huge), "a")


def test_other_channels_of_openexr_are_named(tmp_path: Path) -> None:
    with pytest.raises(ImageFileError, match="has no channels R, G and B, but Z"):
        read_image(exr(tmp_path / "a.exr", {"Z": light()[..., 0].copy()}))


# --- cameras ----------------------------------------------------------------------------------------------------------


def dng(path: Path, colour: tuple[float, float, float] = (0.5, 0.25, 0.125), size: tuple[int, int] = (64, 96)) -> Path:
    """A DNG whose sensor saw one colour, in a camera with the primaries of sRGB and white at 1, 1, 1."""
    tifffile = pytest.importorskip("tifffile", reason="install sshbench[hdr]")
    mosaic = np.empty(size, np.uint16)
    for place, channel in (((0, 0), 0), ((0, 1), 1), ((1, 0), 1), ((1, 1), 2)):
        mosaic[place[0] :: 2, place[1] :: 2] = round(65535 * colour[channel])
    from_xyz = np.linalg.inv([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    numbers = [part for value in from_xyz.ravel() for part in (round(10000 * value), 10000)]
    tags = [
        (50706, "B", 4, bytes([1, 4, 0, 0]), True), (33421, "H", 2, (2, 2), True),
        (33422, "B", 4, bytes([0, 1, 1, 2]), True), (50708, "s", 0, "Test camera", True),
        (271, "s", 0, "Test", True), (272, "s", 0, "Camera", True), (50721, "2i", 9, tuple(numbers), True),
        (50728, "2I", 3, (1, 1) * 3, True), (50778, "H", 1, 21, True), (50717, "I", 1, 65535, True),
    ]  # fmt: skip
    tifffile.imwrite(path, mosaic, photometric=32803, extratags=tags, metadata=None)
    return path


def test_a_raw_file_is_developed(tmp_path: Path) -> None:
    pytest.importorskip("rawpy", reason="install sshbench[raw]")
    found = read_image(dng(tmp_path / "a.dng"))
    assert (found.bits, found.icc, found.pixels.shape) == (16, None, (64, 96, 3))
    middle = found.pixels[16:48, 16:80].reshape(-1, 3)
    assert np.abs(middle / 65535 - encode(np.array([0.5, 0.25, 0.125]))).max() < 0.01  # light is as it was
    assert np.abs(decode_photo((tmp_path / "a.dng").read_bytes(), "row")[20, 20] - middle[0] / 257).max() <= 1


def test_limits_and_damage_of_raw_files(tmp_path: Path) -> None:
    pytest.importorskip("rawpy", reason="install sshbench[raw]")
    data = dng(tmp_path / "a.dng").read_bytes()
    with pytest.raises(ImageFileError, match="claims 96 x 64 pixels and at most 6143"):
        open_image(data, "a", max_pixels=6143)
    (tmp_path / "b.cr2").write_bytes(b"II*\0\x10\0\0\0CR\2\0" + bytes(400))
    with pytest.raises(ImageFileError, match="LibRaw cannot develop"):
        read_image(tmp_path / "b.cr2")


# --- what is missing --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "module", "said"),
    [
        (lambda folder: heic(), "pillow_heif", r"is a HEIF picture .* pip install 'sshbench\[heif\]'"),
        (lambda folder: dng(folder / "a").read_bytes(), "rawpy", r"is a camera's raw file.*'sshbench\[raw\]'"),
        (
            lambda folder: exr(folder / "a.exr", {"Y": light()[..., 0].copy()}).read_bytes(),
            "OpenEXR",
            r"'sshbench\[hdr\]'",
        ),
        (lambda folder: float_tiff(folder / "a.tif", light()).read_bytes(), "tifffile", r"'sshbench\[hdr\]'"),
    ],
    ids=["heif", "raw", "exr", "float tiff"],
)
def test_a_missing_extra_is_named(
    make: Callable[[Path], bytes], module: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = make(tmp_path)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImageFileError, match=said) as found:
        open_image(data, "the picture")
    assert str(found.value).startswith("the picture: ")


# --- inks -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".jpg", ".tif"])
def test_inks_are_converted_with_their_profile(suffix: str, tmp_path: Path) -> None:
    inks = np.zeros((40, 40, 4), np.uint8)
    inks[:20, :20, 1:3] = 255, 255  # magenta and yellow make red
    inks[20:, 20:, 3] = 255
    image = Image.fromarray(inks, "CMYK")
    image.save(tmp_path / f"a{suffix}", icc_profile=ink_profile(), **({"quality": 100} if suffix == ".jpg" else {}))
    with pytest.warns(
        ImageFileWarning, match="CMYK ink values were converted to 8-bit sRGB with the profile Block dyes"
    ):
        found = read_image(tmp_path / f"a{suffix}")
    assert found.icc is None
    red, white, black = (found.pixels[at].astype(int) for at in ((5, 5), (5, 35), (35, 35)))
    assert white.min() >= 253
    assert red[0] > 250 and red[1:].max() < 70  # noqa: PT018
    assert black.max() < 12  # the black of the print becomes black
    source = ImageCms.ImageCmsProfile(io.BytesIO(ink_profile()))
    known = ImageCms.profileToProfile(
        image, source, ImageCms.createProfile("sRGB"), renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        outputMode="RGB", flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )  # fmt: skip
    assert np.abs(np.asarray(known)[5, 5].astype(int) - red).max() <= 3


def test_inks_without_a_profile_or_with_a_damaged_one_are_refused(tmp_path: Path) -> None:
    image = Image.new("CMYK", (8, 8))
    image.save(tmp_path / "a.tif")
    with pytest.raises(ImageFileError, match="ink values without an ICC profile"):
        read_image(tmp_path / "a.tif")
    image.save(tmp_path / "b.tif", icc_profile=ink_profile()[:400])
    with pytest.raises(ImageFileError, match="its CMYK profile is damaged"):
        read_image(tmp_path / "b.tif")
