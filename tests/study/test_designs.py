"""Designs: squares are balanced, votes are equal, and no image follows itself."""

from __future__ import annotations

from collections import Counter
from itertools import combinations, pairwise

import numpy as np
import pytest

from sshbench.study.designs import (
    StudyError,
    all_pairs,
    balanced_turns,
    choose_by_strata,
    default_rounds,
    main_order,
    shown_sets,
    williams_square,
    with_extras,
)


@pytest.mark.parametrize("size", range(2, 9))
def test_williams_square_balances_columns_and_what_comes_before(size: int) -> None:
    square = williams_square(size)
    for column in zip(*square, strict=True):
        assert set(Counter(column).values()) == {len(square) // size}
    before = Counter(pair for row in square for pair in pairwise(row))
    assert len(before) == size * (size - 1)
    assert len(set(before.values())) == 1


@pytest.mark.parametrize("size", range(2, 9))
def test_pairs_are_all_and_successive_ones_show_all_treatments(size: int) -> None:
    pairs = all_pairs(size)
    assert sorted(pairs) == list(combinations(range(size), 2))
    for start in range(0, len(pairs) - size // 2 + 1, size // 2):  # a round of the round robin
        shown = [one for pair in pairs[start : start + size // 2] for one in pair]
        assert len(set(shown)) == len(shown)


@pytest.mark.parametrize(("images", "methods", "rounds"), [(15, 5, 6), (15, 5, 3), (7, 4, 2), (9, 3, 3), (4, 6, 10)])
@pytest.mark.parametrize("design", ["acr", "pairs"])
def test_votes_differ_by_one_at_most(design: str, images: int, methods: int, rounds: int) -> None:
    names = [str(one) for one in range(methods)]
    sets = len(shown_sets(design, names))
    rounds = min(rounds, sets)
    votes: Counter[tuple[int, int]] = Counter()
    for subject in range(60):
        order = main_order(design, images, methods, rounds, subject)
        assert len(set(order)) == len(order) == images * rounds  # nothing is asked twice
        assert all(a[0] != b[0] for a, b in pairwise(order))
        votes.update(order)
    counts = [votes[image, number] for image in range(images) for number in range(sets)]
    assert max(counts) - min(counts) <= 1
    if 60 * rounds % sets == 0:
        assert max(counts) == min(counts)


def test_each_method_stands_in_each_round_equally_often() -> None:
    rounds: Counter[tuple[int, int, int]] = Counter()
    for subject in range(10):
        seen: Counter[int] = Counter()
        for image, method in main_order("acr", 15, 5, 5, subject):
            rounds[image, method, seen[image]] += 1
            seen[image] += 1
    assert set(rounds.values()) == {2}


def test_default_rounds_show_everything_within_a_hundred_trials() -> None:
    assert default_rounds("acr", 15, 5) == 5  # the paper's study: 75 trials
    assert default_rounds("pairs", 15, 5) == 6
    assert default_rounds("pairs", 5, 5) == 10
    assert default_rounds("rank", 15, 5) == 1


def test_repeats_come_in_the_second_half_and_apart_from_their_image() -> None:
    images = [f"image{number // 5}" for number in range(60)]
    for seed in range(50):
        order = with_extras(
            list(np.random.default_rng(seed).permutation(50)), images, [50, 55], 4, np.random.default_rng(seed)
        )
        assert len(order) == 56
        twice = [item for item, count in Counter(order).items() if count == 2]
        assert len(twice) == 4
        for item in twice:
            first, second = (place for place, own in enumerate(order) if own == item)
            assert second - first > 2
        for item in (50, 55):
            place = order.index(item)
            assert all(images[order[k]] != images[item] for k in (place - 1, place + 1) if 0 <= k < len(order))


def test_sides_are_equally_often_first() -> None:
    for seed in range(20):
        turns = balanced_turns([2] * 90 + [1] * 4, np.random.default_rng(seed))
        assert Counter(turns[:90]) == {0: 45, 1: 45}
    assert balanced_turns([2] * 90, np.random.default_rng(1)) != balanced_turns([2] * 90, np.random.default_rng(2))


def test_strata_give_one_image_each() -> None:
    ratios = np.random.default_rng(0).permutation(33) / 33
    order = np.argsort(ratios)
    chosen = choose_by_strata(ratios.tolist(), 11, np.random.default_rng(3))
    assert [list(order).index(one) // 3 for one in chosen] == list(range(11))
    with pytest.raises(StudyError, match="--images 33"):
        choose_by_strata(ratios.tolist(), 34, np.random.default_rng(3))
