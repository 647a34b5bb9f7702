"""Experimental designs as pure functions: Latin squares, balanced blocks, and the order each subject sees.

Sources: E. J. Williams, "Experimental designs balanced for the estimation of residual effects of treatments",
Australian Journal of Scientific Research A 2 (2), 1949; H. A. David, "The Method of Paired Comparisons", 1988,
chapter 5; Recommendation ITU-R BT.500-15, section 2.7 (order of presentation).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from sshbench.errors import SshbenchError

DESIGNS = ("acr", "pairs", "rank")
MOST_MAIN = 100  # largest default number of trials of a subject, about ten minutes


class StudyError(SshbenchError):
    """A study cannot be made, opened or analysed; the message says what to do."""


def williams_square(size: int) -> list[list[int]]:
    """Return a Latin square whose rows are orders of `size` treatments, balanced for carry-over effects.

    Each treatment stands equally often in each column and directly before each other treatment. An even size needs
    `size` rows, an odd size twice as many.
    """
    first, low, high = [0], 1, size - 1
    while len(first) < size:
        first.append(low)
        low += 1
        if len(first) < size:
            first.append(high)
            high -= 1
    rows = [[(one + shift) % size for one in first] for shift in range(size)]
    return rows if size % 2 == 0 or size == 1 else rows + [row[::-1] for row in rows]


def all_pairs(size: int) -> list[tuple[int, int]]:
    """Return all pairs of `size` treatments in the order of a round robin.

    Pairs that follow one another share as few treatments as possible, so that any block of successive pairs shows all
    treatments about equally often. The pairs are those of `itertools.combinations`, each with the smaller number first.
    """
    players = [*range(size), *([-1] if size % 2 else [])]  # with an odd number, one player has a bye
    count, found = len(players), []
    for _ in range(count - 1):
        for k in range(count // 2):
            a, b = sorted((players[k], players[count - 1 - k]))
            if a >= 0:
                found.append((a, b))
        players = [players[0], players[-1], *players[1:-1]]
    assert sorted(found) == list(combinations(range(size), 2))
    return found


def shown_sets(design: str, methods: Sequence[str]) -> list[tuple[str, ...]]:
    """Return the sets of methods that one trial can show: single methods, pairs of methods, or all methods."""
    if design == "acr":
        return [(name,) for name in methods]
    if design == "pairs":
        return [(methods[a], methods[b]) for a, b in all_pairs(len(methods))]
    return [tuple(methods)]


def default_rounds(design: str, images: int, methods: int) -> int:
    """Return how often a subject sees each image: as often as all sets need, within `MOST_MAIN` trials."""
    whole = len(shown_sets(design, [str(one) for one in range(methods)]))
    return max(1, min(whole, MOST_MAIN // images))


def main_order(design: str, images: int, methods: int, rounds: int, subject: int) -> list[tuple[int, int]]:
    """Return the main trials of a subject: `(image, number in shown_sets)`, in order.

    A round shows every image once. The sets of an image follow a balanced square (`acr`: Williams's square over the
    methods; `pairs`: a cycle through all pairs), so that over the subjects every set of every image gets equally many
    answers, within one. The order of images in a round is a row of Williams's square; with at least three images, no
    image follows itself.
    """
    sets = len(shown_sets(design, [str(one) for one in range(methods)]))
    square = williams_square(methods)
    image_square = williams_square(images)
    found: list[tuple[int, int]] = []
    for round_ in range(rounds):
        count = subject * rounds + round_
        row = image_square[count % len(image_square)]
        if found and row[0] == found[-1][0]:
            row = row[1:] + row[:1]
        for image in row:
            if design == "acr" and rounds == methods:
                number = square[(subject + image) % len(square)][round_]
            else:
                number = (count + image) % sets
            found.append((image, number))
    return found


def with_extras(
    order: Sequence[int], image_of: Sequence[str], catches: Sequence[int], repeats: int, random: np.random.Generator
) -> list[int]:
    """Return an order of items with inserted catch trials and repeats.

    Catch trials stand anywhere. Repeats are items of the first half that are shown again in the second half. Neither
    stands beside an item of the same image if another position is free.
    """
    found = list(order)
    half = len(found) // 2
    again = random.choice(found[:half], min(repeats, half), replace=False).tolist() if half else []
    for item in again:
        _insert(found, item, image_of, random, first=len(found) - half + 1)
    for item in random.permutation(list(catches)).tolist():
        _insert(found, item, image_of, random, first=0)
    return found


def _insert(order: list[int], item: int, image_of: Sequence[str], random: np.random.Generator, first: int) -> None:
    places = range(first, len(order) + 1)
    apart = [
        place
        for place in places
        if all(image_of[one] != image_of[item] for one in order[max(place - 1, 0) : place + 1])
    ]
    order.insert(int(random.choice(apart or list(places))), item)


def balanced_turns(counts: Sequence[int], random: np.random.Generator) -> list[int]:
    """Return for each trial the row of the Latin square that arranges its pictures.

    `counts` holds the number of pictures of each trial. A subject gets all rows of a square equally often, within one,
    in random order: with two pictures, each side comes first in half of the trials.
    """
    found = [0] * len(counts)
    for count in sorted(set(counts)):
        trials = [trial for trial, own in enumerate(counts) if own == count]
        rows = len(williams_square(count))
        offset = int(random.integers(rows))
        turns = [(offset + place) % rows for place in range(len(trials))]
        for trial, place in zip(trials, random.permutation(len(trials)).tolist(), strict=True):
            found[trial] = turns[place]
    return found


def choose_by_strata(ratios: Sequence[float], count: int, random: np.random.Generator) -> list[int]:
    """Return `count` indexes of images, one from each stratum of foreground ratio.

    Images are sorted by ratio and cut into `count` strata of equal size, within one image. The result is in the order
    of the ratio.

    Raises
    ------
    StudyError
        There are fewer than `count` images.
    """
    if count > len(ratios):
        raise StudyError(
            f"{count} images are asked for, and {len(ratios)} have predictions of all methods; "
            f"give --images {len(ratios)} or fewer methods"
        )
    order = np.argsort(np.asarray(ratios, np.float64), kind="stable")
    return [int(random.choice(stratum)) for stratum in np.array_split(order, count)]
