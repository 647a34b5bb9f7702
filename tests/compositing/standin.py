"""Methods whose answer is known, and pictures to try them on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sshbench import Lut
from sshbench.benchmarks.composite import Composite
from sshbench.folders import data_folder
from sshbench.lut.files import read_lut
from sshbench.methods.full_resolution import ColourMap, View


def photo(name: str = "coffee", size: tuple[int, int] = (300, 200)) -> NDArray[np.uint8]:
    return np.asarray(Image.open(data_folder("sample") / f"{name}.jpg").convert("RGB").resize(size))


def ellipse(height: int, width: int, top: int = 255) -> NDArray[Any]:
    """A soft ellipse in the middle, half as wide and high."""
    y, x = np.mgrid[0:height, 0:width]
    distance = np.hypot((x - width / 2 + 0.5) / (width / 4), (y - height / 2 + 0.5) / (height / 4))
    soft = np.clip((1.05 - distance) * 10, 0, 1) * top
    return np.rint(soft).astype(np.uint8 if top == 255 else np.uint16)


def pasted(foreground: NDArray[Any], background: NDArray[Any], mask: NDArray[Any]) -> NDArray[Any]:
    """The definition, in float64."""
    weight = mask[..., None] / np.iinfo(mask.dtype).max
    mixed = foreground * weight + background * (1.0 - weight)
    return np.floor(mixed + 0.5).astype(background.dtype)


def look(name: str = "golden-hour") -> Lut:
    return read_lut(data_folder("luts") / f"{name}.cube")


class Known:
    """Answers with one colour map, and keeps what it was shown."""

    name = "known"
    needs_background = True
    needs_mask = True
    sees_target = False
    input_size: int | None = None
    weights_hash: str | None = None

    def __init__(self, lut: Lut | None = None) -> None:
        self.lut = lut or look()
        self.seen: list[View] = []
        self.kinds: list[str] = []

    def colour_maps(self, views: Sequence[View], kind: str) -> list[ColourMap]:
        self.seen += views
        self.kinds.append(kind)
        return [ColourMap("lut", self.lut) for _ in views]

    def harmonize(self, batch: Sequence[Composite]) -> list[NDArray[np.uint8]]:
        raise AssertionError("a method that predicts maps is asked for one")


class Painter(Known):
    """Answers with a picture too: a ramp of red from left to right."""

    name = "painter"

    def pictures(self, views: Sequence[View]) -> list[NDArray[np.float32]]:
        self.seen += views
        ramp = np.zeros((256, 256, 3), np.float32)
        ramp[..., 0] = (np.arange(256, dtype=np.float32) + 0.5) / 256
        return [ramp for _ in views]
