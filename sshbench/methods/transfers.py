"""Classical colour transfer: give the foreground the colour statistics of the background around it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from sshbench.benchmarks.composite import FAINT, Composite, paste
from sshbench.colour.match import (
    ColourFunction,
    Floats,
    Space,
    function_in_space,
    match_covariance,
    match_covariance_optimally,
    match_deviation,
    match_distribution,
    match_histograms,
)
from sshbench.colour.strength import Amount, followed

Pixels = NDArray[np.uint8]
Match = Callable[[Floats, Floats], ColourFunction]
"""A function from values of the foreground `[N, 3]` and of the background `[M, 3]`, in some space, to a map."""


class StatisticsTransfer:
    """Harmonize by a colour map that is found from two sets of pixels.

    The map gives the pixels of the foreground (mask above 1/32) the statistics of the background's pixels (mask below
    0.5, or all pixels if there are none). It works at full resolution, and the result is blended over the background
    with the soft mask.

    Parameters
    ----------
    name
        The method's name.
    match, space
        The function that finds the map, and the colour space that it works in (`function_in_space`).
    amount
        How far the map is applied.
    """

    needs_background = True
    needs_mask = True
    sees_target = False
    input_size: int | None = None
    weights_hash: str | None = None
    trained_by: str | None = None

    def __init__(self, name: str, match: Match, space: Space, amount: Amount) -> None:
        self.name = name
        self.match = match
        self.space = space
        self.amount = amount

    def harmonize(self, batch: Sequence[Composite]) -> list[Pixels]:
        """Return the composites with a changed foreground, uint8 `[H, W, 3]` each."""
        return [self._harmonize(composite) for composite in batch]

    def _harmonize(self, composite: Composite) -> Pixels:
        inside = composite.mask > FAINT
        if np.count_nonzero(inside) < 2:  # a single pixel has no deviation
            return composite.composite
        pixels = composite.foreground[inside].astype(np.float64)
        around = background_of(composite.background, 1 - composite.mask)
        function = function_in_space(self.space, self.match, pixels, around)
        if not self.amount.is_whole:
            function = _of_codes(followed(_of_shares(function), self.amount))
        foreground = composite.foreground.copy()
        foreground[inside] = np.floor(function(pixels) + 0.5).astype(np.uint8)
        return paste(foreground, composite.background, composite.mask)


def background_of(image: Pixels, weight: NDArray[np.float32]) -> Floats:
    """Return the codes `[N, 3]`, float64 over 0..255, of the pixels whose weight as background is over 0.5.

    If no pixel has such a weight, return the codes of all pixels.
    """
    outside = weight > 0.5
    return image[outside if outside.any() else slice(None)].reshape(-1, 3).astype(np.float64)


def _of_shares(function: ColourFunction) -> ColourFunction:
    return lambda colours: function(colours * 255) / 255


def _of_codes(function: ColourFunction) -> ColourFunction:
    return lambda codes: function(codes / 255) * 255


def reinhard(
    *, space: Space = "lab", strength: float = 1.0, lightness: float = 1.0, colour: float = 1.0
) -> StatisticsTransfer:
    """Return the method of Reinhard et al. 2001: match mean and deviation of each axis (published: l-alpha-beta)."""
    return StatisticsTransfer("reinhard", match_deviation, space, Amount.of(strength, lightness, colour))


def xiao(
    *, space: Space = "srgb", strength: float = 1.0, lightness: float = 1.0, colour: float = 1.0
) -> StatisticsTransfer:
    """Return the method of Xiao and Ma 2006: match the mean and covariance (published: of RGB)."""
    return StatisticsTransfer("xiao", match_covariance, space, Amount.of(strength, lightness, colour))


def fecker(
    *, space: Space = "ycbcr", strength: float = 1.0, lightness: float = 1.0, colour: float = 1.0
) -> StatisticsTransfer:
    """Return the method of Fecker et al. 2008: match the histogram of each axis (published: luma and chroma)."""
    return StatisticsTransfer("fecker", match_histograms, space, Amount.of(strength, lightness, colour))


def pitie(
    *, space: Space = "srgb", strength: float = 1.0, lightness: float = 1.0, colour: float = 1.0
) -> StatisticsTransfer:
    """Return the method of Pitie et al. 2007: match the distribution by iterated one-dimensional matching, in RGB."""
    return StatisticsTransfer("pitie", match_distribution, space, Amount.of(strength, lightness, colour))


def monge_kantorovich(
    *, space: Space = "srgb", strength: float = 1.0, lightness: float = 1.0, colour: float = 1.0
) -> StatisticsTransfer:
    """Return the method of Pitie and Kokaram 2007: match mean and covariance by the map that moves colours least."""
    return StatisticsTransfer(
        "monge-kantorovich", match_covariance_optimally, space, Amount.of(strength, lightness, colour)
    )
