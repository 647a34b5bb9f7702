"""Methods see sRGB whatever the photographs' profile is, and the result is that of the same picture in sRGB."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

import sshbench
from sshbench.colour.srgb import encode
from sshbench.compositing.finishing import Finish
from sshbench.compositing.spaces import SRGB, Space, converted, space_of
from sshbench.images.files import ImageFile, write_image
from sshbench.images.profiles import (
    ProfileError,
    matrix_profile,
    name_of,
    rgb_of_grey,
    srgb_profile,
    with_curves,
    xyz_tag,
)
from sshbench.images.reading import read_image
from sshbench.lut.apply import apply_lut
from sshbench.lut.table import Lut
from tests.compositing.standin import Known, ellipse, look, photo
from tests.images.made_profiles import SRGB_CURVE, gamma, grey_profile, matrix, profile, table_profile

NAMES = ("Display P3", "Adobe RGB (1998)", "ProPhoto RGB")
Floats = NDArray[np.float64]


def colours(count: int = 20000) -> Floats:
    return np.random.default_rng(0).random((count, 3))


def of_lcms(icc: bytes, codes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """What LittleCMS makes of 8 bits, `[N, 3]`, in sRGB."""
    source = ImageCms.ImageCmsProfile(io.BytesIO(icc))
    image = Image.fromarray(codes[None])
    to = ImageCms.createProfile("sRGB")
    return np.asarray(
        ImageCms.profileToProfile(image, source, to, renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC)
    )[0]


@pytest.mark.parametrize("icc", [*map(profile, NAMES), table_profile()], ids=[*NAMES, "table"])
def test_sRGB_values_are_those_of_littlecms(icc: bytes) -> None:
    codes = np.rint(255 * colours()).astype(np.uint8)
    ours = 255 * np.clip(space_of(icc).to_srgb(codes / 255), 0, 1)
    off = np.abs(ours - of_lcms(icc, codes))
    assert off.mean() < 0.35
    if icc != table_profile():  # LittleCMS makes a coarser table of a profile's table for 8 bits than we do
        assert off.max() < 0.9


def test_a_profile_of_a_table_is_as_its_definition_says() -> None:
    values = colours()
    linear = values**2.2 @ (np.linalg.inv(matrix("another sRGB")) @ matrix("Adobe RGB (1998)")).T
    off = np.abs(np.clip(space_of(table_profile()).to_srgb(values), 0, 1) - encode(np.clip(linear, 0, 1))) * 255
    assert off.mean() < 0.1
    assert np.quantile(off, 0.99) < 1


@pytest.mark.parametrize("name", NAMES)
def test_values_are_those_of_the_definition(name: str) -> None:
    """The standards' numbers: the profile's 16-bit fixed-point ones are within half a code of 8 bits."""
    power = {"Adobe RGB (1998)": 563 / 256, "ProPhoto RGB": 1.8}.get(name)
    values = colours()
    light = values**power if power else np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    linear = light @ (np.linalg.inv(matrix("another sRGB")) @ matrix(name)).T
    inside = (linear > 0.01).all(axis=1) & (linear < 1).all(axis=1)
    assert inside.sum() > 3000
    assert np.abs(space_of(profile(name)).to_srgb(values) - encode(linear))[inside].max() * 255 < 0.5


@pytest.mark.parametrize("icc", [*map(profile, NAMES), table_profile()], ids=[*NAMES, "table"])
def test_there_and_back_nothing_changes(icc: bytes) -> None:
    space = space_of(icc)
    values = colours()
    assert np.abs(space.from_srgb(space.to_srgb(values), values) - values).max() < 2e-5
    assert np.abs(space.worked(lambda srgb: srgb, values) - values).max() < 2e-5
    assert np.abs(space.baked(Lut.identity(17)).values - Lut.identity(65).values).max() < 5e-4


def test_profiles_of_sRGB_convert_nothing() -> None:
    """Also those whose primaries a program rounded, which move a saturated green by a code or two."""
    rounded = tuple(xyz_tag(*(round(value, 4) for value in column)) for column in matrix("another sRGB").T)
    near = with_curves("rounded sRGB", SRGB_CURVE, rounded)  # type: ignore[arg-type]
    assert all(space_of(icc).is_srgb for icc in (None, srgb_profile(), profile("another sRGB"), near))
    assert not any(space_of(profile(name)).is_srgb for name in NAMES)
    assert not space_of(with_curves("gamma 2.2", gamma(2.2))).is_srgb


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("source", ["sRGB", *NAMES])
@pytest.mark.parametrize("target", ["sRGB", *NAMES])
def test_photographs_are_converted_within_a_code(source: str, target: str, bits: int) -> None:
    one, other = (SRGB if name == "sRGB" else space_of(profile(name)) for name in (source, target))
    most = 2**bits - 1
    given = np.rint(most * colours()).astype(f"uint{bits}").reshape(100, 200, 3)
    exact = most * other.from_srgb(one.to_srgb(given / most))
    assert np.abs(converted(given, one, other).astype(float) - exact).max() < (1 if bits == 8 else 2)


@pytest.mark.parametrize("name", NAMES)
def test_16_bits_have_no_bands(name: str) -> None:
    """A ramp of greys in sRGB: each step of 16 codes is kept to within two, where 8 bits would give steps of 257."""
    ramp = np.arange(0, 65536, 16, dtype=np.uint16)
    grey = np.repeat(ramp[None, :, None], 3, axis=2)
    there = converted(grey, SRGB, space_of(profile(name)))
    back = converted(there, space_of(profile(name)), SRGB)
    assert np.abs(np.diff(back[0, 200:].astype(int), axis=0) - 16).max() <= 4
    assert len(np.unique(there[0, :, 1])) > 0.98 * len(ramp)


def in_space(srgb: NDArray[np.uint8], space: Space, bits: int) -> ImageFile:
    values = space.from_srgb(srgb / 255) if not space.is_srgb else srgb / 255
    return ImageFile(np.rint((2**bits - 1) * values).astype(f"uint{bits}"), icc=space.icc)


def shown(pixels: NDArray[np.generic], space: Space) -> Floats:
    return 255 * np.clip(space.to_srgb(pixels / np.iinfo(pixels.dtype).max), 0, 1)


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scenes")
    Image.fromarray(ellipse(200, 300)).save(folder / "mask.png")
    for name in ("sRGB", *NAMES):
        space = SRGB if name == "sRGB" else space_of(profile(name))
        for bits in (8, 16):
            for role, picture in (("front", "motorcycle"), ("behind", "life")):
                write_image(folder / f"{role} {name} {bits}.png", in_space(photo(picture), space, bits))
    return folder


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("method", ["ssh-lut", "ssh", "gain", "reinhard"])
def test_the_same_composite_in_every_space(method: str, bits: int, scenes: Path) -> None:
    def result(name: str) -> NDArray[np.generic]:
        return sshbench.harmonize(
            scenes / f"front {name} {bits}.png",
            scenes / f"behind {name} {bits}.png",
            scenes / "mask.png",
            method=method,
        ).pixels

    inside = ellipse(200, 300) > 127
    known = shown(result("sRGB"), SRGB)[inside]
    moved = np.abs(known - photo("motorcycle")[inside]).mean()
    assert moved > 3  # the method does something
    for name in NAMES:
        off = np.abs(shown(result(name), space_of(profile(name)))[inside] - known).mean()
        assert off < 1.5, f"{name}: {off:.2f} codes where the whole change is {moved:.1f}"


@pytest.mark.parametrize("name", NAMES)
def test_a_shadow_takes_the_same_light_in_every_space(name: str, scenes: Path) -> None:
    def result(space: str) -> Floats:
        files = [scenes / f"{role} {space} 16.png" for role in ("front", "behind")]
        found = sshbench.harmonize(*files, scenes / "mask.png", method="dc", finish=Finish(shadow=0.8)).pixels
        return shown(found, SRGB if space == "sRGB" else space_of(profile(space)))

    ground = ellipse(200, 300) == 0
    known = result("sRGB")[ground]
    assert np.abs(known - photo("life")[ground]).max() > 30  # there is a shadow
    assert np.abs(result(name)[ground] - known).max() < 1.5


def test_a_foreground_of_another_space_is_the_same_composite(scenes: Path) -> None:
    files = [scenes / f"front {name} 16.png" for name in ("sRGB", "ProPhoto RGB")]
    one, other = (
        sshbench.harmonize(file, scenes / "behind Display P3 16.png", scenes / "mask.png", method="gain").pixels
        for file in files
    )
    assert np.abs(one.astype(float) - other).mean() / 257 < 0.2


@pytest.mark.parametrize("icc", [*map(profile, NAMES), table_profile()], ids=[*NAMES, "table"])
def test_the_error_of_a_map_that_is_baked(icc: bytes) -> None:
    """Of colours of a photograph, for a strong look: docs/harmonize.md."""
    space, lut = space_of(icc), look("day-for-night")
    values = space.from_srgb(photo("motorcycle").reshape(-1, 3) / 255)

    def function(srgb: Floats) -> Floats:
        return apply_lut(srgb[None].astype(np.float32), lut, layout="HWC")[0].astype(np.float64)

    exact = 255 * space.worked(function, values)
    baked = 255 * apply_lut(values[None].astype(np.float32), space.baked(lut), layout="HWC")[0]
    off = np.abs(baked - exact)
    print(f"{space.name}: mean {off.mean():.3f}, 99.9 % {np.quantile(off, 0.999):.2f}, most {off.max():.2f} codes")
    assert off.mean() < 0.1
    assert np.quantile(off, 0.999) < 1.5


def test_methods_see_sRGB(scenes: Path) -> None:
    known = Known()
    for name in ("sRGB", "ProPhoto RGB"):
        files = [scenes / f"{role} {name} 16.png" for role in ("front", "behind")]
        sshbench.harmonize(*files, scenes / "mask.png", method=known)
    for part in ("foreground", "reference", "placed"):
        one, other = (getattr(view, part).astype(int) for view in known.seen)
        assert np.abs(one - other).mean() < 1


def test_a_grey_profile_becomes_one_of_RGB_with_its_curve(tmp_path: Path) -> None:
    icc = rgb_of_grey(grey_profile(1.8))
    assert icc is not None
    found = matrix_profile(icc)
    assert found is not None
    assert np.abs(found.curves[1] - np.linspace(0, 1, 65536) ** 1.8).max() < 2e-4
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16)
    Image.fromarray(ramp).save(tmp_path / "grey.png", icc_profile=grey_profile(1.8))
    image = read_image(tmp_path / "grey.png")
    assert (image.pixels[..., 1] == ramp).all()
    seen = space_of(image.icc).seen(np.ascontiguousarray(image.pixels, np.uint8))
    light = (ramp / 255) ** 1.8
    assert np.abs(seen - 255 * encode(light)[..., None]).max() < 0.6
    assert name_of(image.icc) == "Grey gamma 1.8 as RGB"


@pytest.mark.parametrize("damage", [lambda icc: icc[:200], lambda icc: b"\0" * 400, lambda icc: icc[:-40]])
def test_a_damaged_profile_is_said(damage, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    icc = damage(profile("Display P3"))
    with pytest.raises(ProfileError):
        space_of(icc)


def test_an_exported_lut_names_its_space(scenes: Path, tmp_path: Path) -> None:
    files = [scenes / f"{role} Display P3 8.png" for role in ("front", "behind")]
    result = sshbench.harmonize(*files, scenes / "mask.png", method="gain")
    result.export_lut(tmp_path / "working.cube")
    result.export_lut(tmp_path / "srgb.cube", space="srgb")
    first = {name: (tmp_path / f"{name}.cube").read_text().splitlines()[:2] for name in ("working", "srgb")}
    assert first["working"] == [
        'TITLE "gain, Display P3"',
        "# Colour space of input and output: Display P3, encoded as in its ICC profile.",
    ]
    assert "sRGB" in first["srgb"][0]
    assert "sRGB" in first["srgb"][1]
    assert np.abs(result.lut().values[32, 32, 8] - result.lut(space="srgb").values[32, 32, 8]).max() > 1 / 255
    with pytest.raises(sshbench.SshbenchError, match="unknown LUT space"):
        result.lut(space="cmyk")  # type: ignore[arg-type]
