"""The two plain baselines: what they do to the foreground's mean, as a method and as a map of colours."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import sshbench
from sshbench.benchmarks.composite import Composite
from sshbench.colour.srgb import decode, encode
from sshbench.errors import SshbenchError
from sshbench.lut.measure import is_monotone
from sshbench.methods import get_method
from sshbench.methods.full_resolution import PredictsMap, View
from sshbench.methods.registry import DEFAULTS
from tests.compositing.standin import ellipse, photo
from tests.results.standin import composite

WEIGHTS = np.array([0.2126, 0.7152, 0.0722])


def mid_grey(seed: int, centre: tuple[float, float, float]) -> NDArray[np.uint8]:
    """Colours that no gain of these tests sends out of 0..255."""
    return np.random.default_rng(seed).normal(centre, 6, (60, 80, 3)).round().clip(0, 255).astype(np.uint8)


@pytest.fixture
def plain() -> Composite:
    mask = np.zeros((60, 80), np.float32)
    mask[20:40, 20:50] = 1
    foreground, background = mid_grey(0, (90, 100, 120)), mid_grey(1, (140, 120, 110))
    pasted = np.where(mask[..., None] == 1, foreground, background)
    return Composite("plain", composite=pasted, foreground=foreground, background=background, mask=mask)


def means(image: NDArray[np.uint8], inside: NDArray[np.bool_]) -> NDArray[np.float64]:
    return np.asarray(decode(image[inside] / 255).mean(axis=0))


@pytest.mark.parametrize(("name", "power"), [("gain", 0.5), ("gain:power=1", 1.0), ("gain:power=0.3", 0.3)])
def test_a_gain_multiplies_the_mean_light_of_each_channel(plain: Composite, name: str, power: float) -> None:
    result, inside = get_method(name).harmonize([plain])[0], plain.mask == 1
    before, after = means(plain.foreground, inside), means(result, inside)
    wanted = before * (means(plain.background, ~inside) / before) ** power
    assert after == pytest.approx(wanted, rel=0.01)
    assert np.array_equal(result[~inside], plain.background[~inside])


def test_a_gain_of_luminance_is_one_for_all_channels(plain: Composite) -> None:
    result, inside = get_method("gain:luminance=true").harmonize([plain])[0], plain.mask == 1
    before, after, around = means(plain.foreground, inside), means(result, inside), means(plain.background, ~inside)
    assert after / before == pytest.approx(np.full(3, np.sqrt(around @ WEIGHTS / (before @ WEIGHTS))), rel=0.01)


@pytest.mark.parametrize(("name", "strength"), [("shift", 0.5), ("shift:strength=1", 1.0), ("shift:strength=0.2", 0.2)])
def test_a_shift_moves_the_mean_of_encoded_values(plain: Composite, name: str, strength: float) -> None:
    result, inside = get_method(name).harmonize([plain])[0], plain.mask == 1
    before, around = plain.foreground[inside], plain.background[~inside]
    wanted = before + strength * (around.mean(axis=0) - before.mean(axis=0))
    assert np.abs(result[inside] - wanted).max() <= 0.5 + 1e-9


@pytest.mark.parametrize("name", ["gain", "gain:luminance=true,power=1", "gain:strength=1.6,colour=0.5", "shift"])
def test_the_lut_does_what_the_method_does(plain: Composite, name: str) -> None:
    method = get_method(name)
    assert isinstance(method, PredictsMap)
    for given in (plain, replace(composite(3, (120, 160)), foreground_photo=None)):
        view = View(given.foreground, given.background, given.mask, (given.mask < 0.5).astype(np.float32))
        (colour_map,) = method.colour_maps([view], "lut")
        inside = given.mask == 1
        exact = method.harmonize([given])[0][inside].astype(int)
        assert np.abs(colour_map(given.foreground)[inside].astype(int) - exact).max() <= 1


def test_black_and_white_give_finite_colours() -> None:
    mask = np.zeros((8, 8), np.float32)
    mask[:4] = 1
    for inside, outside in ((0, 255), (255, 0), (0, 0)):
        image = np.where(mask[..., None] == 1, np.uint8(inside), np.uint8(outside)).repeat(3, axis=2)
        given = Composite("flat", composite=image, foreground=image, background=image, mask=mask)
        for name in ("gain", "shift"):
            assert get_method(name).harmonize([given])[0].dtype == np.uint8


def test_they_are_among_the_defaults_of_evaluate() -> None:
    assert {"gain", "shift"} <= set(DEFAULTS)


@pytest.mark.parametrize("name", ["gain", "shift", "gain:power=1"])
@pytest.mark.parametrize("amount", ["strength=0.5", "strength=2", "lightness=0", "colour=0", "lightness=0,colour=2"])
def test_ramps_keep_rising_whatever_the_amount(name: str, amount: str) -> None:
    """The luminance of greys, and each channel along itself, from black that is lifted to white that is cut off."""
    greys = np.linspace(0, 1, 256, dtype=np.float32)[:, None].repeat(3, axis=1)
    for seed in range(3):
        given = composite(seed, (120, 160))
        method = get_method(f"{name}{',' if ':' in name else ':'}{amount}")
        assert isinstance(method, PredictsMap)
        for view in (View(given.foreground, given.background), View(given.background // 8, given.foreground)):
            (colour_map,) = method.colour_maps([view], "lut")
            assert is_monotone(colour_map.lut)
            light = encode(decode(colour_map(greys[None])[0]) @ WEIGHTS)
            assert 255 * (np.maximum.accumulate(light) - light).max() < 1


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("gain:power=3", "the power is 0 to 2, not 3"),
        ("gain:lightness=2.5", "the lightness is 0 to 2, not 2.5"),
        ("shift:strength=-1", "the strength is 0 to 2, not -1"),
        ("gain:luminance=yes", "luminance is true or false, not 'yes'"),
    ],
)
def test_what_they_cannot_be_asked_for(name: str, said: str) -> None:
    with pytest.raises(SshbenchError, match=said):
        get_method(name)


@pytest.mark.parametrize("name", ["gain", "shift"])
def test_harmonize_exports_their_lut(name: str, tmp_path: Path) -> None:
    foreground, background, mask = photo("motorcycle"), photo("life"), ellipse(200, 300)
    result = sshbench.harmonize(foreground, background, mask, method=name)
    result.export_lut(tmp_path / "look.cube")
    lut = sshbench.read_cube(tmp_path / "look.cube")
    inside = mask == 255
    assert (
        np.abs(sshbench.apply_lut(foreground, lut, layout="HWC")[inside].astype(int) - result.pixels[inside]).max() <= 1
    )
    assert np.abs(foreground[inside].astype(int) - result.pixels[inside]).mean() > 2
