"""The uint8 kernel in numpy, for installations without the native kernel. It computes the same integers and bytes.

`cpu_bytes.h` defines the arithmetic and `pack_bytes` in `cpu.cpp` the tables; both are repeated here.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LARGEST_JUMP = 96  # equals kLargestJump in cpu.cpp
_PIXELS_AT_ONCE = 1 << 16


def pack(values: NDArray[np.float32]) -> tuple[NDArray[np.int16], int]:
    """Return a table `[N, N, N, 3]` as 16-bit integers, and their fraction bits; 0 bits if it is too inexact."""
    low, high = values.min(), values.max()
    bits = 8 if low >= 0 and high <= 1 else 7 if low >= -0.5 and high <= 1.5 else 0
    exact = values * np.float32(-255 * 2**bits) + np.float32(127.5 * 2**bits)
    packed = (exact + np.where(exact < 0, np.float32(-0.5), np.float32(0.5))).astype(np.int32)
    jump = max(int(np.abs(np.diff(packed, axis=axis)).max()) for axis in range(3))
    return packed.astype(np.int16), bits if jump <= LARGEST_JUMP << bits else 0


def apply(
    image: NDArray[np.uint8],
    table: NDArray[np.int16],
    bits: int,
    coordinates: NDArray[np.uint8],
    strength: float,
    out: NDArray[np.uint8],
) -> None:
    """Apply a packed table to pixels `[P, 3]`; `coordinates` are those of `cpu.coordinates`."""
    size = len(table)
    points = table.reshape(-1, 3).astype(np.int64)
    share = round(strength * 32768)
    cells = coordinates[:, 0].astype(np.int64)
    fractions = coordinates[:, 1].astype(np.int64) | coordinates[:, 2].astype(np.int64) << 8
    for start in range(0, len(image), _PIXELS_AT_ONCE):
        x = image[start : start + _PIXELS_AT_ONCE]
        (r, g, b), (fr, fg, fb) = ([t[c][x[:, c]] for c in range(3)] for t in (cells, fractions))
        corner = (b * size + g) * size + r
        total = (128 << (15 + bits)) + (32768 - share) * (2 * x.astype(np.int64) - 255) * (1 << (bits - 1))
        for step_b, weight_b in _split(np.int64(-share), fb, size * size):
            for step_g, weight_g in _split(weight_b, fg, size):
                for step_r, weight in _split(weight_g, fr, 1):
                    # After the last point the weight is 0, so the value that is read does not matter.
                    at = np.minimum(corner + step_b + step_g + step_r, len(points) - 1)
                    total += weight[:, None] * points[at]
        out[start : start + _PIXELS_AT_ONCE] = np.clip(total >> (15 + bits), 0, 255)


def _split(
    weight: NDArray[np.int64] | np.int64, fraction: NDArray[np.int64], step: int
) -> tuple[tuple[int, NDArray[np.int64]], tuple[int, NDArray[np.int64]]]:
    upper = (fraction * weight + 0x4000) >> 15
    return (0, weight - upper), (step, upper)
