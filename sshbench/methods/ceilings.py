"""Ceilings: the best colour map of some kind, fitted to the ground truth, which no method sees.

A method that maps the foreground by colour alone cannot have a lower MSE at full resolution than the best map of its
kind. Ceilings stand in tables to show how much of the task such a map explains.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from sshbench.benchmarks.composite import Composite, paste
from sshbench.colour.polynomial import fit_polynomial
from sshbench.lut.apply import apply_lut
from sshbench.lut.fit import fit_lut
from sshbench.methods.base import MethodError

Floats = NDArray[np.float64]
Fit = Callable[[Floats, Floats, Floats], Callable[[Floats], NDArray[np.floating]]]


class Ceiling:
    """The best map, by least squares, from a composite's foreground to its ground truth.

    The map f minimises the sum of ``(mask * f(foreground) + (1 - mask) * background - target)**2`` over the distinct
    colours of the foreground, all of them sRGB over 0..1.

    Parameters
    ----------
    name
        The method's name.
    fit
        A function from distinct colours `[N, 3]`, the colours that they should become `[N, 3]`, and their weights `[N]`
        to the map.
    """

    needs_background = True
    needs_mask = True
    sees_target = True
    input_size: int | None = None
    weights_hash: str | None = None
    trained_by: str | None = None

    def __init__(self, name: str, fit: Fit) -> None:
        self.name = name
        self.fit = fit

    def harmonize(self, batch: Sequence[Composite]) -> list[NDArray[np.uint8]]:
        """Return the composites with the foreground mapped, uint8 `[H, W, 3]` each.

        Raises
        ------
        MethodError
            A composite has no ground truth.
        """
        return [self._harmonize(composite) for composite in batch]

    def _harmonize(self, composite: Composite) -> NDArray[np.uint8]:
        if composite.target is None:
            raise MethodError(f"{composite.id}: {self.name} needs the ground truth, and there is none")
        inside = composite.mask > 0
        if not inside.any():
            return composite.composite
        mask = composite.mask[inside].astype(np.float64)[:, None]
        background, target = (a[inside].astype(np.float64) for a in (composite.background, composite.target))
        # mask * f(c) should equal target - (1 - mask) * background. We divide by the mask, so the weight is mask**2.
        colours, place = _distinct(composite.foreground[inside])
        weights = np.bincount(place, mask[:, 0] ** 2).astype(np.float64)
        pull = mask * (target - (1 - mask) * background) / 255
        wanted = np.stack([np.bincount(place, pull[:, c]) for c in range(3)], axis=1) / weights[:, None]
        mapped = self.fit(colours, wanted, weights)(colours)
        foreground = composite.foreground.copy()
        foreground[inside] = np.rint(255 * np.clip(mapped, 0, 1)).astype(np.uint8)[place]
        return paste(foreground, composite.background, composite.mask)


def _distinct(pixels: NDArray[np.uint8]) -> tuple[Floats, NDArray[np.int64]]:
    """Return the distinct colours `[K, 3]` over 0..1 of pixels `[N, 3]`, and the number of each pixel's colour."""
    codes = pixels.astype(np.int64) @ np.array([1, 256, 65536])
    codes, place = np.unique(codes, return_inverse=True)
    return np.stack([codes & 255, codes >> 8 & 255, codes >> 16], axis=1) / 255, place


def linear() -> Ceiling:
    """Return the ceiling of affine maps: a 3 x 3 matrix and an offset."""
    return Ceiling(
        "ceiling-linear", lambda source, target, weights: fit_polynomial(source, target, terms=4, weights=weights)
    )


def polynomial() -> Ceiling:
    """Return the ceiling of polynomials of the 17 terms of Cheung et al. 2004."""
    return Ceiling(
        "ceiling-polynomial", lambda source, target, weights: fit_polynomial(source, target, terms=17, weights=weights)
    )


def lut() -> Ceiling:
    """Return the ceiling of 3D LUTs of 17 points on each axis."""

    def fit(source: Floats, target: Floats, weights: Floats) -> Callable[[Floats], NDArray[np.floating]]:
        table = fit_lut(source, target, size=17, weights=weights)

        def apply(colours: Floats) -> NDArray[np.floating]:
            return np.asarray(apply_lut(colours.astype(np.float32)[None], table, layout="HWC")[0])

        return apply

    return Ceiling("ceiling-lut", fit)
