"""Colour transfers as methods: what they change, what they look at, and what they reach."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from sshbench.benchmarks.composite import Composite
from sshbench.methods import get_method
from tests.results.standin import composite

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
