"""Synthetic mattes whose foreground, background and alpha are known, as they were before they were mixed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

Floats = NDArray[np.float64]
TIMES = 4


@dataclass(frozen=True)
class Matte:
    """A photograph `[H, W, 3]`, its alpha `[H, W]`, both uint8, and the foreground's own colours, 0..255."""

    photo: NDArray[np.uint8]
    alpha: NDArray[np.uint8]
    foreground: Floats

    @property
    def band(self) -> NDArray[np.bool_]:
        return np.asarray((self.alpha > 0) & (self.alpha < 255))

    def visible_error(self, colours: NDArray[Any]) -> float:
        """The mean error of the band on any new background, in codes: alpha times that of the colours."""
        weight = self.alpha[self.band][:, None] / 255
        return float((weight * np.abs(colours[self.band] - self.foreground[self.band])).mean())


def matte(kind: str, behind: str, height: int = 320, width: int = 400, seed: int = 0) -> Matte:
    """`hair`: a head with strands a pixel wide; `defocus`: a disk with an edge of 20 pixels.

    Behind it is a green screen or a bright sky.
    """
    rng = np.random.default_rng(seed)
    size = width * TIMES, height * TIMES
    drawn = Image.new("L", size)
    pen = ImageDraw.Draw(drawn)
    x, y, radius = size[0] / 2, size[1] * 0.6, size[1] * 0.22
    pen.ellipse([x - radius, y - radius, x + radius, y + radius], fill=255)
    if kind == "hair":
        for _ in range(400):
            angle = rng.uniform(-np.pi, 0)
            start = np.array([x + 0.95 * radius * np.cos(angle), y + 0.95 * radius * np.sin(angle)])
            points = [start]
            for _ in range(12):
                angle += rng.normal(0, 0.15)
                points.append(points[-1] + radius * 0.06 * np.array([np.cos(angle), np.sin(angle)]))
            pen.line([tuple(p) for p in points], fill=255, width=int(rng.integers(2, 6)))
    else:
        drawn = drawn.filter(ImageFilter.GaussianBlur(6 * TIMES))
    alpha = np.asarray(drawn.reduce(TIMES))
    down, across = np.mgrid[0:height, 0:width] / max(height, width)
    waves = np.sin(40 * across + 9 * np.sin(6 * down))[..., None]
    foreground = np.array([95.0, 62, 40]) + waves * np.array([18.0, 12, 8]) + 40 * down[..., None]
    if behind == "green":
        background = np.array([40.0, 190, 60]) + 25 * (across - 0.5)[..., None]
    else:
        background = np.array([205.0, 225, 250]) + 30 * (0.3 - down)[..., None]
    background = np.clip(background + rng.normal(0, 2, background.shape), 0, 255)
    share = alpha[..., None] / 255
    photo = np.rint(share * foreground + (1 - share) * background).astype(np.uint8)
    return Matte(photo, alpha, foreground)
