"""The effect of Jiang et al. 2021, Figure 7: one foreground at two places of a photograph with two lights.

`python -m tools.locality -o FILE [--method NAME] [--weights FILE] [--strength S]`. The photograph is an embedded one;
two looks light its left half warmly and its right half coldly, with a smooth transition. With `--reference full`, the
foreground gets the same colours at both places; with `auto`, it gets the colours of its surroundings.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from sshbench import harmonize
from sshbench.compositing.harmonize import open_method
from sshbench.folders import data_folder
from sshbench.reproduce.figures import two_lights

SIZE = (720, 480)
PLACES = {"left": (10, 190), "right": (510, 190)}
SCALE = 0.52


def drum() -> tuple[Image.Image, Image.Image]:
    """Return the photograph of the foreground and its mask."""
    folder = data_folder("realhm") / "sample" / "vendor_testing_2"
    return Image.open(folder / "bag-and-drum_gt.jpg"), Image.open(folder / "bag-and-drum_mask.jpg")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--method")
    parser.add_argument("--weights")
    parser.add_argument("--strength", type=float, default=1.0)
    options = parser.parse_args()
    method = open_method(options.method, weights=options.weights)
    with Image.open(data_folder("sample") / "aitzgorri.jpg") as photo:
        background = two_lights(np.asarray(photo.convert("RGB").resize(SIZE, Image.Resampling.LANCZOS)))
    foreground, mask = drum()
    rows = {"pasted": ("full", 0.0), "--reference full": ("full", options.strength),
            "--reference auto": ("auto", options.strength)}  # fmt: skip
    band, font = 26, ImageFont.load_default(17)
    sheet = Image.new("RGB", (SIZE[0], len(rows) * (SIZE[1] + band)), "white")
    draw = ImageDraw.Draw(sheet)
    for i, (title, (reference, strength)) in enumerate(rows.items()):
        picture = background
        for at in PLACES.values():
            # Both copies use the background without a foreground, so that one copy does not influence the other.
            one = harmonize(foreground, background, mask, method=method, at=at, scale=SCALE, reference=reference,
                            strength=strength).pixels  # fmt: skip
            picture = np.where((one != background).any(axis=2, keepdims=True), one, picture)
        said = title if not i else f"{title} ({method.name}), synthetic lights"
        draw.text((4, i * (SIZE[1] + band) + 3), said, fill="black", font=font)
        sheet.paste(Image.fromarray(picture), (0, i * (SIZE[1] + band) + band))
    options.output.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(options.output, quality=88)


if __name__ == "__main__":
    main()
