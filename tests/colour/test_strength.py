"""How far a map is followed: luminance and chromaticity apart, along ramps, and beyond the map."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from sshbench.colour.difference import luminance
from sshbench.colour.srgb import decode, encode
from sshbench.colour.strength import Amount, AmountError, between, followed, moved
from sshbench.folders import data_folder
from sshbench.lut.apply import apply_lut
from sshbench.lut.files import read_lut
from sshbench.lut.measure import is_monotone
from sshbench.lut.table import Lut, identity_table
from sshbench.methods.full_resolution import ColourMap

Floats = NDArray[np.float64]

COLOURS = np.random.default_rng(0).uniform(0.05, 0.7, (500, 3))
AMOUNTS = [Amount(lightness, colour) for lightness in (0, 0.3, 1, 1.7, 2) for colour in (0, 0.3, 1, 1.7, 2)]
LOOKS = ("golden-hour", "moonlight", "bleach-bypass")


def gain(*factors: float) -> Callable[[Floats], Floats]:
    return lambda colours: encode(np.clip(decode(colours) * factors, 0, 1))


def graded(name: str) -> ColourMap:
    return ColourMap("look", read_lut(data_folder("luts") / f"{name}.cube"))


def chromaticity(colours: Floats) -> Floats:
    linear = decode(colours)
    return np.asarray(linear / luminance(linear)[..., None])


def test_the_whole_map_is_the_map_itself() -> None:
    function = gain(1.2, 1, 0.8)
    assert followed(function, Amount.of(1)) is function
    colour_map = graded("golden-hour")
    assert colour_map.followed(Amount()) is colour_map


@pytest.mark.parametrize("strength", [0, 0.25, 0.5, 0.9])
def test_up_to_1_the_way_is_straight_in_encoded_values(strength: float) -> None:
    after = gain(1.4, 1, 0.7)(COLOURS)
    found = followed(gain(1.4, 1, 0.7), Amount.of(strength))(COLOURS)
    assert np.allclose(found, COLOURS + strength * (after - COLOURS))


@pytest.mark.parametrize("power", [1.5, 2])
def test_beyond_1_a_gain_goes_on_in_linear_light(power: float) -> None:
    found = followed(gain(1.2, 1.2, 1.2), Amount.of(power))(COLOURS)
    assert decode(found) == pytest.approx(decode(COLOURS) * 1.2**power, rel=0.01)


def test_twice_a_gain_of_each_channel_is_its_square() -> None:
    found = followed(gain(1.2, 0.9, 0.8), Amount.of(2))(COLOURS)
    assert decode(found) == pytest.approx(decode(COLOURS) * np.array([1.44, 0.81, 0.64]), abs=1e-6)


@pytest.mark.parametrize("lightness", [0.25, 0.5, 1])
def test_lightness_alone_is_a_power_of_the_gain_and_keeps_the_chromaticity(lightness: float) -> None:
    function = gain(1.3, 1.2, 0.8)
    found = followed(function, Amount(lightness, 0))(COLOURS)
    light, whole, new = (luminance(decode(c)) for c in (COLOURS, function(COLOURS), found))
    inside = (found < 1).all(axis=-1)
    assert inside.mean() > 0.9
    assert new[inside] == pytest.approx((light * (whole / light) ** lightness)[inside], rel=0.01)
    assert chromaticity(found)[inside] == pytest.approx(chromaticity(COLOURS)[inside], abs=1e-6)


@pytest.mark.parametrize("colour", [0.25, 0.5, 1])
def test_colour_alone_keeps_the_luminance(colour: float) -> None:
    function = gain(1.3, 1.2, 0.8)
    found = followed(function, Amount(0, colour))(COLOURS)
    assert luminance(decode(found)) == pytest.approx(luminance(decode(COLOURS)), abs=1e-6)
    own, other = chromaticity(COLOURS), chromaticity(function(COLOURS))
    assert chromaticity(found) == pytest.approx(own + colour * (other - own), abs=1e-6)


def test_a_grey_gain_has_no_colour_and_a_gain_of_chromaticity_no_lightness() -> None:
    assert followed(gain(1.3, 1.3, 1.3), Amount(0, 1))(COLOURS) == pytest.approx(COLOURS, abs=0.7 / 255)
    tint = followed(gain(1.3, 1, 0.8), Amount(0, 1))
    assert followed(tint, Amount(1, 0))(COLOURS) == pytest.approx(COLOURS, abs=1e-6)


@pytest.mark.parametrize(
    ("here", "there"),
    [
        (Amount(0.5, 0.4999), Amount(0.4999, 0.5)),
        (Amount(1, 0.5), Amount(1.0001, 0.5)),
        (Amount(0.5, 1), Amount(0.5, 1.0001)),
        (Amount(1, 1), Amount(1.0001, 1.0001)),
        (Amount(2, 1), Amount(1.9999, 1.0001)),
        (Amount(1e-4, 0), Amount(0, 1e-4)),
    ],
)
def test_amounts_that_are_near_give_colours_that_are_near(here: Amount, there: Amount) -> None:
    """Across the diagonal, and where the map is applied again."""
    look = graded("golden-hour")
    one, other = (look.followed(amount).lut.values for amount in (here, there))
    assert one is not None
    assert other is not None
    assert np.abs(one - other).max() < 2e-3


@pytest.mark.parametrize("name", LOOKS)
@pytest.mark.parametrize("amount", AMOUNTS)
def test_ramps_keep_rising_without_bands(name: str, amount: Amount) -> None:
    """Where a look rises, so does what is followed of it, and no step of 8 bits is far larger than the look's own."""
    look = graded(name)
    assert is_monotone(look.lut)
    part = look.followed(amount)
    assert is_monotone(part.lut)
    ramp = np.linspace(0, 1, 256, dtype=np.float32)
    for factors in ((1, 1, 1), (1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 0.7, 0.5)):
        colours = (ramp[:, None] * np.array(factors, np.float32))[None]
        before, after = look(colours)[0], part(colours)[0]
        slope = max(255 * np.diff(before, axis=0).max(), 1.0)
        largest = max(amount.lightness, amount.colour, 1.0)
        assert 255 * np.diff(after, axis=0).max() <= 5 * slope**largest  # _LIMIT and a little


