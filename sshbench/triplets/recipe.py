"""`Recipe`: all random values of one triplet, drawn before any pixel is read.

A recipe is a pure function of (seed, row id, draw), the same on every machine. Its random words are the BLAKE2b digest
of these three, and integer arithmetic turns the words into all values. A recipe does not depend on the image size. The
two crops lie in a square window. The side of the window is the short side of the photograph, and its position along the
long side is random. The overlap of the crops is therefore the same in every photograph.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from itertools import accumulate
from struct import Struct
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sshbench.triplets.settings import Settings, SettingsError

Box = tuple[float, float, float, float]
Words = NDArray[np.int64]

_WORDS = Struct("<16I")
_SALT = Struct("<QQ")
_FIRST_PLACE = 8  # words 0 to 7 of block 0 hold the values that are drawn once
_PLACES = (0, 8)  # the words at which candidates for the two crops start in all later blocks
_TRIED = 8192  # the number of candidates that decide whether crops can satisfy the bounds of the overlap
_LEAST_KEPT = 16
_MANY = 16  # with at least this number of recipes, drawing them together is faster


class Crop(NamedTuple):
    """A square crop that starts at column `x` and row `y` of the window resized to `scale` x `scale` pixels."""

    scale: int
    x: int
    y: int


@dataclass(frozen=True, slots=True)
class Recipe:
    """All random values of one triplet or composite.

    Parameters
    ----------
    row, draw
        The photograph's row id in its source, and the number of the recipe among the photograph's recipes, from 0.
    content, reference
        The crops; a composite uses `content` only.
    window
        The position of the window along the long side: 0 at the start, 65535 at the end.
    alpha, beta
        The index of the LUT in the bank, or of the colour transfer in `Settings.transfers` (a beta of -1 leaves the
        image as photographed); -1 for saturation. In a composite, the foreground has the look alpha, and the background
        has the look beta if the settings give the background a look.
    alpha_strength, beta_strength
        The strength of the LUT or the colour transfer (0 to 1), or the factor of saturation.
    seed
        A seed of 63 bits for the partners of colour transfers and for a generated mask.

    Examples
    --------
    >>> from sshbench.triplets import Settings, make_recipe
    >>> recipe = make_recipe(Settings(), "photo.jpg", 0, 100)
    >>> recipe.row, recipe.draw, 0 <= recipe.alpha < 100
    ('photo.jpg', 0, True)
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
        """Return the recipe as a dict of scalars, for a row of a table."""
        return {
            "row": self.row,
            "draw": self.draw,
            "content_scale": self.content.scale,
            "content_x": self.content.x,
            "content_y": self.content.y,
            "reference_scale": self.reference.scale,
            "reference_x": self.reference.x,
            "reference_y": self.reference.y,
            "window": self.window,
            "alpha": self.alpha,
            "beta": self.beta,
            "alpha_strength": self.alpha_strength,
            "beta_strength": self.beta_strength,
            "seed": self.seed,
        }

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Recipe:
        """Return the recipe that `to_row` wrote to a row; other columns are ignored."""
        return cls(
            row["row"],
            row["draw"],
            Crop(row["content_scale"], row["content_x"], row["content_y"]),
            Crop(row["reference_scale"], row["reference_x"], row["reference_y"]),
            *(row[name] for name in ("window", "alpha", "beta", "alpha_strength", "beta_strength", "seed")),
        )

    def fits(self, settings: Settings, luts: int) -> bool:
        """Return whether all values have the types and ranges of a run with these settings and `luts` LUTs."""
        low, high = settings.scale
        crops = (self.content, self.reference)
        numbers = [self.draw, self.window, self.alpha, self.beta, self.seed, *self.content, *self.reference]
        strengths = (self.alpha_strength, self.beta_strength)
        kinds = {"color-transfer": (-1, len(settings.transfers)), "saturation": (-1, 0)}
        least, looks = kinds.get(settings.appearance, (0, luts))
        return (
            isinstance(self.row, str)
            and all(type(number) is int for number in numbers)
            and all(type(strength) is float and 0 <= strength <= 10 for strength in strengths)
            and all(low <= crop.scale <= high for crop in crops)
            and all(0 <= place <= crop.scale - settings.crop for crop in crops for place in (crop.x, crop.y))
            and 0 <= self.window <= 65535
            and all(least <= look < looks for look in (self.alpha, self.beta))
        )


