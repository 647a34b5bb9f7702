"""The colourist's sliders: their formulas, that nothing falls or bands, and that a LUT holds them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sshbench.colour.difference import luminance
from sshbench.colour.grade import Grade, gains, graded
from sshbench.colour.srgb import decode, encode
from sshbench.folders import data_folder
from sshbench.lut.files import read_lut
from sshbench.lut.measure import is_monotone, keeps_grey_order
from sshbench.lut.table import Lut
from sshbench.methods.full_resolution import ColourMap
from sshbench.options import SettingsError

COLOURS = np.random.default_rng(0).uniform(0, 1, (4000, 3))
GREYS = np.repeat(np.arange(256)[:, None] / 255, 3, axis=1)
EXTREMES = [
    {"exposure": 3.0}, {"exposure": -3.0}, {"contrast": 100}, {"contrast": -100}, {"saturation": 100},
    {"saturation": -100}, {"temperature": 100}, {"temperature": -100}, {"tint": 100}, {"tint": -100},
    {"exposure": 1.5, "contrast": 80, "saturation": 70, "temperature": -60, "tint": 50},
    {"exposure": -1, "contrast": -80, "saturation": 100, "temperature": 100, "tint": -100},
]  # fmt: skip


def look(name: str) -> ColourMap:
    return ColourMap("look", read_lut(data_folder("luts") / f"{name}.cube"))


def test_without_sliders_a_map_is_itself() -> None:
    colour_map = look("golden-hour")
    assert Grade().is_plain
    assert colour_map.finished() is colour_map
    assert colour_map.finished(grade=Grade(exposure=0.0, tint=-0.0)) is colour_map
    assert graded(COLOURS, Grade()) == pytest.approx(COLOURS, abs=1e-12)


@pytest.mark.parametrize("stops", [-2, -1, 0.5, 1])
def test_a_stop_of_exposure_doubles_the_light_below_the_shoulder(stops: float) -> None:
    before, after = decode(COLOURS), decode(graded(COLOURS, Grade(exposure=stops)))
    below = before * 2**stops <= 0.5
    assert after[below] == pytest.approx((before * 2**stops)[below], rel=1e-6)
    assert 0.2 < below.mean() < 1 or stops < 0


def test_highlights_are_compressed_and_not_cut_off() -> None:
    bright = encode(np.linspace(0.3, 1, 100))[:, None].repeat(3, axis=1)
    after = graded(bright, Grade(exposure=2))
    assert (np.diff(after[:, 0]) > 1e-4).all()
    assert after[-1] == pytest.approx(1)


@pytest.mark.parametrize(("temperature", "tint"), [(100, 0), (-100, 0), (0, 100), (0, -100), (40, -70)])
def test_white_balance_keeps_the_luminance_of_grey(temperature: float, tint: float) -> None:
    red, green, blue = factors = gains(Grade(temperature=temperature, tint=tint))
    assert np.log2(red / blue) == pytest.approx(temperature / 100)
    assert np.log2(np.sqrt(red * blue) / green) == pytest.approx(tint / 200)
    assert luminance(factors) == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("contrast", [-100, -50, 50, 100])
def test_contrast_turns_about_middle_grey_and_keeps_black_and_white(contrast: float) -> None:
    grey = float(encode(np.array(0.18)))
    low, middle, high, black, white = graded(
        np.repeat([[grey - 0.01], [grey], [grey + 0.01], [0.0], [1.0]], 3, axis=1), Grade(contrast=contrast)
    )[:, 0]
    assert middle == pytest.approx(grey, abs=1 / 255)
    assert (black, white) == pytest.approx((0, 1), abs=1e-9)
    assert (high - low) / 0.02 == pytest.approx(2 ** (contrast / 200), rel=0.05)


def test_saturation_keeps_the_luminance_and_the_gamut() -> None:
    for saturation in (-100, -40, 60, 100):
        after = graded(COLOURS, Grade(saturation=saturation))
        assert luminance(decode(after)) == pytest.approx(luminance(decode(COLOURS)), abs=1e-6)
    assert np.ptp(graded(COLOURS, Grade(saturation=-100)), axis=-1).max() < 1e-4
    pale = np.array([[0.5, 0.48, 0.49]])
    grey = luminance(decode(pale))[..., None]
    doubled = decode(graded(pale, Grade(saturation=100))) - grey
    assert doubled == pytest.approx(2 * (decode(pale) - grey), rel=0.1)


@pytest.mark.parametrize("values", EXTREMES)
@pytest.mark.parametrize("name", ["golden-hour", "bleach-bypass"])
def test_no_channel_falls_and_nothing_bands(values: dict[str, Any], name: str) -> None:
    """Neighbouring greys of 8 bits stay apart by less than 9 codes where the look itself has steps of at most 3."""
    plain = look(name)
    finished = plain.finished(grade=Grade(**values))
    assert is_monotone(finished.lut)
    ramp = GREYS[None].astype(np.float32)
    assert 255 * np.diff(plain(ramp)[0], axis=0).max() < 3
    steps = 255 * np.diff(finished(ramp)[0], axis=0)
    assert steps.max() < (18 if values.get("exposure", 0) > 2 else 9)
    identity = ColourMap("identity", Lut.identity(33)).finished(grade=Grade(**values))
    assert keeps_grey_order(identity.lut)


@pytest.mark.parametrize(
    ("values", "most"),
    [
        ({"exposure": 1.0}, 0.6),
        ({"exposure": -3.0}, 0.6),
        ({"temperature": 100}, 0.6),
        ({"contrast": 50}, 0.6),
        ({"contrast": -50}, 1.0),
        ({"exposure": 1, "contrast": 50, "saturation": 50, "temperature": 50, "tint": -50}, 0.8),
        ({"exposure": 2.0}, 3.0),
        ({"exposure": 3.0}, 7.0),
    ],
)
def test_the_lut_holds_what_the_formulas_say(values: dict[str, Any], most: float) -> None:
    colours = np.concatenate([GREYS, COLOURS])
    finished = ColourMap("identity", Lut.identity(33)).finished(grade=Grade(**values))
    error = 255 * np.abs(finished(colours[None].astype(np.float32))[0] - graded(colours, Grade(**values)))
    assert np.percentile(error, 99) < most
    assert error.mean() < 0.2


def test_a_slider_out_of_range_is_refused_in_one_sentence() -> None:
    for values in ({"exposure": 9}, {"contrast": -101}, {"tint": float("nan")}):
        with pytest.raises(SettingsError, match=next(iter(values))):
            Grade(**values)
