"""The order of an epoch: a permutation, another one each epoch, and no pattern in it."""

from __future__ import annotations

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
