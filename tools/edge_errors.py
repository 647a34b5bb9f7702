"""Measure the errors of colours at soft edges, on synthetic mattes whose foreground is known.

`python -m tools.edge_errors` prints the table of docs/finishing.md: the mean error of the soft band, times the mask, in
codes of 255. The errors are those of the unchanged colours, of the colours after `--edges decontaminate`, and of the
colours after the same step on a cut-out, which does not contain its old background.
"""

from __future__ import annotations

import numpy as np

from sshbench.compositing.edges import decontaminated
from tests.compositing.mattes import matte

KINDS = {"hair": "strands of hair, one pixel wide", "defocus": "defocused disk, edge of 20 pixels"}
BEHIND = {"green": "green screen", "sky": "bright sky"}


def rows() -> list[tuple[str, str, float, float, float]]:
    """Return the matte, the old background and the three errors of each row."""
    found = []
    for kind, shown in KINDS.items():
        for behind, name in BEHIND.items():
            one = matte(kind, behind)
            cutout = np.where(one.alpha[..., None] > 0, one.photo, 0).astype(np.uint8)
            results = one.photo, decontaminated(one.photo, one.alpha), decontaminated(cutout, one.alpha, hidden=True)
            kept, clean, of_cutout = (one.visible_error(colours) for colours in results)
            found.append((shown, name, kept, clean, of_cutout))
    return found


def main() -> None:
    print("| matte | old background | keep | decontaminate | decontaminate a cut-out |\n|---|---|---|---|---|")
    for shown, behind, kept, clean, of_cutout in rows():
        print(f"| {shown} | {behind} | {kept:.1f} codes | {clean:.1f} | {of_cutout:.1f} |")


if __name__ == "__main__":
    main()
