"""Draw docs/own-composites.png: foregrounds that are pasted into other photographs, unchanged and harmonized.

    python tools/own_composites.py --photos PHOTOS --masks MASKS -o docs/own-composites.png

docs/own-composites.csv lists the composites: the position of the middle of the foreground's lower edge, as fractions of
the background's width and height, and the foreground's height as a fraction of the background's height.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from sshbench import harmonize
from sshbench.methods import get_method

LIST = Path(__file__).parents[1] / "docs" / "own-composites.csv"
METHODS = ("ssh-lut", "ssh", "gain")
CELL = 200, 150
TITLE = 14


def main() -> None:
    """Make the sheet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--masks", type=Path, required=True)
    parser.add_argument("-o", "--out", type=Path, default=LIST.with_suffix(".png"))
    parser.add_argument("--columns", type=int, default=2, help="composites side by side")
    given = parser.parse_args()
    methods = {name: get_method(name) for name in METHODS}
    rows = [pictures(row, given.photos, given.masks, methods) for row in csv.DictReader(LIST.open(encoding="utf-8"))]
    sheet(rows, given.columns).save(given.out)


def pictures(row: dict[str, str], photos: Path, masks: Path, methods: dict) -> list[tuple[str, Image.Image]]:
    """Return the untouched composite and the result of each method, each with its title."""
    foreground = Image.open(photos / f"{row['foreground']}.jpg").convert("RGB")
    mask = Image.open(masks / f"{row['foreground']}.png").convert("L")
    mask = mask if mask.size == foreground.size else mask.resize(foreground.size)
    background = Image.open(photos / f"{row['background']}.jpg").convert("RGB")
    left, top, right, bottom = Image.fromarray((np.asarray(mask) > 127).astype(np.uint8)).getbbox()
    scale = float(row["height"]) * background.height / (bottom - top)
    at = (
        round(float(row["x"]) * background.width - scale * (left + right) / 2),
        round(float(row["bottom"]) * background.height - scale * bottom),
    )
    shown = []
    for name, method in methods.items():
        made = harmonize(foreground, background, mask, at=at, scale=scale, method=method)
        if not shown:
            plain = harmonize(foreground, background, mask, at=at, scale=scale, method=method, strength=0.0)
            shown.append((f"{row['scene']}: untouched", Image.fromarray(plain.pixels)))
        shown.append((name, Image.fromarray(made.pixels)))
    return shown


def sheet(rows: list[list[tuple[str, Image.Image]]], columns: int) -> Image.Image:
    """Return a sheet of all pictures: a composite and its results in a line, and several composites side by side."""
    wide, high = CELL[0] + 4, CELL[1] + TITLE + 4
    each = len(rows[0]) * wide + 12
    lines = -(-len(rows) // columns)
    page = Image.new("RGB", (columns * each, lines * high), "white")
    draw = ImageDraw.Draw(page)
    for k, row in enumerate(rows):
        column, line = divmod(k, lines)
        for place, (title, picture) in enumerate(row):
            x, y = column * each + place * wide, line * high
            small = picture.copy()
            small.thumbnail(CELL)
            page.paste(small, (x, y + TITLE))
            draw.text((x, y), f"{k + 1} {title}" if not place else title, fill="black")
    return page


if __name__ == "__main__":
    main()
