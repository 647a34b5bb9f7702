"""Measure the effect of SSH-LUT's maps on ramps and patches of colours over a split, and draw a sheet of examples.

python -m tools.lut_safety docs/ssh-lut-safety.png [SPLIT ROOT]
"""

from __future__ import annotations

import sys

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sshbench.benchmarks.open import open_benchmark
from sshbench.lut.apply import apply_lut
from sshbench.lut.table import Lut
from sshbench.methods.ssh_lut import SshLutMethod, placed_view

# sRGB values of the dark and light skin of the ColorChecker, and of four more skin tones.
SKIN = [(115, 82, 68), (194, 150, 130), (241, 194, 167), (224, 172, 105), (141, 85, 36), (60, 46, 40)]
SHOWN = 8


def ramps() -> NDArray[np.uint8]:
    """Return ramps of grey, red, green, blue and hue from left to right, and skin tones, `[6 * 16, 256, 3]`."""
    steps = np.arange(256)
    rows = [np.stack([steps * on for on in part], -1) for part in ((1, 1, 1), (1, 0, 0), (0, 1, 0), (0, 0, 1))]
    hue = np.clip(np.abs((steps[:, None] / 256 * 6 + np.array([0, 4, 2])) % 6 - 3) - 1, 0, 1) * 200 + 25
    patches = np.repeat(np.array(SKIN), 43, axis=0)[:256]
    return np.repeat(np.array([*rows, hue, patches], np.uint8), 16, axis=0)


def measured(lut: Lut) -> dict[str, float]:
    """Return the largest fall of greys, the largest fall of own channels, and the largest step of greys, in codes."""
    greys = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    found = np.diff(apply_lut(greys.astype(np.float32) / 255, lut, layout="HWC")[0], axis=0) * 255
    values = lut.values
    assert values is not None
    own = min(float(np.diff(values[..., c], axis=axis).min()) * 255 for axis, c in ((0, 2), (1, 1), (2, 0)))
    n = len(values) - 1
    sides = np.stack([np.diff(values, axis=axis)[:n, :n, :n] * n for axis in (2, 1, 0)], axis=-1)
    folded = float((np.linalg.det(sides) < -0.05).mean())
    return {"grey falls": -min(0.0, float(found.min())), "own channel falls": -min(0.0, own),
            "step of greys": float(found.max()), "cells turned inside out": folded}  # fmt: skip


def main(out: str, split: str = "sample", root: str | None = None) -> None:
    benchmark, method = open_benchmark(split, root), SshLutMethod()
    ids = benchmark.ids()
    views = [view for view in (placed_view(benchmark[id]) for id in ids) if view is not None]
    luts = [found.lut for found in method.colour_maps(views)]
    numbers = [measured(lut) for lut in luts]
    print(f"{len(luts)} maps of {split}")
    for name in numbers[0]:
        values = [one[name] for one in numbers]
        print(f"{name}: median {np.median(values):.3f}, largest {max(values):.3f}")
    strip = ramps()
    shown = [strip, *(apply_lut(strip, lut, layout="HWC") for lut in luts[:: max(1, len(luts) // SHOWN)][:SHOWN])]
    gap = np.full((8, 256, 3), 255, np.uint8)
    halves = [np.concatenate([part for one in half for part in (one, gap)]) for half in (shown[:5], shown[4:9])]
    halves[1][: len(strip)] = strip
    Image.fromarray(np.concatenate([halves[0], np.full((len(halves[0]), 8, 3), 255, np.uint8), halves[1]], 1)).save(out)


if __name__ == "__main__":
    main(*sys.argv[1:])
