"""Compare the results of `harmonize` with the ground truth of the embedded sample.

`python -m tools.compare_sample [--reference full]` prints the table of docs/harmonize.md: the PSNR over the foreground
(mask at least 0.5) of the 33 composites, at their own size, for each method at full and at half strength.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from sshbench import harmonize
from sshbench.compositing.harmonize import PREFERRED, open_method
from sshbench.folders import data_folder
from sshbench.methods.base import Method

METHODS = (PREFERRED[0], PREFERRED[1], "gain", "shift", *PREFERRED[2:])


def scores(target: Path, method: Method | None, reference: str) -> tuple[float, float]:
    """Return the PSNR of one composite at strength 1 and 0.5; without a method, of the composite itself."""
    name = str(target).removesuffix("_gt.jpg")
    mask = f"{name}_mask.jpg"
    truth, inside = (np.asarray(Image.open(path).convert(mode)) for path, mode in ((target, "RGB"), (mask, "L")))
    found = []
    for strength in (1.0, 0.5):
        given = {"method": "dc", "strength": 0.0} if method is None else {"method": method, "strength": strength}
        result = harmonize(f"{name}.jpg", f"{name}_fore.jpg", mask, reference=reference, **given)  # type: ignore[arg-type]
        error = np.mean((result.pixels.astype(float) - truth)[inside > 127] ** 2)
        found.append(float(10 * np.log10(255**2 / error)))
    return found[0], found[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reference", choices=["auto", "full"], default="auto")
    reference = parser.parse_args().reference
    targets = sorted((data_folder("realhm") / "sample").glob("*/*_gt.jpg"))
    print("| method | PSNR of the foreground, mean | worst | at `--strength 0.5` |\n|---|---|---|---|")
    for name in (None, *METHODS):
        method = None if name is None else open_method(name)
        whole, half = np.array([scores(target, method, reference) for target in targets]).T
        at_half = "" if name is None else f"{half.mean():.2f}"
        print(
            f"| {name or 'untouched'} | {whole.mean():.2f} | {whole.min():.2f} | {at_half} |".replace("|  |", "| |"),
            flush=True,
        )


if __name__ == "__main__":
    main()
