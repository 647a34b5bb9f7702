"""Count the turns that the table reads of a warp take on a photograph; the counts justify the layouts in cuda.cu.

python tools/gather_turns.py

The tool needs no GPU and measures no time. A turn is one cycle of the load unit of a multiprocessor. A group of lanes
(8 lanes for reads of 16 bytes, 32 lanes for reads of 4 and 2 bytes) takes as many turns as its busiest bank of shared
memory has different words. Through L1, it takes at most as many turns as it touches cache lines. `stride` is the
distance between the pixels of neighbouring lanes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

WARPS = 4000


def warps(pixels: NDArray[np.uint8], stride: int) -> NDArray[np.int64]:
    """Return the pixels `[warps, 32, 3]` that the 32 lanes of a warp read at one time, for warps all over the image."""
    count = len(pixels) // (32 * stride)
    lanes = pixels[: count * 32 * stride].reshape(count, 32, stride, 3).transpose(0, 2, 1, 3).reshape(-1, 32, 3)
    return lanes[np.random.default_rng(0).permutation(len(lanes))[:WARPS]].astype(np.int64)


def turns(words: NDArray[np.int64], group: int, banks: int) -> float:
    """Return the turns of a warp, as the mean over warps.

    For each group of lanes, the largest number of different words in one of the `banks` counts. With one bank, all
    different words of the group count.
    """
    ordered = np.sort(words.reshape(-1, group), axis=1)
    first = np.ones(ordered.shape, bool)
    first[:, 1:] = np.diff(ordered, axis=1) != 0
    loads = np.zeros((len(ordered), banks), int)
    np.add.at(loads, (np.arange(len(ordered))[:, None], ordered % banks), first)
    return float(loads.max(axis=1).sum() / len(words))


def count(pixels: NDArray[np.uint8], size: int, stride: int) -> dict[str, float]:
    """Return the turns for one pixel in each lane, summed over the eight corners."""
    cell = np.minimum(warps(pixels, stride) * (size - 1) // 255, size - 2)
    total = {"texels through L1": 0.0, "texels in shared memory": 0.0, "codes in shared memory": 0.0}
    for b, g, r in np.ndindex(2, 2, 2):
        point = ((cell[..., 2] + b) * size + cell[..., 1] + g) * size + cell[..., 0] + r
        total["texels through L1"] += turns(point // 8, 8, 1)
        total["texels in shared memory"] += turns(point, 8, 8)
        total["codes in shared memory"] += turns(point, 32, 32) + turns(point // 2, 32, 32)
    return total


def main() -> None:
    """Print the table."""
    from PIL import Image
    from skimage import data

    photo = Image.fromarray(data.astronaut()).resize((1920, 1920), Image.Resampling.BICUBIC)
    noise = np.random.default_rng(0).integers(0, 256, (1080, 1920, 3), np.uint8)
    print(f"{'image':6} {'size':>4} {'stride':>6}   turns of a warp a pixel of each lane")
    for name, image in (("photo", np.asarray(photo)[200:1280]), ("noise", noise)):
        for size in (17, 33):
            for stride in (1, 4, 16):
                parts = count(image.reshape(-1, 3), size, stride)
                print(f"{name:6} {size:4} {stride:6}   " + ", ".join(f"{what} {n:.0f}" for what, n in parts.items()))


if __name__ == "__main__":
    main()