def make_recipe(settings: Settings, row: str, draw: int, luts: int) -> Recipe:
    """Draw recipe number `draw` of the photograph `row`, with a bank of `luts` LUTs.

    The result depends on the arguments alone and is the same on every machine.

    Parameters
    ----------
    settings
        The ranges of the random values. Another `settings.seed` changes every recipe.
    row
        The id of the photograph in its source.
    draw
        The number of the recipe, from 0.
    luts
        The number of LUTs in the bank, at least 2.

    Returns
    -------
    Recipe
        The crops, the LUTs and the strengths of one triplet.

    Raises
    ------
    SettingsError
        There are fewer than two LUTs, the number of weights differs from the number of LUTs, or crops satisfy the
        bounds of the overlap too rarely.

    Examples
    --------
    >>> from sshbench.triplets import Settings, make_recipe
    >>> make_recipe(Settings(), "photo.jpg", 0, 100) == make_recipe(Settings(), "photo.jpg", 0, 100)
    True
    """
    plan = _plan(settings, luts)
    words = _WORDS.unpack(_block(settings.seed, row, draw, 0))
    content, reference = _crops(plan, settings.seed, row, draw, words)
    w_alpha, w_beta, w_alpha_strength, w_beta_strength, w_window, low, high = words[:7]
    if plan.luts:
        alpha, beta = plan.pick(w_alpha, w_beta)
    else:
        alpha, beta = (w_alpha * plan.transfers >> 32) if plan.transfers else -1, -1
        if plan.beta_transfers:
            beta = w_beta * plan.transfers >> 32
    base, span = plan.strength
    return Recipe(
        row,
        draw,
        content,
        reference,
        w_window >> 16,
        alpha,
        beta,
        base + span * (w_alpha_strength * 2.0**-32),
        base + span * (w_beta_strength * 2.0**-32),
        (high << 32 | low) >> 1,
    )


def make_recipes(settings: Settings, rows: Sequence[str], draws: Sequence[int], luts: int) -> list[Recipe]:
    """Draw many recipes at once. The result equals that of `make_recipe` for each row and draw, several times as fast.

    Parameters
    ----------
    settings
        The ranges of the random values.
    rows, draws
        For each recipe, the id of the photograph and the number of the recipe. Both have the same length.
    luts
        The number of LUTs in the bank, at least 2.

    Returns
    -------
    list of Recipe
        One recipe for each row, in the order of `rows`.

    Raises
    ------
    SettingsError
        The same errors as of `make_recipe`.

    Examples
    --------
    >>> from sshbench.triplets import Settings, make_recipes
    >>> len(make_recipes(Settings(), ["a.jpg", "b.jpg"], [0, 0], 100))
    2
    """
    if len(rows) < _MANY:
        return [make_recipe(settings, row, draw, luts) for row, draw in zip(rows, draws, strict=True)]
    plan = _plan(settings, luts)
    seed = settings.seed
    data = b"".join([_block(seed, row, draw, 0) for row, draw in zip(rows, draws, strict=True)])
    words = np.frombuffer(data, "<u4").reshape(-1, 16).astype(np.int64)
    places, kept = plan.place(words[:, _FIRST_PLACE:])
    if plan.luts:
        alphas, betas = plan.pick_many(words[:, 0], words[:, 1])
    else:
        betas = np.full(len(words), -1)
        alphas = words[:, 0] * plan.transfers >> 32 if plan.transfers else betas
        if plan.beta_transfers:
            betas = words[:, 1] * plan.transfers >> 32
    base, span = plan.strength
    strengths = base + span * (words[:, 2:4] * 2.0**-32)
    seeds = (words[:, 6] << 31) | (words[:, 5] >> 1)
    recipes = []
    for row, draw, place, keep, window, alpha, beta, (alpha_strength, beta_strength), extra, line in zip(
        rows,
        draws,
        places.tolist(),
        kept.tolist(),
        (words[:, 4] >> 16).tolist(),
        alphas.tolist(),
        betas.tolist(),
        strengths.tolist(),
        seeds.tolist(),
        words,
        strict=True,
    ):
        if keep:
            content, reference = Crop(*place[:3]), Crop(*place[3:])
        else:
            content, reference = _crops(plan, seed, row, draw, tuple(line.tolist()))
        recipes.append(Recipe(row, draw, content, reference, window, alpha, beta, alpha_strength, beta_strength, extra))
    return recipes