def test_colours_stay_in_range_and_finite() -> None:
    corners = identity_table(2).reshape(-1, 3).astype(np.float64)
    targets = corners[::-1].copy()
    for amount in AMOUNTS:
        found = moved(corners, targets, amount)
        assert np.isfinite(found).all()
        assert found.min() >= 0
        assert found.max() <= 1
    assert np.array_equal(between(corners, targets, Amount(1, 1)), targets)


def test_a_map_that_falls_is_not_made_to_rise() -> None:
    negative = ColourMap("negative", Lut(values=1 - identity_table(9)))
    part = negative.followed(Amount(1, 0.5))
    assert not is_monotone(part.lut)


def test_half_of_a_map_is_applied_as_by_apply_lut() -> None:
    image = np.random.default_rng(1).integers(0, 256, (40, 50, 3)).astype(np.uint8)
    look = graded("moonlight")
    expected = apply_lut(image, look.lut, strength=0.5, layout="HWC").astype(int)
    assert np.abs(look.followed(Amount.of(0.5))(image) - expected).max() <= 1  # of ties, which rounding decides


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ((2.5, 1, 1), "the strength is 0 to 2, not 2.5"),
        ((1, -0.1, 1), "the lightness is 0 to 2, not -0.1"),
        ((1, 1, float("nan")), "the colour is 0 to 2, not nan"),
        (("0.5", 1, 1), "the strength is 0 to 2, not '0.5'"),
    ],
)
def test_other_amounts_are_refused(values: tuple[float, float, float], said: str) -> None:
    with pytest.raises(AmountError, match=said):
        Amount.of(*values)
