"""What lies outside of the mask of a foreground matters to no method, and a cut-out is the photograph with its mask."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import sshbench
from sshbench.compositing.placement import Box
from sshbench.compositing.small_copies import cut_out
from sshbench.methods.base import Method, MissingWeights
from sshbench.methods.registry import METHODS, get_method
from tests.compositing.standin import ellipse, photo

NAMES = [name for name in METHODS if not name.startswith("ceiling")]
MASK = ellipse(200, 300)


@cache
def method(name: str) -> Method:
    try:
        return get_method(name)
    except MissingWeights:
        pytest.skip(f"there are no weights of {name} here")


def with_other_surroundings(seed: int, bits: int = 8) -> NDArray[Any]:
    """The photograph with noise wherever the mask is 0."""
    noise = np.random.default_rng(seed).integers(0, 256, (200, 300, 3), np.uint8)
    pixels = np.where((MASK > 0)[..., None], photo("coffee"), noise)
    return pixels if bits == 8 else pixels.astype(np.uint16) * np.uint16(257)


@pytest.mark.parametrize("where", [{}, {"at": (-20, 15), "scale": 0.61}, {"at": (40, 0), "scale": 0.8, "rotate": 20.0}])
@pytest.mark.parametrize("name", NAMES)
def test_surroundings_do_not_matter(name: str, where: dict[str, Any]) -> None:
    given = [(with_other_surroundings(seed), photo("rocket"), MASK) for seed in (0, 1)]
    one, other = (sshbench.harmonize(*parts, method=method(name), **where).pixels for parts in given)
    assert np.array_equal(one, other)
    assert not np.array_equal(one, photo("rocket"))


@pytest.mark.parametrize("where", [{}, {"at": (-20, 15), "scale": 0.61}])
@pytest.mark.parametrize("name", NAMES)
def test_a_cut_out_is_the_photograph_with_its_mask(name: str, where: dict[str, Any]) -> None:
    cut = np.dstack([with_other_surroundings(2), MASK])
    one = sshbench.harmonize(photo("coffee"), photo("rocket"), MASK, method=method(name), **where).pixels
    assert np.array_equal(one, sshbench.harmonize(cut, photo("rocket"), method=method(name), **where).pixels)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("name", ["ssh-lut", "ssh", "gain", "reinhard"])
def test_the_picture_without_a_map_and_16_bits(name: str, bits: int) -> None:
    kind = "none" if name in ("ssh", "reinhard") else "lut"
    background = photo("rocket") if bits == 8 else photo("rocket").astype(np.uint16) * np.uint16(257)
    one, other = (
        sshbench.harmonize(with_other_surroundings(seed, bits), background, MASK, method=method(name), map=kind).pixels
        for seed in (0, 1)
    )
    assert np.array_equal(one, other)


def test_a_large_foreground_is_made_small_without_its_surroundings() -> None:
    """Averages over squares that are partly outside are those of the pixels inside."""
    rng = np.random.default_rng(0)
    large = np.repeat(np.repeat(ellipse(301, 401), 5, axis=0), 5, axis=1)
    image = rng.integers(0, 256, (*large.shape, 3), np.uint8)
    image[large > 0] = 200, 100, 50
    for mask in (large, (large > 0).astype(np.float32)):
        found, soft = cut_out(image, mask, Box(3, 7, 2001, 1500))
        assert max(found.shape) == 512
        assert soft.shape == found.shape[:2]
        assert np.abs(found.astype(int) - (200, 100, 50)).max() <= 3  # where a small part of 8 bits is inside


def test_inside_pixels_stay_as_they_are() -> None:
    found, soft = cut_out(photo("coffee"), MASK, Box(0, 0, 300, 200))
    assert np.array_equal(found[soft > 0.5], photo("coffee")[MASK > 127])
    assert np.array_equal(cut_out(photo("coffee"), np.full_like(MASK, 255), Box(0, 0, 300, 200))[0], photo("coffee"))