def overlap(a: Crop, b: Crop, crop: int) -> float:
    """Return the shared area of two crops of `crop` pixels as a fraction of the smaller crop's area, 0 to 1."""
    wide = min((a.x + crop) * b.scale, (b.x + crop) * a.scale) - max(a.x * b.scale, b.x * a.scale)
    high = min((a.y + crop) * b.scale, (b.y + crop) * a.scale) - max(a.y * b.scale, b.y * a.scale)
    if wide <= 0 or high <= 0:
        return 0.0
    side = float(crop * min(a.scale, b.scale))
    return float(wide) * float(high) / (side * side)


def boxes(recipe: Recipe, crop: int, width: int, height: int) -> tuple[Box, Box]:
    """Return the boxes of content and reference: (left, top, right, bottom) in pixels of a `width` x `height` photo."""
    short = min(width, height)
    along = (max(width, height) - short) * (recipe.window / 65535)
    left, top = (along, 0.0) if width > height else (0.0, along)

    def box(c: Crop) -> Box:
        unit = short / c.scale
        # Rounding errors may put the sum slightly outside the photograph.
        right, bottom = min(left + (c.x + crop) * unit, float(width)), min(top + (c.y + crop) * unit, float(height))
        return left + c.x * unit, top + c.y * unit, right, bottom

    return box(recipe.content), box(recipe.reference)


def _block(seed: int, row: str, draw: int, block: int) -> bytes:
    """Return 64 random bytes, which depend on the arguments alone and are the same on every machine."""
    return blake2b(
        row.encode("utf-8", "surrogateescape"),
        digest_size=64,
        salt=_SALT.pack(draw, block),
        person=seed.to_bytes(8, "little"),
    ).digest()


def _crops(plan: _Plan, seed: int, row: str, draw: int, words: tuple[int, ...]) -> tuple[Crop, Crop]:
    """Return the first pair of candidates for content and reference that satisfies the bounds of the overlap."""
    low, scales, crop = plan.low, plan.scales, plan.crop
    block = 0
    places: tuple[int, ...] = (_FIRST_PLACE,)
    while True:
        for p in places:
            scale, other = low + (words[p] * scales >> 32), low + (words[p + 1] * scales >> 32)
            free = scale - crop + 1
            content = Crop(scale, words[p + 2] * free >> 32, words[p + 3] * free >> 32)
            if plan.single:
                return content, content
            free = other - crop + 1
            reference = Crop(other, words[p + 4] * free >> 32, words[p + 5] * free >> 32)
            if plan.overlap[0] <= overlap(content, reference, crop) <= plan.overlap[1]:
                return content, reference
        block += 1
        places = _PLACES
        words = _WORDS.unpack(_block(seed, row, draw, block))


