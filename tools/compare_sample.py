"""How near `harmonize` comes to the truth on the embedded sample: `python -m tools.compare_sample`.

Mean PSNR over the foreground (mask at least 0.5) of the 33 composites, at their own size, for methods, references and
strengths.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import product

import numpy as np
from PIL import Image

from sshbench import harmonize
from sshbench.compositing.harmonize import PREFERRED, open_method
from sshbench.folders import data_folder

REFERENCES, STRENGTHS = ("auto", "full"), (1.0, 0.5)


def main() -> None:
    methods = [open_method(name) for name in ("dc", *PREFERRED, "gain", "shift")]
    scores: dict[tuple[str, str, float], list[float]] = defaultdict(list)
    for target in sorted((data_folder("realhm") / "sample").glob("*/*_gt.jpg")):
        name = str(target).removesuffix("_gt.jpg")
        mask = f"{name}_mask.jpg"
        truth, inside = (np.asarray(Image.open(path).convert(mode)) for path, mode in ((target, "RGB"), (mask, "L")))
        for method, reference, strength in product(methods, REFERENCES, STRENGTHS):
            given = f"{name}.jpg", f"{name}_fore.jpg", mask
            result = harmonize(*given, method=method, reference=reference, strength=strength)
            error = np.mean((result.pixels.astype(float) - truth)[inside > 127] ** 2)
            scores[method.name, reference, strength].append(10 * np.log10(255**2 / error))
    print("| method | reference | strength | foreground PSNR, mean | worst |\n|---|---|---|---|---|")
    for (method_name, reference, strength), values in scores.items():
        print(f"| {method_name} | {reference} | {strength:g} | {np.mean(values):.2f} | {min(values):.2f} |")


if __name__ == "__main__":
    main()
