"""Bring the foreground's midtones to the background's: a method for sshbench in a package of its own.

A power curve for each channel takes the median of the foreground to that of the background. There is nothing to train.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sshbench.benchmarks.composite import FOREGROUND, Composite, Image, paste
from sshbench.lut.table import Lut, identity_table
from sshbench.methods.full_resolution import ColourMap


class Midtones:
    """The method; `sshbench evaluate -m midtones:strength=0.5` makes one with that argument.

    Parameters
    ----------
    strength
        How far to go: 0 changes nothing, 1 is the whole way.
    """

    def __init__(self, *, strength: float = 1.0) -> None:
        self.strength = strength

    def harmonize(self, batch: Sequence[Composite]) -> list[Image]:
        """Return the composites with a changed foreground, uint8 `[H, W, 3]`."""
        maps = self.composite_maps(batch)
        return [
            paste(one(composite.foreground), composite.background, composite.mask)
            for composite, one in zip(batch, maps, strict=True)
        ]

    def composite_maps(self, batch: Sequence[Composite]) -> list[ColourMap]:
        """The curves as maps of colours, so that `sshbench harmonize --export-lut` writes them."""
        return [self._map(composite) for composite in batch]

    def _map(self, composite: Composite) -> ColourMap:
        powers = _powers(composite)
        return ColourMap("curves", Lut(values=identity_table(33) ** (1 + self.strength * (powers - 1))))


def _powers(composite: Composite) -> NDArray[np.float32]:
    """The exponent of each channel; 1 where there is no foreground, or nothing but it."""
    inside = composite.mask >= FOREGROUND
    if inside.all() or not inside.any():
        return np.ones(3, np.float32)
    middle = [np.median(image[where], axis=0) / 255 for image, where in _regions(composite, inside)]
    foreground, background = (np.log(np.clip(one, 0.02, 0.98)) for one in middle)
    return np.asarray(np.clip(background / foreground, 0.25, 4), np.float32)


def _regions(composite: Composite, inside: NDArray[np.bool_]) -> list[tuple[Image, NDArray[np.bool_]]]:
    return [(composite.foreground, inside), (composite.background, ~inside)]