class _Plan:
    """The values that all recipes of the same settings share."""

    def __init__(self, settings: Settings, luts: int) -> None:
        self.crop, self.low = settings.crop, settings.scale[0]
        self.scales = settings.scale[1] - settings.scale[0] + 1
        self.overlap, self.single = settings.overlap, settings.crops == "single" or settings.kind == "composites"
        self.luts = luts if settings.has_bank else 0
        self.transfers = len(settings.transfers) if settings.appearance == "color-transfer" else 0
        self.beta_transfers = bool(self.transfers) and settings.background == "look"
        bounds = settings.saturation if settings.appearance == "saturation" else settings.strength
        self.strength = bounds[0], bounds[1] - bounds[0]
        if settings.has_bank:
            self._weigh(settings.weights)
        if not self.single:
            self._try_overlap()

    def _weigh(self, weights: tuple[float, ...] | None) -> None:
        if self.luts < 2:
            raise SettingsError(
                f"alpha and beta are two different LUTs, but the bank holds {self.luts}; add LUTs to it"
            )
        if weights is None:
            weights = (1.0,) * self.luts
        if len(weights) != self.luts:
            raise SettingsError(f"there are {len(weights)} weights for {self.luts} LUTs; give one number for each LUT")
        whole = sum(weights)  # integers from here on, so that every machine draws the same LUTs
        self.weights = [max(round(w / whole * 2**30), 1) if w > 0 else 0 for w in weights]
        self.upto = list(accumulate(self.weights))

    def pick(self, first: int, second: int) -> tuple[int, int]:
        """Return two different LUTs for two 32-bit words, the second drawn by its weight among the remaining LUTs."""
        alpha = bisect_right(self.upto, first * self.upto[-1] >> 32)
        weight, before = self.weights[alpha], self.upto[alpha] - self.weights[alpha]
        place = second * (self.upto[-1] - weight) >> 32
        return alpha, bisect_right(self.upto, place + weight if place >= before else place)

    def pick_many(self, first: Words, second: Words) -> tuple[Words, Words]:
        """Return the LUTs of `pick` for arrays of words."""
        upto, weights = np.array(self.upto), np.array(self.weights)
        alpha = np.searchsorted(upto, first * upto[-1] >> 32, side="right")
        weight, before = weights[alpha], upto[alpha] - weights[alpha]
        place = second * (upto[-1] - weight) >> 32
        return alpha, np.searchsorted(upto, np.where(place >= before, place + weight, place), side="right")

    def place(self, words: Words) -> tuple[Words, NDArray[np.bool_]]:
        """Return scale, x and y of both crops for words `[N, 6 ...]`, and whether the crops satisfy the bounds."""
        content_scale = self.low + (words[:, 0] * self.scales >> 32)
        reference_scale = content_scale if self.single else self.low + (words[:, 1] * self.scales >> 32)
        content = words[:, 2:4] * (content_scale - self.crop + 1)[:, None] >> 32
        reference = content if self.single else words[:, 4:6] * (reference_scale - self.crop + 1)[:, None] >> 32
        placed = np.column_stack([content_scale, content, reference_scale, reference])
        if self.single:
            return placed, np.ones(len(words), bool)
        shared = _overlaps(placed, self.crop)
        return placed, (shared >= self.overlap[0]) & (shared <= self.overlap[1])

    def _try_overlap(self) -> None:
        """Raise SettingsError if crops at these scales satisfy the bounds of the overlap too rarely."""
        data = b"".join([_block(0, "", i, 0) for i in range(_TRIED)])
        placed, kept = self.place(np.frombuffer(data, "<u4").reshape(-1, 16).astype(np.int64))
        if np.count_nonzero(kept) < _LEAST_KEPT:
            shared = _overlaps(placed, self.crop)
            raise SettingsError(
                f"crops of {self.crop} pixels at short sides of {self.low} to {self.low + self.scales - 1} share "
                f"{shared.min():.2f} to {shared.max():.2f} of their area, and rarely or never {self.overlap[0]:g} to "
                f"{self.overlap[1]:g}; change the bounds of overlap or scale"
            )


def _overlaps(placed: Words, crop: int) -> NDArray[np.float64]:
    """Return the `overlap` of many pairs of crops in the form of `_Plan.place`."""
    a, b = placed[:, :1], placed[:, 3:4]
    starts, others = placed[:, 1:3], placed[:, 4:6]
    shared = np.minimum((starts + crop) * b, (others + crop) * a) - np.maximum(starts * b, others * a)
    wide, high = np.maximum(shared, 0).astype(np.float64).T
    side = (crop * np.minimum(a, b)[:, 0]).astype(np.float64)
    return np.asarray(wide * high / (side * side))


@lru_cache(maxsize=16)
def _plan(settings: Settings, luts: int) -> _Plan:
    return _Plan(settings, luts)
