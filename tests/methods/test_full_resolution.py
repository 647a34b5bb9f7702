"""Colour maps between a small input and output: the published one on its golden vector, the smooth LUT on looks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

from sshbench import Lut, apply_lut
from sshbench.colour.srgb import decode
from sshbench.colour.strength import Amount
from sshbench.folders import data_folder
from sshbench.lut.files import read_lut
from sshbench.lut.table import identity_table
from sshbench.methods import MethodError
from sshbench.methods.full_resolution import ColourMap, fit_map, fit_published, through_linear
from tests.golden.golden_helper import image_u8, mask_soft, style_u8

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "vectors" / "ssh_colour_transfer.npz")


def photo(name: str = "coffee") -> NDArray[np.uint8]:
    return np.asarray(Image.open(data_folder("sample") / f"{name}.jpg").convert("RGB"))


def small(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.asarray(Image.fromarray(image).resize((256, 256), Image.Resampling.BILINEAR), np.float32) / 255


def look(name: str) -> Lut:
    return read_lut(data_folder("luts") / f"{name}.cube")


def like_a_network(image: NDArray[np.float32], seed: int = 0) -> NDArray[np.float32]:
    """Blurred a little, with noise, and one square gone wrong."""
    random = np.random.default_rng(seed)
    out = gaussian_filter(image, (0.8, 0.8, 0)) + random.normal(0, 2 / 255, image.shape)
    out[40:88, 100:148] += (0.2, -0.15, 0.1)
    return np.clip(out, 0, 1).astype(np.float32)


def psnr(image: NDArray[Any], other: NDArray[Any]) -> float:
    return float(10 * np.log10(255**2 / np.mean((image.astype(float) - other.astype(float)) ** 2)))


# --- the published map ------------------------------------------------------------------------------------------------


def published_pair() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    test = image_u8(10, 256, 256)
    reference = np.clip((3 * test.astype(int) + style_u8(10, 256, 256)) // 4, 0, 255)
    return test / 255, reference / 255


def test_the_published_matrix() -> None:
    source, target = published_pair()
    assert np.allclose(fit_published(source, target).matrix.T, GOLDEN["ccm"], atol=1e-6)
    assert np.allclose(fit_published(target, source).matrix.T, GOLDEN["ccm_swapped"], atol=1e-6)


def test_the_published_picture() -> None:
    source, target = published_pair()
    mapped = through_linear(fit_published(source, target), image_u8(11, 300, 400) / 255)
    crop = slice(118, 182), slice(168, 232)
    assert np.allclose(mapped[crop], GOLDEN["corrected.crop"], atol=1e-5)
    mask = (mask_soft(300, 400) * 255).astype(np.uint8)[..., None] / 255
    pasted = (mapped * mask + style_u8(12, 300, 400) / 255 * (1 - mask)) * 255
    assert np.abs(pasted.astype(np.uint8)[crop].astype(int) - GOLDEN["final_u8.crop"]).max() <= 1  # truncated


def test_as_a_table_the_polynomial_is_off_by_more_than_rounding_in_one_colour_of_a_thousand_at_most() -> None:
    source, target = published_pair()
    image = image_u8(11, 300, 400)
    exact = 255 * through_linear(fit_published(source, target), image / 255)
    error = np.abs(fit_map("polynomial", source, target)(image) - exact)
    assert np.percentile(error, 99.9) < 0.55
    assert error.max() < 8  # near black, where the polynomial leaves 0..1 within a cell


# --- the smooth LUT ---------------------------------------------------------------------------------------------------


def test_nothing_changes_where_nothing_changed() -> None:
    image = photo()
    same = fit_map("lut", small(image), small(image))
    assert np.abs(same(image).astype(int) - image).max() <= 1


@pytest.mark.parametrize("name", ["golden-hour", "moonlight", "teal-and-orange", "bleach-bypass"])
def test_a_look_is_found_through_a_network_better_than_by_the_polynomial(name: str) -> None:
    image = photo()
    source = small(image)
    target = like_a_network(apply_lut(source, look(name), layout="HWC"))
    truth = apply_lut(image, look(name), layout="HWC")
    by_kind = {kind: psnr(fit_map(kind, source, target)(image), truth) for kind in ("lut", "polynomial")}
    assert by_kind["lut"] > max(34, by_kind["polynomial"] + 1)


def test_pixels_outside_the_mask_have_no_say() -> None:
    source = small(photo())
    target = np.clip(source * np.float32(0.8), 0, 1)
    spoilt = target.copy()
    spoilt[:, 128:] = np.random.default_rng(0).random((256, 128, 3))
    mask = np.zeros((256, 256), np.float32)
    mask[:, :128] = 1
    for kind in ("lut", "polynomial"):
        maps = fit_map(kind, source, spoilt, mask=mask), fit_map(kind, source[:, :128], target[:, :128])
        pictures = [one(source[:, :128]) for one in maps]
        assert np.abs(pictures[0] - target[:, :128]).max() < 0.02
        assert np.abs(pictures[0] - pictures[1]).max() < 0.02


def turning(values: NDArray[np.float32]) -> tuple[float, float]:
    """The least step of a channel along itself, and of any channel along the greys, by the size of a step."""
    count = len(values) - 1
    own = min(float(np.diff(values[..., channel], axis=2 - channel).min()) for channel in range(3))
    grey = np.diff(values[tuple([np.arange(count + 1)] * 3)], axis=0).min()
    return own * count, float(grey) * count


@pytest.mark.parametrize("seed", range(4))
def test_whatever_a_network_makes_channels_rise_with_themselves_and_along_the_greys(seed: int) -> None:
    source = small(photo())
    random = np.random.default_rng(seed)
    wild = gaussian_filter(random.normal(size=source.shape), (12, 12, 0))
    target = np.clip([1 - source, wild / wild.std() * 0.2 + 0.5, source[..., ::-1] ** 3, source * 0][seed], 0, 1)
    values = fit_map("lut", source, target.astype(np.float32)).to_lut().values
    assert values is not None
    assert min(turning(values)) > -0.01
    assert values.min() >= 0
    assert values.max() <= 1


def test_far_from_the_data_colours_move_hardly_further_than_at_it() -> None:
    image = photo()
    source = small(image) * np.float32(0.3)  # the dark corner alone
    target = np.clip(source * [1.3, 1.0, 0.8] + [0.02, 0, 0], 0, 1).astype(np.float32)
    values = fit_map("lut", source, target).to_lut().values
    assert values is not None
    most = np.abs(target - source).reshape(-1, 3).max(axis=0)
    assert (np.abs(values - identity_table(33)).reshape(-1, 3).max(axis=0) <= most + 0.06).all()


def test_ramps_get_no_bands() -> None:
    """A ramp's slope never jumps, but where a channel reaches the end of its range; that of the look itself does."""
    source = small(photo())
    target = like_a_network(apply_lut(source, look("golden-hour"), layout="HWC"))
    ramp = np.repeat(np.linspace(0, 1, 1024, dtype=np.float32)[None, :, None], 3, axis=2)
    mapped = fit_map("lut", source, target)(ramp)[0]
    jumps = np.abs(np.diff(mapped, 2, axis=0)) * 1023
    assert jumps[mapped[1:-1] < 0.95].max() < 0.25


