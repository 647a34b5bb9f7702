"""Colour transfers as methods: what they change, what they look at, and what they reach."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
import skimage
from numpy.typing import NDArray

from sshbench.benchmarks.composite import FAINT, Composite
from sshbench.colour import match, transfer
from sshbench.colour.srgb import decode
from sshbench.errors import SshbenchError
from sshbench.methods import get_method
from tests.results.standin import composite

WEIGHTS = np.array([0.2126, 0.7152, 0.0722])  # of luminance
NAMES = ("reinhard", "xiao", "fecker", "pitie", "monge-kantorovich")


def harmonized(name: str, given: Composite) -> NDArray[np.uint8]:
    return np.asarray(get_method(name).harmonize([given])[0])


@pytest.mark.parametrize("name", NAMES)
def test_the_background_stays(name: str) -> None:
    given = composite(1)
    result = harmonized(name, given)
    outside = given.mask == 0
    assert np.array_equal(result[outside], given.composite[outside])
    assert not np.array_equal(result, given.composite)


@pytest.mark.parametrize("name", NAMES)
def test_the_ground_truth_is_not_looked_at(name: str) -> None:
    given = composite(2)
    assert np.array_equal(harmonized(name, given), harmonized(name, replace(given, target=None)))


@pytest.mark.parametrize("name", NAMES)
def test_what_lies_outside_of_the_mask_in_the_foreground_is_not_looked_at(name: str) -> None:
    given = composite(3)
    other = given.foreground.copy()
    other[given.mask == 0] = 255
    assert np.array_equal(harmonized(name, given), harmonized(name, replace(given, foreground=other)))


@pytest.mark.parametrize("name", ["xiao", "monge-kantorovich"])
def test_the_foreground_gets_the_backgrounds_mean(name: str) -> None:
    given = composite(4, (120, 160))
    hard = replace(given, mask=(given.mask >= 0.5).astype(np.float32))
    inside = hard.mask == 1
    result = harmonized(name, hard)
    assert result[inside].mean(axis=0) == pytest.approx(hard.background[~inside].mean(axis=0), abs=2)


@pytest.mark.parametrize("name", NAMES)
def test_a_foreground_of_one_pixel_stays(name: str) -> None:
    given = composite(5)
    mask = np.zeros_like(given.mask)
    mask[10, 10] = 1
    assert np.array_equal(harmonized(name, replace(given, mask=mask)), given.composite) or np.array_equal(
        harmonized(name, replace(given, mask=mask))[mask == 0], given.background[mask == 0]
    )


@pytest.mark.parametrize("name", NAMES)
def test_faint_noise_of_a_jpeg_mask_moves_no_statistics(name: str) -> None:
    given = composite(6)
    noise = np.random.default_rng(0).uniform(0, 4 / 255, given.mask.shape).astype(np.float32)
    noisy = replace(given, mask=np.maximum(given.mask, noise))
    inside = given.mask == 1
    assert np.array_equal(harmonized(name, given)[inside], harmonized(name, noisy)[inside])


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("reinhard", transfer.transfer_reinhard),
        ("xiao", transfer.transfer_xiao),
        ("fecker:space=srgb", transfer.transfer_histogram),
        ("pitie", transfer.transfer_distribution),
        ("monge-kantorovich", transfer.transfer_monge_kantorovich),
    ],
)
def test_whole_and_in_its_own_space_it_is_the_transfer_function(
    name: str, function: Callable[[NDArray[np.uint8], NDArray[np.uint8]], NDArray[np.uint8]]
) -> None:
    for given in (composite(7), composite(8, (120, 160))):
        inside = given.mask > FAINT
        expected = function(given.foreground[inside][None], given.background[given.mask < 0.5][None])[0]
        own = expected[given.mask[inside] == 1]
        assert np.array_equal(harmonized(name, given)[given.mask == 1], own)


@pytest.mark.parametrize("name", NAMES)
def test_strength_0_changes_nothing_and_a_half_is_half_way(name: str) -> None:
    given = composite(9)
    inside = given.mask == 1
    nothing, half, whole, more = (
        harmonized(f"{name}:strength={s}", given)[inside].astype(float) for s in (0, 0.5, 1, 1.5)
    )
    assert np.array_equal(nothing, given.foreground[inside])
    assert np.array_equal(whole, harmonized(name, given)[inside])
    assert np.abs(half - (nothing + whole) / 2).max() <= 1
    moved, further = whole.mean(axis=0) - nothing.mean(axis=0), more.mean(axis=0) - nothing.mean(axis=0)
    assert (np.abs(further - moved).max() > 0.5) or np.abs(moved).max() < 2


@pytest.mark.parametrize("name", NAMES)
def test_lightness_and_colour_are_apart(name: str) -> None:
    given = composite(10)
    inside = given.mask == 1
    before = decode(given.foreground[inside] / 255) @ WEIGHTS
    colour = decode(harmonized(f"{name}:lightness=0", given)[inside] / 255) @ WEIGHTS
    lightness = decode(harmonized(f"{name}:colour=0", given)[inside] / 255) @ WEIGHTS
    whole = decode(harmonized(name, given)[inside] / 255) @ WEIGHTS
    assert np.median(np.abs(colour - before)) < 0.01  # except values that are clipped
    assert np.median(np.abs(lightness - whole)) < 0.01
    assert np.median(np.abs(whole - before)) > 0.02


@pytest.mark.parametrize("name", NAMES)
def test_each_space_is_a_transfer_of_its_own(name: str) -> None:
    given = composite(11)
    results = {space: harmonized(f"{name}:space={space}", given) for space in get_args(match.Space)}
    default = {"reinhard": "lab", "fecker": "ycbcr"}.get(name, "srgb")
    same = [space for space, result in results.items() if np.array_equal(harmonized(name, given), result)]
    assert same == [default]


def test_in_linear_light_the_mean_light_is_reached() -> None:
    given = composite(12, (120, 160))
    hard = replace(given, mask=(given.mask >= 0.5).astype(np.float32))
    inside = hard.mask == 1
    for name in ("xiao", "monge-kantorovich"):
        light = decode(harmonized(f"{name}:space=linear", hard)[inside] / 255).mean(axis=0)
        assert light == pytest.approx(decode(hard.background[~inside] / 255).mean(axis=0), abs=0.02)


def test_fecker_matches_luma_and_chroma() -> None:
    """Against scikit-image's matching of histograms, in its own YCbCr."""
    given = composite(13, (120, 160))
    inside, outside = given.mask > FAINT, given.mask < 0.5
    own, other = (
        skimage.color.rgb2ycbcr(image[where][None])
        for image, where in ((given.foreground, inside), (given.background, outside))
    )
    matched = skimage.color.ycbcr2rgb(skimage.exposure.match_histograms(own, other, channel_axis=-1))[0]
    expected = np.floor(np.clip(matched * 255, 0, 255) + 0.5)
    opaque = given.mask[inside] == 1
    differences = np.abs(harmonized("fecker", given)[given.mask == 1] - expected[opaque])
    assert differences.max() <= 2  # scikit-image's matrix has other decimals
    assert differences.mean() < 0.05


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("xiao:space=hsv", "space is srgb or linear or lab or ycbcr, not 'hsv'"),
        ("reinhard:strength=3", "the strength is 0 to 2, not 3"),
        ("pitie:amount=1", "pitie has no option 'amount'"),
    ],
)
def test_what_they_cannot_be_asked_for(name: str, said: str) -> None:
    with pytest.raises(SshbenchError, match=said):
        get_method(name)
