"""Ceilings: no colour map of their kind comes nearer to the ground truth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from sshbench.benchmarks.composite import Composite
from sshbench.methods import MethodError, get_method
from tests.results.standin import composite

CEILINGS = ("ceiling-linear", "ceiling-polynomial", "ceiling-lut")


def harmonized(name: str, given: Composite) -> NDArray[np.uint8]:
    return np.asarray(get_method(name).harmonize([given])[0])


def error(image: NDArray[np.uint8], given: Composite) -> float:
    assert given.target is not None
    return float(((image.astype(float) - given.target) ** 2).mean())


@pytest.mark.parametrize("number", range(4))
def test_a_richer_map_is_nearer(number: int) -> None:
    given = composite(number, (80, 100))
    errors = [error(harmonized(name, given), given) for name in ("dc", *CEILINGS[:2])]
    assert errors[2] <= errors[1] + 0.02 < errors[0]  # less the rounding of bytes
    assert error(harmonized("ceiling-lut", given), given) < errors[0]


@pytest.mark.parametrize("number", range(4))
@pytest.mark.parametrize("name", ["xiao", "monge-kantorovich", "dc"])
def test_no_affine_method_is_nearer_than_the_best_affine_map(number: int, name: str) -> None:
    given = composite(number, (80, 100))
    assert error(harmonized("ceiling-linear", given), given) < error(harmonized(name, given), given)


def test_an_affine_change_is_undone() -> None:
    """The stand-in's foreground is an affine map of its ground truth, in whole bytes."""
    given = composite(7, (80, 100))
    result = harmonized("ceiling-linear", given)
    assert given.target is not None
    assert np.abs(result.astype(int) - given.target).max() <= 2


def test_the_affine_map_is_that_of_least_squares_over_pixels() -> None:
    """Written out over all pixels, soft ones too, with numpy alone."""
    given = composite(3, (60, 60))
    assert given.target is not None
    mask = given.mask.reshape(-1, 1).astype(float)
    foreground, background, target = (
        image.reshape(-1, 3) / 255.0 for image in (given.foreground, given.background, given.target)
    )
    design = mask * np.hstack([foreground, np.ones_like(mask)])
    matrix, *_ = np.linalg.lstsq(design, target - (1 - mask) * background, rcond=None)
    mapped = np.clip(np.hstack([foreground, np.ones_like(mask)]) @ matrix, 0, 1)
    oracle = 255 * (mask * mapped + (1 - mask) * background)
    assert np.abs(harmonized("ceiling-linear", given).reshape(-1, 3) - oracle).max() <= 1.001


@pytest.mark.parametrize("name", CEILINGS)
def test_without_a_ground_truth_there_is_no_ceiling(name: str) -> None:
    with pytest.raises(MethodError, match=f"{name} needs the ground truth"):
        get_method(name).harmonize([replace(composite(0), target=None)])
