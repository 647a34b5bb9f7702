"""Looks drawn at random, so that a network learns more than the looks of one collection.

Each is what a photographer's sliders do: exposure and white balance in linear light with a shoulder, a curve, contrast,
saturation, black and white points, and a little crosstalk of channels; half of them on top of a look that is given.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sshbench.lut.bank import LutBank
from sshbench.lut.srgb import decode, encode
from sshbench.lut.table import identity_table

Floats = NDArray[np.float64]

_LUMA = (0.2126, 0.7152, 0.0722)


def random_grades(bank: LutBank, count: int, seed: int = 0) -> LutBank:
    """`count` looks of the bank's size, drawn from a seed; `bank` gives what half of them begin with."""
    grid = identity_table(bank.size).reshape(-1, 3).astype(np.float64)
    tables = [_graded(grid, bank, np.random.default_rng((seed, k))) for k in range(count)]
    values = np.stack(tables).reshape(count, *bank.values.shape[1:]).astype(np.float32)
    return LutBank(values, tuple(f"grade {k}" for k in range(count)), (0.0,) * count)


def _graded(grid: Floats, bank: LutBank, rng: np.random.Generator) -> Floats:
    c = grid
    if rng.random() < 0.5:
        look = bank.values[rng.integers(len(bank))].reshape(-1, 3)
        c = grid + (look - grid) * rng.uniform(0.2, 1)
    if rng.random() < 0.8:
        exposure, warmth, tint = rng.normal(size=3) * (0.5, 0.25, 0.12)
        light = decode(np.clip(c, 0, 1)) * np.exp2(exposure + np.array([warmth, -tint, -warmth]))
        c = encode(np.where(light > 0.8, 1 - 0.2 * np.exp(-np.maximum(light - 0.8, 0) / 0.2), light))
    if rng.random() < 0.6:
        c = np.clip(c, 0, 1) ** np.exp2(rng.normal() * 0.3 + rng.normal(size=3) * 0.1)
    if rng.random() < 0.5:
        c = np.clip(c, 0, 1)
        c = c + 2 * rng.normal() * 0.25 * np.sin((c - rng.uniform(0.3, 0.6)) * np.pi) * c * (1 - c)
    if rng.random() < 0.6:
        grey = (c @ _LUMA)[:, None]
        c = grey + (c - grey) * np.exp2(rng.normal() * 0.5)
    if rng.random() < 0.4:
        black = rng.uniform(0, 0.12) + rng.normal(size=3) * 0.03
        c = black + c * (1 - np.abs(rng.normal(size=3)) * 0.07 - black)
    if rng.random() < 0.25:
        c = c @ (np.eye(3) + rng.normal(size=(3, 3)) * 0.06).T
    return np.clip(c, 0, 1)
