"""The order of an epoch: a permutation, another one each epoch, and no pattern in it."""

from __future__ import annotations

import hashlib
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sshbench.triplets.order import shuffled


@settings(deadline=None)
@given(count=st.integers(1, 3000), seed=st.integers(0, 2**63), epoch=st.integers(0, 10**6))
def test_every_sample_comes_once(count: int, seed: int, epoch: int) -> None:
    samples = shuffled(np.arange(count), count, seed, epoch)
    assert np.array_equal(np.sort(samples), np.arange(count))


def walked(place: int, count: int, seed: int, epoch: int) -> int:
    """The definition, with whole numbers of Python: six rounds over the smallest even number of bits, until inside."""
    digest = hashlib.blake2b(f"{seed} {epoch} {count}".encode(), digest_size=48).digest()
    half = next(half for half in range(1, 40) if 4**half >= count)
    while True:
        left, right = divmod(place, 2**half)
        for key in struct.unpack("<6Q", digest):
            mixed = (right + key) % 2**64
            mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9 % 2**64
            mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB % 2**64
            left, right = right, left ^ (mixed ^ mixed >> 31) % 2**half
        place = left * 2**half + right
        if place < count:
            return place


@pytest.mark.parametrize("count", [1, 2, 4, 5, 16, 17, 1000, 2**31 + 1])
def test_an_order_is_that_of_its_definition(count: int) -> None:
    """A run that goes on elsewhere, or with another version, sees the samples that are left."""
    places = np.unique(np.arange(30) % count * max(1, count // 30))
    expected = [walked(int(place), count, 3, 7) for place in places]
    assert shuffled(places, count, 3, 7).tolist() == expected


@pytest.mark.parametrize("count", [81_917, 100_000_000, 2**40 + 1])
def test_a_few_places_of_a_long_order_need_no_array_of_it(count: int) -> None:
    places = np.random.default_rng(0).integers(0, count, 10_000)
    samples = shuffled(places, count, 0, 0)
    assert samples.min() >= 0
    assert samples.max() < count
    assert len(np.unique(samples)) == len(np.unique(places))
    parts = np.concatenate([shuffled(part, count, 0, 0) for part in np.array_split(places, 7)])
    assert np.array_equal(parts, samples)


def test_epochs_and_seeds_share_no_more_places_than_chance() -> None:
    count = 10_000
    orders = [shuffled(np.arange(count), count, seed, epoch) for seed in range(4) for epoch in range(4)]
    # Two random permutations agree in a number of places that is Poisson with mean 1.
    same = [int((a == b).sum()) for i, a in enumerate(orders) for b in orders[:i]]
    assert max(same) <= 8
    assert 0.6 < np.mean(same) < 1.5


@pytest.mark.parametrize("count", [100, 5000])
def test_every_sample_is_as_likely_anywhere(count: int) -> None:
    """Chi-square of the first ten places over twenty bins of samples, 1000 seeds."""
    first = np.concatenate([shuffled(np.arange(10), count, seed, 0) for seed in range(1000)])
    seen = np.bincount(first * 20 // count, minlength=20)
    chi_square = float(((seen - 500) ** 2 / 500).sum())
    assert chi_square < 43.8  # 0.1 % of 19 degrees of freedom


def test_neighbours_are_spread() -> None:
    """Steps between neighbours of the order have the mean of independent draws, a third of the count."""
    count = 100_000
    samples = shuffled(np.arange(count), count, 1, 0)
    assert np.abs(np.diff(samples)).mean() == pytest.approx(count / 3, rel=0.01)