# --- what a map is ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_a_map_keeps_the_type_and_is_its_lut(dtype: type) -> None:
    fitted = ColourMap("lut", look("golden-hour"))
    top = 1 if dtype is np.float32 else np.iinfo(dtype).max
    image = (np.random.default_rng(0).random((20, 30, 3)) * top).astype(dtype)
    mapped = fitted(image)
    assert mapped.dtype == dtype
    assert np.array_equal(mapped, apply_lut(image, fitted.to_lut(), layout="HWC"))


def test_strength_goes_part_of_the_way() -> None:
    fitted = ColourMap("lut", look("moonlight"))
    image = np.random.default_rng(0).random((20, 30, 3)).astype(np.float32)
    half = image + 0.25 * (fitted(image) - image)
    assert np.allclose(fitted.followed(Amount.of(0.25))(image), half, atol=1e-5)
    assert np.allclose(fitted.followed(Amount.of(0))(image), image, atol=1e-6)
    assert fitted.followed(Amount.of(1)) is fitted


def test_another_size_of_table() -> None:
    assert ColourMap("lut", Lut.identity(17)).to_lut(33).size == 33


@pytest.mark.parametrize(
    ("kind", "change", "said"),
    [
        ("spline", {}, "unknown colour map 'spline'; choose lut or polynomial"),
        ("lut", {"target": np.zeros((8, 9, 3))}, "of one size"),
        ("lut", {"mask": np.zeros((8, 8), np.float32)}, "mask is empty"),
        ("polynomial", {"target": np.full((8, 8, 3), np.nan)}, "NaN"),
    ],
)
def test_what_cannot_be_fitted(kind: str, change: dict[str, Any], said: str) -> None:
    with pytest.raises(MethodError, match=said):
        fit_map(kind, **{"source": np.zeros((8, 8, 3)), "target": np.zeros((8, 8, 3)), **change})


def test_linear_light_is_that_of_srgb() -> None:
    assert decode(np.array([0.0, 0.04045, 0.5, 1.0])) == pytest.approx([0, 0.04045 / 12.92, 0.21404114, 1])
