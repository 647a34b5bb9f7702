"""Compare the colour maps that bring a network's result to full size, with looks as known results.

`python -m tools.compare_maps [--photos DIR] [--luts PLACE ...] [--pairs 200]`. The looks and the photographs of DIR are
those of the held-out tenth. For each pair of a photograph and a look, the output of a network is simulated: the
photograph at 256 x 256 under the look, blurred (sigma 0.8 pixel), with noise of 2 codes, slow colour casts of 3 codes,
and a square of 48 x 48 pixels with an error of 38 codes. Each map is fitted to the pair of small pictures. It is then
compared with the look itself, on the photograph at full size.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from time import process_time

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

from sshbench.folders import data_folder
from sshbench.lut.apply import apply_lut
from sshbench.lut.bank import LutBank
from sshbench.lut.fit import fit_lut
from sshbench.methods.full_resolution import ColourMap, fit_map
from sshbench.methods.views import at_side
from sshbench.metrics.colour import ciede2000
from sshbench.metrics.pixel import psnr
from sshbench.triplets.held_out import is_held_out
from sshbench.triplets.luts import SHIPPED, open_bank

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]
KINDS = ("lut", "polynomial", "plain lut, 17 points")


def like_a_network(image: Floats, random: np.random.Generator) -> Floats:
    """Return a simulated output of a network whose correct result is `image`, `[256, 256, 3]`."""
    slow = gaussian_filter(random.normal(size=image.shape), (24, 24, 0))
    out = gaussian_filter(image, (0.8, 0.8, 0)) + random.normal(0, 2 / 255, image.shape) + slow / slow.std() * 3 / 255
    y, x = random.integers(0, 208, 2)
    out[y : y + 48, x : x + 48] += random.normal(0, 0.15, 3)
    return np.clip(out, 0, 1).astype(np.float32)


def pairs(photos: list[Path], luts: LutBank, count: int) -> Iterator[tuple[Pixels, Pixels, Floats, Floats]]:
    """Yield a photograph, the photograph under a look, and the input and the simulated output of the network."""
    random = np.random.default_rng(0)
    for _ in range(count):
        with Image.open(photos[random.integers(len(photos))]) as opened:
            photo = np.asarray(opened.convert("RGB"))
        look = int(random.integers(len(luts)))
        small = (at_side(photo) / 255).astype(np.float32)
        through = np.clip(apply_lut(small, luts, look, layout="HWC"), 0, 1)
        yield photo, apply_lut(photo, luts, look, layout="HWC"), small, like_a_network(through, random)


def fitted(kind: str, source: Floats, target: Floats) -> ColourMap:
    if kind in ("lut", "polynomial"):
        return fit_map(kind, source, target)
    return ColourMap(kind, fit_lut(source.reshape(-1, 3), target.reshape(-1, 3), size=17))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--luts", nargs="+", default=[SHIPPED])
    parser.add_argument("--pairs", type=int, default=200)
    options = parser.parse_args()
    photos = sorted((options.photos or data_folder("sample")).glob("*.jpg"))
    luts = open_bank(options.luts, "held-out")
    if options.photos:
        photos = [photo for photo in photos if is_held_out(photo.stem)]
    scores: dict[str, list[tuple[float, float, float]]] = {kind: [] for kind in KINDS}
    for photo, truth, source, target in pairs(photos, luts, options.pairs):
        for kind in KINDS:
            start = process_time()
            colour_map = fitted(kind, source, target)
            seconds = process_time() - start
            mapped = colour_map(photo)
            scores[kind].append((float(psnr(mapped, truth)), float(ciede2000(mapped, truth)), seconds))
    print(f"{options.pairs} pairs of {len(photos)} photographs and {len(luts)} looks\n")
    print("| map | PSNR, mean | 5th percentile | worst | CIEDE2000, mean | 95th percentile | worst | CPU ms a fit |")
    print("|---|---|---|---|---|---|---|---|")
    for kind, rows in scores.items():
        psnrs, differences, seconds = np.array(rows).T
        cells = (
            psnrs.mean(), np.percentile(psnrs, 5), psnrs.min(), differences.mean(), np.percentile(differences, 95),
            differences.max(),
        )  # fmt: skip
        print(f"| {kind} | {' | '.join(f'{cell:.2f}' for cell in cells)} | {1000 * np.median(seconds):.0f} |")


if __name__ == "__main__":
    main()
