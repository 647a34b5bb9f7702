"""Grain and blur: known ones are measured again, and the foreground gets what it lacks."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

import sshbench
from sshbench import Lut
from sshbench.compositing import Finish
from sshbench.compositing.placement import Box, Layer
from sshbench.compositing.texture import Matched, blurred, grain_rows, measure_blur, measure_grain
from sshbench.folders import data_folder
from tests.compositing.standin import Known

HEIGHT, WIDTH = 320, 400
PHOTOS = [
    np.asarray(Image.open(data_folder("sample").parent / "photos" / f"{name}.jpg").convert("RGB"), np.float64)
    for name in ("astronaut", "coffee")
]


def smooth(seed: int = 0) -> NDArray[np.float64]:
    """A picture of soft shades and a few edges, without grain."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(float)
    picture = np.stack([100 + 30 * np.sin(x / 60 + seed), 110 + 30 * np.cos(y / 70), 120 + x / 10], axis=-1)
    picture[80:170, 80:260] += 40
    picture[210:260, 150:330] -= 35
    return picture


def noisy(levels: Any, size: float, seed: int = 1) -> NDArray[np.float64]:
    return np.clip(smooth() + grain_rows(slice(0, HEIGHT), WIDTH, size, seed) * levels, 0, 255)


def codes(picture: NDArray[Any]) -> NDArray[np.uint8]:
    return np.rint(np.clip(picture, 0, 255)).astype(np.uint8)


def mask(margin: int = 50) -> NDArray[np.uint8]:
    out = np.zeros((HEIGHT, WIDTH), np.uint8)
    out[margin:-margin, margin:-margin] = 255
    return out


# --- measuring --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 0.7, 1.5])
@pytest.mark.parametrize("level", [2.0, 4.0, 8.0])
def test_known_grain_is_measured_within_15_per_cent_and_its_size_within_a_quarter(level: float, size: float) -> None:
    levels = level * np.array([1.0, 0.8, 1.3])
    grain = measure_grain(codes(noisy(levels, size)))
    assert grain is not None
    assert grain.levels == pytest.approx(levels, rel=0.15)
    assert grain.size == pytest.approx(size, rel=0.25, abs=0.1)


def test_grain_that_channels_share_is_measured_as_such() -> None:
    shared = grain_rows(slice(0, HEIGHT), WIDTH, 0.8, 3)[..., :1] * 5
    grain = measure_grain(codes(smooth() + shared))
    assert grain is not None
    alike = grain.covariance / np.outer(grain.levels, grain.levels)
    assert alike.min() > 0.95


def test_where_nothing_is_flat_or_valid_nothing_is_measured() -> None:
    white = np.full((HEIGHT, WIDTH, 3), 255.0)
    assert measure_grain(white) is None
    assert measure_grain(noisy(3, 0), np.zeros((HEIGHT, WIDTH), bool)) is None
    assert measure_grain(np.zeros((10, 10, 3))) is None
    assert measure_grain(np.zeros((5, 5, 3))) is None
    assert measure_blur(np.full((HEIGHT, WIDTH, 3), 90.0)) is None


@pytest.mark.parametrize("by", [1.0, 2.0, 4.0, 7.0])
@pytest.mark.parametrize("picture", [smooth(), *PHOTOS], ids=["shapes", "astronaut", "coffee"])
def test_known_blur_is_measured_within_a_quarter(picture: NDArray[np.float64], by: float) -> None:
    own = measure_blur(picture)
    found = measure_blur(codes(gaussian_filter(picture, (by, by, 0))))
    assert own is not None
    assert found is not None
    assert own < 1.5
    assert found == pytest.approx(np.hypot(own, by), rel=0.25)


# --- matching ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize(("own", "aim"), [(0.0, 5.0), (3.0, 5.0)])
def test_the_foreground_gets_the_grain_that_it_lacks(own: float, aim: float, dtype: Any) -> None:
    times = np.iinfo(dtype).max // 255
    front, behind = ((codes(noisy(level, 0.7, seed)) * dtype(times)) for seed, level in ((1, own), (2, aim)))
    finish = Finish(match_grain=True)
    result = sshbench.harmonize(front, behind, mask(), method=Known(Lut.identity(2)), finish=finish)
    inside = result.pixels[50:-50, 50:-50] / times
    grain = measure_grain(inside)
    assert grain is not None
    assert grain.levels == pytest.approx([aim] * 3, rel=0.2)
    added = result.matched.grain
    assert added == pytest.approx([np.sqrt(aim**2 - own**2)] * 3, rel=0.2)
    assert np.array_equal(result.pixels[:50], behind[:50])
    assert abs((inside - front[50:-50, 50:-50] / times).mean()) < 0.3


