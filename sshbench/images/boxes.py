"""Rectangles as slices of rows and columns: the bounding box of a mask, and its surroundings."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Slices = tuple[slice, slice]

AROUND = 1.5  # width and height of the surroundings, as a multiple of the foreground's


def box_around(inside: NDArray[np.bool_]) -> Slices:
    """Return the bounding box of the True pixels as rows and columns.

    `inside` is `[H, W]` and has at least one True pixel.
    """
    rows, columns = (np.flatnonzero(inside.any(axis)) for axis in (1, 0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def surroundings(box: Slices, shape: tuple[int, int], times: float = AROUND, least: float = 0.25) -> Slices:
    """Return the rows and columns of a larger rectangle around `box`, in an image of `shape` (height, width).

    Each side is `times` as long as that of the box, and at least `least` times the image's shorter side. At the edge of
    the image the rectangle is moved inwards; it is never larger than the image.
    """
    shortest = least * min(shape)
    rows, columns = (
        _span(along.start, along.stop, max(times * (along.stop - along.start), shortest), limit)
        for along, limit in zip(box, shape, strict=True)
    )
    return rows, columns


def _span(low: int, high: int, length: float, limit: int) -> slice:
    """Return an interval of the given length around the middle of low..high, moved to lie within 0..limit."""
    whole_length = min(round(length), limit)
    start = min(max(0, (low + high - whole_length) // 2), limit - whole_length)
    return slice(start, start + whole_length)
