"""Measure the share of a known error of exposure or white balance that methods remove from a foreground.

    python tools/known_edits.py --photos PHOTOS --masks MASKS -m ssh-lut -m gain [--limit 128]

Each held-out photograph with a mask is its own ground truth: the pixels inside the mask get each step of
`sshbench.triplets.families.ladder_bank`, and the other pixels stay as photographed. For each step, the table has the
share of the error that a method removes, by two measures. `light` measures the error of the foreground's mean linear
light in stops, along the direction of the edit: 1 minus the slope of the remaining error over the original error.
`RMSE` is 1 minus the ratio of the root mean squared errors after and before, in sRGB codes. Intervals are 95%
bootstraps over photographs.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sshbench.benchmarks.composite import Composite, paste
from sshbench.colour.srgb import decode
from sshbench.lut.apply import apply_lut
from sshbench.methods import get_method
from sshbench.triplets.families import ladder_bank
from sshbench.triplets.held_out import is_held_out

SIDE = 256
BATCH = 16


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--masks", type=Path, required=True)
    parser.add_argument("-m", "--method", action="append", required=True)
    parser.add_argument("--limit", type=int, default=128)
    given = parser.parse_args()
    names = [path.stem for path in sorted(given.masks.glob("*.png")) if is_held_out(path.stem)][: given.limit]
    truths = [opened(given.photos / f"{name}.jpg", given.masks / f"{name}.png") for name in names]
    print(f"{len(truths)} photographs; share of the error that is gone: light, RMSE")
    for name in given.method:
        method, bank = get_method(name), ladder_bank()
        for step in bank.names:
            rows = []
            for start in range(0, len(truths), BATCH):
                part = truths[start : start + BATCH]
                made = method.harmonize([edited(photo, mask, bank[step]) for photo, mask in part])
                for (photo, mask), picture in zip(part, made, strict=True):
                    before = edited(photo, mask, bank[step]).composite
                    rows.append(measured(photo, before, np.asarray(picture), mask >= 0.5, step.endswith("K")))
            print(f"{name:12} {step:>8}  {interval(np.array(rows))}", flush=True)


def opened(photo: Path, mask: Path) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Return a photograph and its mask at 256 x 256."""
    picture = Image.open(photo).convert("RGB").resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    shape = Image.open(mask).convert("L").resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    return np.asarray(picture), np.asarray(shape, np.float32) / 255


def edited(photo: NDArray[np.uint8], mask: NDArray[np.float32], lut: object) -> Composite:
    """Return the photograph with an edit inside its mask."""
    composite = paste(apply_lut(photo, lut, layout="HWC"), photo, mask)
    return Composite("edit", composite, composite, composite, mask)


def measured(
    truth: NDArray[np.uint8], before: NDArray[np.uint8], after: NDArray[np.uint8], inside: NDArray[np.bool_], cast: bool
) -> tuple[float, float, float, float]:
    """Return the products of the errors of light (after times before, before times before) and the two RMSEs."""
    light = [np.log2(np.maximum(decode(image[inside] / 255).mean(0), 1e-4)) for image in (truth, before, after)]
    was, left = light[1] - light[0], light[2] - light[0]
    if cast:
        was, left = was - was.mean(), left - left.mean()
    errors = [np.sqrt(np.square(image[inside] - truth[inside].astype(float)).mean()) for image in (before, after)]
    return float(left @ was), float(was @ was), float(errors[0]), float(errors[1])


def interval(rows: NDArray[np.float64]) -> str:
    """Return the text of both shares with their intervals."""
    draws = np.random.default_rng(0).integers(len(rows), size=(2000, len(rows)))
    words = []
    for over, under in ((0, 1), (3, 2)):
        shares = 1 - rows[draws, over].sum(1) / rows[draws, under].sum(1)
        mean = 1 - rows[:, over].sum() / rows[:, under].sum()
        words.append(f"{mean:5.0%} [{np.quantile(shares, 0.025):.0%}, {np.quantile(shares, 0.975):.0%}]")
    return "  ".join(words)


if __name__ == "__main__":
    main()
