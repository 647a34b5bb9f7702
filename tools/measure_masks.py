"""Compare automatic masks with masks that people drew: `python -m tools.measure_masks PHOTOS MASKS [PREFIX ...]`.

Photographs and masks have the same names. Each prefix of names has a row in the table. GrabCut gets the box of the
drawn mask, enlarged by 4 % on each side.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image

from sshbench.compositing.masking import MaskError, find_mask

COUNT = 40


def main() -> None:
    photos, masks = Path(sys.argv[1]), Path(sys.argv[2])
    print("names, mask, pictures, IoU mean, median, 10th percentile, nothing found, seconds a picture")
    for prefix in sys.argv[3:] or [""]:
        paths = sorted(masks.glob(f"{prefix}*.png"))
        paths = paths[:: max(1, len(paths) // COUNT)][:COUNT]
        for kind in ("auto:person", "grabcut"):
            scores, missed, start = [], 0, time.perf_counter()
            for path in paths:
                pixels = np.asarray(Image.open(photos / f"{path.stem}.jpg").convert("RGB"))
                drawn = np.asarray(Image.open(path).convert("L")) > 127
                request = kind if kind == "auto:person" else around(drawn)
                try:
                    found = find_mask(request, pixels) > 0.5
                except MaskError:
                    missed += 1
                    found = np.zeros_like(drawn)
                scores.append((found & drawn).sum() / max((found | drawn).sum(), 1))
            each = (time.perf_counter() - start) / len(paths)
            low = np.percentile(scores, 10)
            row = f"{np.mean(scores):.3f}, {np.median(scores):.3f}, {low:.3f}, {missed}, {each:.2f}"
            print(f"{prefix or 'all'}, {kind}, {len(paths)}, {row}")


def around(drawn: np.ndarray) -> str:
    """Return the request for GrabCut with the box of a mask and a margin."""
    (top, bottom), (left, right) = ((w.min(), w.max() + 1) for w in np.nonzero(drawn))
    x, y = round(0.04 * (right - left)), round(0.04 * (bottom - top))
    left, top = max(left - x, 1), max(top - y, 1)
    return f"grabcut:{left},{top},{min(right + x, drawn.shape[1]) - left},{min(bottom + y, drawn.shape[0]) - top}"


if __name__ == "__main__":
    main()
