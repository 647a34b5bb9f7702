"""Write the card of the looks, `luts/README.md`, and their contact sheet: `python -m tools.look_card`."""

from __future__ import annotations

import numpy as np
from PIL import Image

from sshbench.folders import data_folder
from sshbench.lut.looks import LOOKS
from sshbench.lut.looks.look import DECIMALS, SIZE
from sshbench.lut.sheet import contact_sheet
from tests.lut.measure import PHOTOGRAPHS, appearances, ciede2000, distances, embeddable_photographs, sample, to_lab

SAMPLES = 2000

TEXT = """# luts: one hundred looks

{count} parametric looks, each a `.cube` file of {size} x {size} x {size} points, sRGB in, sRGB out, all values within
0..1. They are our own, computed from the parameters below by `sshbench/lut/looks/` (linear light, Oklab and ACES AP1,
with colour-science), and under the project's licence, Apache-2.0. `docs/looks.md` compares them with 227 film looks.

![Every look on the same photographs, the untouched ones first](../docs/looks/contact_sheet.png)

- `sshbench lut bake FOLDER` writes these files again, byte for byte. Values are rounded to {decimals} decimals: half a
  step, {half:.0e}, is a third of a 16-bit code, and far coarser than what mathematics libraries differ by.
- Brighter stays brighter: luminance rises along greys and along any colour from black to full, and no curve has an
  edge that bands would show at (`tests/lut/test_looks.py`).
- Strength is the mean CIEDE2000 (Lab, D65) between the photographs with and without the look, over {samples} pixels
  drawn from each of {photographs}: median {median:.1f}, tenth to
  ninetieth percentile {low:.1f} to {high:.1f}. The two nearest looks, {near_a} and {near_b}, are {near:.1f} apart.
- The photographs: astronaut (NASA, public domain), chelsea, coffee, motorcycle and rocket (CC0) from scikit-image;
  Aitzgorri by Aitzol Berasategi, 2018 (CC BY 4.0), from Debian's lomiri-wallpapers-16.04, reduced.
- This card and its sheet: `python -m tools.look_card`.

Steps are described in `sshbench/lut/looks/operators.py`; hues are Oklab angles in degrees.

| look | family | strength | parameters |
|---|---|---:|---|
{rows}
"""


def main() -> None:
    folder = data_folder("luts")
    photos = embeddable_photographs()
    luts = [look.lut() for look in LOOKS]
    pixels = sample(list(photos.values()), SAMPLES)
    seen = appearances(luts, pixels)
    strength = ciede2000(np.broadcast_to(to_lab(pixels), seen.shape), seen).mean(axis=1)
    apart = distances(seen[:, ::5])
    a, b = np.unravel_index(apart.argmin(), apart.shape)
    rows = [
        f"| [{look.name}]({look.name}.cube) | {look.family} | {value:.1f} | {look.parameters} |"
        for look, value in zip(LOOKS, strength, strict=True)
    ]
    low, median, high = np.percentile(strength, [10, 50, 90])
    text = TEXT.format(
        count=len(LOOKS),
        size=SIZE,
        decimals=DECIMALS,
        half=0.5 * 10**-DECIMALS,
        samples=SAMPLES,
        photographs=", ".join(PHOTOGRAPHS),
        low=low,
        median=median,
        high=high,
        near_a=LOOKS[a].name,
        near_b=LOOKS[b].name,
        near=apart[a, b],
        rows="\n".join(rows),
    )
    (folder / "README.md").write_text(text, encoding="utf-8")
    portrait = photos["astronaut"][:300, 90:330]
    sheet = contact_sheet(luts, [portrait, photos["aitzgorri"], photos["rocket"]], tile=(174, 92))
    # Steps of 4 codes are invisible, and keep the file below 2 MB.
    coarse = np.minimum((np.asarray(sheet, np.int16) + 2) // 4 * 4, 255).astype(np.uint8)
    Image.fromarray(coarse).save(folder.parent / "docs" / "looks" / "contact_sheet.png", optimize=True)


if __name__ == "__main__":
    main()