def test_nothing_is_done_where_the_foreground_has_more() -> None:
    front, behind = codes(noisy(6, 0.7)), codes(gaussian_filter(noisy(1, 0.7, 2), (0.5, 0.5, 0)))
    plain = sshbench.harmonize(front, behind, mask(), method=Known())
    same = sshbench.harmonize(front, behind, mask(), method=Known(), finish=Finish(match_grain=True))
    assert np.array_equal(plain.pixels, same.pixels)
    assert same.matched.grain == (0.0, 0.0, 0.0)
    assert re.fullmatch(
        r"no grain added, since the background is as smooth as the foreground, or smoother "
        r"\(grain of 0\.\d codes against [56]\.\d\)",
        str(same.matched),
    )
    soft = codes(gaussian_filter(smooth(), (3, 3, 0)))
    plain = sshbench.harmonize(soft, codes(smooth()), mask(), method=Known())
    same = sshbench.harmonize(soft, codes(smooth()), mask(), method=Known(), finish=Finish(match_blur=True))
    assert np.array_equal(plain.pixels, same.pixels)
    assert same.matched.blur == 0
    assert re.fullmatch(
        r"not blurred, since the background is as sharp as the foreground, or sharper "
        r"\(blur of [\d.]+ pixels against [\d.]+\)",
        str(same.matched),
    )


def test_what_cannot_be_measured_is_said_and_left() -> None:
    front, behind = np.full((HEIGHT, WIDTH, 3), 255, np.uint8), codes(noisy(4, 0.7))
    result = sshbench.harmonize(
        front, behind, mask(), method=Known(Lut.identity(2)), finish=Finish(match_grain=True, match_blur=True)
    )
    assert (result.matched.grain, result.matched.blur) == ("unknown", "unknown")
    assert str(result.matched) == (
        "no grain added, since too little of the foreground is flat enough to measure its grain; "
        "not blurred, since the foreground has too few sharp edges to measure its blur"
    )
    assert (result.pixels[50:-50, 50:-50] == 255).all()
    other = sshbench.harmonize(behind, front, mask(), method=Known(), finish=Finish(match_grain=True, match_blur=True))
    assert str(other.matched) == (
        "no grain added, since too little of the background is flat enough to measure its grain; "
        "not blurred, since the reference has too few sharp edges to measure its blur"
    )


def test_a_small_foreground_is_measured_in_small_blocks() -> None:
    """90 pixels a side have 25 blocks of 16, which are too few."""
    small = np.zeros((HEIGHT, WIDTH), np.bool_)
    small[100:190, 180:270] = True
    for level in (2.0, 6.0):
        grain = measure_grain(codes(noisy(level, 0.7)), small)
        assert grain is not None
        assert grain.levels == pytest.approx([level] * 3, rel=0.2)


def test_by_default_nothing_is_measured_or_done() -> None:
    result = sshbench.harmonize(codes(smooth()), codes(noisy(5, 1)), mask(), method=Known())
    assert result.matched == Matched()
    assert str(result.matched) == ""


def test_the_same_again_and_in_whatever_rows_it_is_made() -> None:
    front, behind = codes(smooth()), codes(noisy(5, 1))
    finish = Finish(match_grain=True, match_blur=True)
    one, other = (sshbench.harmonize(front, behind, mask(), method=Known(), finish=finish).pixels for _ in range(2))
    assert np.array_equal(one, other)
    whole = grain_rows(slice(0, 200), 60, 1.2)
    for start, stop in ((0, 70), (63, 65), (100, 200)):
        assert np.array_equal(whole[start:stop], grain_rows(slice(start, stop), 60, 1.2))
    assert np.abs(grain_rows(slice(0, 400), 400, 2.0).std() - 1) < 0.05


@pytest.mark.parametrize("by", [1.5, 3.0])
def test_a_sharp_foreground_becomes_as_blurred_as_its_background(by: float) -> None:
    front, behind = codes(smooth()), codes(gaussian_filter(smooth(2), (by, by, 0)))
    finish = Finish(match_blur=True)
    result = sshbench.harmonize(front, behind, mask(40), method=Known(Lut.identity(2)), finish=finish)
    assert result.matched.blur == pytest.approx(by, rel=0.25)
    inside = measure_blur(result.pixels[60:-60, 60:-60])
    assert inside == pytest.approx(by, rel=0.3)
    edge = result.layer()[HEIGHT // 2, :, 3] / 255  # the mask is blurred too
    assert (np.diff(edge[: WIDTH // 2]) >= -0.01).all()
    assert 2 * by < ((edge[: WIDTH // 2] > 0.02) & (edge[: WIDTH // 2] < 0.98)).sum() < 6 * by


def test_blur_mixes_light_and_no_colour_from_outside_the_mask() -> None:
    pixels = np.full((40, 40, 3), (200, 30, 30), np.uint8)
    pixels[:, :10] = (0, 255, 0)
    soft = np.zeros((40, 40), np.uint8)
    soft[10:30, 10:30] = 255
    layer = blurred(Layer(pixels, soft, Box(30, 30, 70, 70)), 2.0, Box(0, 0, 100, 100))
    assert layer.box == Box(24, 24, 76, 76)
    assert np.abs(layer.pixels[layer.mask > 0.02].astype(int) - (200, 30, 30)).max() <= 1
    assert layer.mask.sum() == pytest.approx(400, rel=1e-3)


def test_a_composite_is_measured_outside_its_object() -> None:
    picture = codes(noisy(5, 0.7))
    picture[60:-60, 60:-60] = codes(smooth(1))[60:-60, 60:-60]
    finish = Finish(match_grain=True)
    result = sshbench.harmonize(picture, mask=mask(60), method=Known(Lut.identity(2)), finish=finish)
    assert result.matched.grain == pytest.approx([5] * 3, rel=0.2)
