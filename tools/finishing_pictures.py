"""Make the pictures of docs/finishing.md from embedded photographs: `python -m tools.finishing_pictures [FOLDER]`.

The tool needs the extras `edges` and `masks`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import gaussian_filter

from sshbench import Lut, harmonize
from sshbench.compositing import Finish
from sshbench.compositing.masking import find_mask
from sshbench.compositing.texture import grain_rows
from sshbench.folders import data_folder
from tests.compositing.mattes import matte
from tests.compositing.standin import Known
from tools.locality import drum

Picture = NDArray[np.uint8]
BAND = 24


def photo(name: str) -> Picture:
    with Image.open(data_folder("sample") / f"{name}.jpg") as image:
        return np.asarray(image.convert("RGB"))


def sheet(pictures: dict[str, Picture], path: Path, across: int, crop: tuple[int, int, int, int] | None = None) -> None:
    """Write pictures of the same size in rows, each under its title."""
    shown = [Image.fromarray(one).crop(crop) if crop else Image.fromarray(one) for one in pictures.values()]
    width, height = shown[0].size
    out = Image.new("RGB", (across * (width + 6) - 6, -(-len(shown) // across) * (height + BAND)), "white")
    draw, font = ImageDraw.Draw(out), ImageFont.load_default(15)
    for i, (title, picture) in enumerate(zip(pictures, shown, strict=True)):
        x, y = i % across * (width + 6), i // across * (height + BAND)
        draw.text((x + 2, y + 3), title, fill="black", font=font)
        out.paste(picture, (x, y + BAND))
    out.save(path, quality=87)


def sliders(path: Path) -> None:
    """Make pictures of a portrait in front of mountains, with one slider moved in each."""
    asked = [{}, {"exposure": 0.7}, {"contrast": -60}, {"saturation": 60}, {"temperature": 60}, {"tint": 60}]
    front, behind = photo("astronaut"), photo("picos-de-europa")
    shown = {}
    for values in asked:
        title = ", ".join(f"--{name} {value}" for name, value in values.items()) or "ssh-lut"
        made = harmonize(
            front, behind, "auto:person", method="ssh-lut", anchor="bottom", at="50%,100%", fit="height=75%",
            finish=Finish(edges="decontaminate", **values),
        )  # fmt: skip
        shown[title] = made.pixels
    middle, (height, _) = behind.shape[1] // 2, behind.shape[:2]
    sheet(shown, path, 3, (middle - 160, height - 300, middle + 160, height))


def edges(path: Path) -> None:
    """Make pictures of synthetic mattes on a new background."""
    shown: dict[str, Picture] = {}
    for kind, old in (("hair", "green"), ("defocus", "sky")):
        one = matte(kind, old)
        behind = np.full_like(one.photo, (30, 40, 60))
        shown[f"{kind}, {old}"] = one.photo
        for choice in ("keep", "decontaminate"):
            finish = Finish(edges=choice)
            made = harmonize(one.photo, behind, one.alpha, method=Known(Lut.identity(2)), finish=finish)
            shown[f"--edges {choice}{' ' * len(shown)}"] = made.pixels
    sheet(shown, path, 3, (60, 60, 340, 280))


def mask(path: Path) -> None:
    """Make pictures of a person whose mask was found automatically."""
    front = photo("astronaut")
    found = find_mask("auto:person", front)
    grey = np.repeat(np.rint(found * 255).astype(np.uint8)[..., None], 3, axis=2)
    sheet({"photograph": front, "--mask auto:person": grey}, path, 2)


def shadow(path: Path) -> None:
    """Make pictures of a drum on a plain floor, with and without shadows."""
    front, cut = drum()
    behind = np.full((480, 720, 3), (206, 204, 200), np.uint8)
    behind[:330] = (176, 182, 190)
    asked = {
        "none": Finish(), "--shadow 0.6": Finish(shadow=0.6),
        "--shadow 0.7 --shadow-direction 20": Finish(shadow=0.7, shadow_direction=20, shadow_length=0.7),
    }  # fmt: skip
    shown = {
        title: harmonize(
            front, behind, cut, method="ssh-lut", strength=0.5, anchor="bottom", at="50%,88%", fit="height=50%",
            finish=finish,
        ).pixels
        for title, finish in asked.items()
    }  # fmt: skip
    sheet(shown, path, 3, (180, 150, 540, 480))


def texture(path: Path) -> None:
    """Make pictures of a clean portrait in front of a blurred and noisy background."""
    front, clean = photo("astronaut"), photo("picos-de-europa")
    height, width = clean.shape[:2]
    noise = grain_rows(slice(0, height), width, 0.8, seed=5) * 7
    soft = gaussian_filter(clean.astype(float), (1.6, 1.6, 0)) + noise
    behind = np.rint(np.clip(soft, 0, 255)).astype(np.uint8)
    shown: dict[str, Any] = {}
    for title, finish in {
        "as it is": Finish(), "--match-grain --match-blur": Finish(match_grain=True, match_blur=True)
    }.items():  # fmt: skip
        made = harmonize(
            front, behind, "auto:person", method="ssh-lut", anchor="bottom", at="50%,100%", fit="height=80%",
            finish=finish,
        )  # fmt: skip
        large = Image.fromarray(made.pixels).crop((width // 2 - 110, height - 290, width // 2 + 110, height - 110))
        shown[title] = np.asarray(large.resize((440, 360), Image.Resampling.NEAREST))
        print(title, "|", made.matched)
    sheet(shown, path, 2)


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/finishing")
    folder.mkdir(parents=True, exist_ok=True)
    for draw in (sliders, edges, mask, shadow, texture):
        draw(folder / f"{draw.__name__}.jpg")


if __name__ == "__main__":
    main()
