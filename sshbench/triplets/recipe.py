"""`Recipe`: everything random about one triplet, decided before any pixel is read.

A recipe is a pure function of (seed, row id, draw), the same on every machine: its random words are the digest of these
three under BLAKE2b, a fixed function of bytes, and everything is drawn from them with whole-number arithmetic. It knows
no image size. The two crops lie in a square window, as large as the photograph's short side, which lies somewhere along
its long side; so the overlap of the crops is that of the recipe in every photograph.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sshbench.triplets.settings import Settings

Box = tuple[float, float, float, float]


class Crop(NamedTuple):
    """A square crop: of the window brought to `scale` x `scale` pixels, the part from column `x` and row `y` on."""

    scale: int
    x: int
    y: int


@dataclass(frozen=True, slots=True)
class Recipe:
    """One triplet (or composite) before its pixels.

    Parameters
    ----------
    row, draw
        The photograph's row id in its source, and which of its recipes this is (0 ...).
    content, reference
        The crops; a composite uses `content`.
    window
        Where the window lies along the long side: 0 at the start, 65535 at the end.
    alpha, beta
        Index of the LUT in the bank; of the colour transfer in `Settings.transfers` (beta: -1, as photographed); -1 for
        saturation.
    alpha_strength, beta_strength
        How far the LUT is followed (0 to 1), or the factor of saturation.
    seed
        63 bits for what else is drawn: the partner of a colour transfer, a generated mask.
    """

    row: str
    draw: int
    content: Crop
    reference: Crop
    window: int
    alpha: int
    beta: int
    alpha_strength: float
    beta_strength: float
    seed: int

    def to_row(self) -> dict[str, Any]:
        """The recipe as scalars, for a row of a table."""
        raise NotImplementedError

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Recipe:
        """The recipe that `to_row` wrote; other columns are passed over."""
        raise NotImplementedError


def make_recipe(settings: Settings, row: str, draw: int, luts: int) -> Recipe:
    """Draw the recipe number `draw` of the photograph `row`, with a bank of `luts` LUTs.

    Raises
    ------
    SettingsError
        Fewer than two LUTs, weights for another number of LUTs, or bounds of the overlap that no pair of crops keeps.
    """
    raise NotImplementedError


def make_recipes(settings: Settings, rows: Sequence[str], draws: Sequence[int], luts: int) -> list[Recipe]:
    """`[make_recipe(settings, row, draw, luts) for row, draw in zip(rows, draws)]`, faster."""
    raise NotImplementedError


def overlap(a: Crop, b: Crop, crop: int) -> float:
    """What two crops of `crop` pixels share, as a part of the smaller one's area, 0 to 1."""
    raise NotImplementedError


def boxes(recipe: Recipe, crop: int, width: int, height: int) -> tuple[Box, Box]:
    """The content and the reference in a photograph of that size: (left, top, right, bottom) in its pixels."""
    raise NotImplementedError
