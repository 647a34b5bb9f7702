"""Rectangles around masks, and the larger ones around these."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sshbench.images.boxes import box_around, surroundings


@settings(deadline=None)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_the_box_is_that_of_the_pixels(height: int, width: int, seed: int) -> None:
    inside = np.random.default_rng(seed).random((height, width)) < 0.3
    inside[seed % height, seed % width] = True
    y, x = np.argwhere(inside).T
    assert box_around(inside) == (slice(y.min(), y.max() + 1), slice(x.min(), x.max() + 1))


@pytest.mark.parametrize(
    ("box", "shape", "found"),
    [
        ((20, 60, 100, 180), (200, 300), (10, 70, 80, 200)),  # 1.5 times each side, about the same middle
        ((20, 30, 100, 120), (200, 300), (0, 50, 85, 135)),  # at least a quarter of the shorter side
        ((0, 10, 290, 300), (200, 300), (0, 50, 250, 300)),  # moved inwards at the edges
        ((150, 200, 0, 100), (200, 300), (125, 200, 0, 150)),
        ((0, 190, 10, 290), (200, 300), (0, 200, 0, 300)),  # no larger than the image
        ((50, 52, 10, 300), (100, 300), (38, 63, 0, 300)),
    ],
)
def test_surroundings(box: tuple[int, ...], shape: tuple[int, int], found: tuple[int, ...]) -> None:
    rows, columns = surroundings((slice(*box[:2]), slice(*box[2:])), shape)
    assert (rows.start, rows.stop, columns.start, columns.stop) == found


def test_surroundings_of_other_sizes() -> None:
    box = slice(40, 60), slice(50, 60)
    assert surroundings((slice(40, 60), slice(100, 130)), (100, 300), times=2) == (slice(30, 70), slice(85, 145))
    assert surroundings(box, (100, 100), times=3, least=0) == (slice(20, 80), slice(40, 70))
    assert surroundings(box, (100, 200), times=1, least=0.5) == (slice(25, 75), slice(30, 80))
