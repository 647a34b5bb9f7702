"""`Scenes`: triplets as they are, and as they come in practice, with masks and with backgrounds of other photographs.

A sample has the four views of a triplet and two masks. Some samples are the photograph's own composite (the foreground
is what its mask shows, the background the rest of the photograph), some are composites across photographs; the looks
are alpha and beta as in triplets, so that the truth is known in each.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sshbench.benchmarks.composite import box_around
from sshbench.errors import SshbenchError
from sshbench.lut.apply import apply_lut
from sshbench.lut.bank import LutBank
from sshbench.training.grades import random_grades
from sshbench.triplets.dataset import RECIPE, VIEWS, Sample, TripletDataset, first_usable
from sshbench.triplets.masks import generate_mask
from sshbench.triplets.recipe import Box, Recipe
from sshbench.triplets.render import render_crops
from sshbench.triplets.resize import resize_box

Pixels = NDArray[np.uint8]

_GRADES = 400
_SHAPES = 512  # generated masks that recur
_LOOKS_AT = 8  # photographs, to find one with a mask
_NEAR = (1.2, 3.0)
_LEAST = 0.005  # part of a photograph that a mask covers


@dataclass(frozen=True)
class Shares:
    """Which part of the samples is what, 0 to 1.

    Parameters
    ----------
    own, cross
        Composites of a photograph with itself, and of two; the rest are triplets.
    objects
        Of composites: those whose foreground is of a photograph that has a mask, if some have. Where most have none,
        most foregrounds are else generated shapes, which are much like their surroundings and so easier than objects.
    cropped
        Of composites: those that are a part of a photograph, so that its edge may cut the foreground.
    near
        Of composites of a photograph with itself: those whose background is what is around the foreground and no more,
        a rectangle 1.2 to 3 times as wide and high.
    natural
        Of composites: the background as photographed, without a look.
    jitter
        Of looks: those that are followed in part only.
    grades
        Of looks: those that are drawn at random (`sshbench.training.grades`).
    same
        Of all: foreground and background under one look, so that nothing is to be done.
    """

    own: float = 0.0
    cross: float = 0.0
    objects: float = 0.0
    cropped: float = 0.0
    near: float = 0.0
    natural: float = 0.0
    jitter: float = 0.0
    grades: float = 0.0
    same: float = 0.0

    def __post_init__(self) -> None:
        if not all(0 <= share <= 1 for share in asdict(self).values()) or self.own + self.cross > 1:
            raise SshbenchError("the shares of scenes are 0 to 1, and own and cross together no more than 1")

    def any(self) -> bool:
        """Whether there is anything but triplets with two whole looks."""
        return any(asdict(self).values())


class Scenes:
    """A map-style dataset for `TripletLoader`: `VIEWS` uint8 `[crop, crop, 3]`, and of the masks `[crop, crop]`.

    `content_mask` is soft; `reference_mask` is 0 where the background is not to be seen.

    Parameters
    ----------
    triplets
        Which photographs and looks; of triplets, with LUTs. Masks are those of its source, and generated shapes.

    Raises
    ------
    SshbenchError
        Its settings are for something else.
    """

    def __init__(self, triplets: TripletDataset, shares: Shares) -> None:
        if not triplets.can_deliver_crops:
            raise SshbenchError('scenes are made of triplets with LUTs: data.kind "triplets", data.appearance "lut"')
        self.triplets, self.shares = triplets, shares
        self.settings = triplets.settings
        self.bank = triplets.bank
        if shares.grades:
            self.bank = LutBank.joined([self.bank, random_grades(self.bank, _GRADES)])

    def __len__(self) -> int:
        return len(self.triplets)

    @property
    def description(self) -> dict[str, Any]:
        """Plain values for the card of what is trained on it."""
        shares = {name: share for name, share in asdict(self.shares).items() if share}
        return {
            "source": dict(self.triplets.source.description),
            "looks": list(self.triplets.bank.names),
            "scenes": shares,
        }

    def __getitem__(self, key: tuple[int, int]) -> Sample:
        """Sample `i` of epoch `e`, for the key `(e, i)`; the same in every process and every run."""
        epoch, i = key
        draws = self.settings.draws
        return first_usable(lambda k: self._render(self.triplets.recipe(k, epoch)), i, draws, len(self))

    def _render(self, recipe: Recipe) -> Sample:
        rng, shares, crop = np.random.default_rng(recipe.seed), self.shares, self.settings.crop
        kind, natural, same = rng.random(3)
        looks, strengths = [recipe.alpha, recipe.beta], [recipe.alpha_strength, recipe.beta_strength]
        for which in range(2):
            if rng.random() < shares.jitter:
                strengths[which] *= rng.random()
            if rng.random() < shares.grades:
                looks[which] = len(self.triplets.bank) + int(rng.integers(_GRADES))
        if same < shares.same:
            looks[1], strengths[1] = looks[0], strengths[0]
        masks = np.full((2, crop, crop), 255, np.uint8)
        found = self._composite(recipe, rng, masks, kind < shares.own) if kind < shares.own + shares.cross else None
        if found is None:
            found = render_crops(recipe, self.settings, self._read)
        elif natural < shares.natural and same >= shares.same:
            strengths[1] = 0.0
        content, reference = found
        views = np.stack([content, content, reference, reference])
        views = apply_lut(views, self.bank, looks * 2, strength=strengths * 2, layout="HWC")
        if rng.random() < 0.5:
            views, masks = views[:, :, ::-1], masks[:, :, ::-1]
        images = dict(zip(VIEWS, np.ascontiguousarray(views), strict=True))
        said = {name: getattr(recipe, name) for name in RECIPE}
        return images | {"content_mask": masks[0].copy(), "reference_mask": masks[1].copy()} | said

    def _read(self, row: str) -> Pixels:
        source = self.triplets.source
        return source.read(source.index(row), self.settings.short_side)

    def _composite(
        self, recipe: Recipe, rng: np.random.Generator, masks: Pixels, own: bool
    ) -> tuple[Pixels, Pixels] | None:
        """Foreground and background, and their masks into `masks`; None where the mask shows too little."""
        source, side, crop = self.triplets.source, self.settings.short_side, self.settings.crop
        row = source.index(recipe.row)
        if self.shares.objects and rng.random() < self.shares.objects:
            row, mask = self._object(rng, row)
        else:
            mask = source.read_mask(row, side) if rng.random() < 0.75 else None
        photo = source.read(row, side)
        if mask is None:
            mask = _shape(int(rng.integers(_SHAPES)), self.settings.mask_area)
            mask = mask[:, ::-1] if rng.random() < 0.5 else mask
        if self.shares.cropped and rng.random() < self.shares.cropped:
            photo, mask = _part(rng, photo, mask)
        inside = mask > 127
        if inside.mean() < _LEAST:
            return None
        rows, columns = box_around(inside)
        box = float(columns.start), float(rows.start), float(columns.stop), float(rows.stop)
        content = resize_box(photo, _scaled(box, mask.shape, photo.shape), crop)
        masks[0] = _resized(mask, box, crop)
        if own:
            background, around = photo, _whole(mask)
            if self.shares.near and rng.random() < self.shares.near:
                around = _grown(box, float(np.exp(rng.uniform(*np.log(_NEAR)))), around)
        else:
            background = source.read(int(rng.integers(len(source))), side)
            if rng.random() < 0.5:
                return content, resize_box(background, _whole(background), crop)
            mask = _shape(int(rng.integers(_SHAPES)), self.settings.mask_area)
            around = _whole(mask)
        outside = _resized(mask, around, crop) < 6
        if outside.mean() > 0.02:
            masks[1] = outside * np.uint8(255)
        elif own:  # the background would show the foreground as it should be
            masks[0] = 255
            return None
        return content, resize_box(background, _scaled(around, mask.shape, background.shape), crop)

    def _object(self, rng: np.random.Generator, row: int) -> tuple[int, Pixels | None]:
        """A photograph with a mask, and that: `row` if it has one, else the first of a few drawn at random."""
        source, side = self.triplets.source, self.settings.short_side
        for candidate in (row, *rng.integers(len(source), size=_LOOKS_AT)):
            mask = source.read_mask(int(candidate), side)
            if mask is not None:
                return int(candidate), mask
        return row, None


@lru_cache(maxsize=_SHAPES)
def _shape(seed: int, area: tuple[float, float]) -> Pixels:
    return generate_mask(seed, 96, area)


def _part(rng: np.random.Generator, photo: Pixels, mask: Pixels) -> tuple[Pixels, Pixels]:
    """The same part of both, of 70 to 90% of the short side, as crops of `generate-triplets` are."""
    share, *corner = rng.uniform((0.7, 0.0, 0.0), (0.9, 1.0, 1.0))
    parts = []
    for image in (photo, mask):
        side = round(share * min(image.shape[:2]))
        top, left = (round(at * (extent - side)) for at, extent in zip(corner, image.shape, strict=False))
        parts.append(image[top : top + side, left : left + side])
    return parts[0], parts[1]


def _whole(image: Pixels) -> Box:
    return 0.0, 0.0, float(image.shape[1]), float(image.shape[0])


def _grown(box: Box, times: float, limits: Box) -> Box:
    """The box so many times as wide and high, as far as its limits go."""
    left, top, right, bottom = box
    across, down = (times - 1) / 2 * (right - left), (times - 1) / 2 * (bottom - top)
    grown = left - across, top - down, right + across, bottom + down
    return max(grown[0], limits[0]), max(grown[1], limits[1]), min(grown[2], limits[2]), min(grown[3], limits[3])


def _scaled(box: Box, here: tuple[int, ...], there: tuple[int, ...]) -> Box:
    """A box in an image of one shape as a box in one of another, and not a rounding error outside of it."""
    down, across = there[0] / here[0], there[1] / here[1]
    left, top, right, bottom = box
    return left * across, top * down, min(right * across, float(there[1])), min(bottom * down, float(there[0]))


def _resized(mask: Pixels, box: Box, crop: int) -> Pixels:
    return resize_box(np.repeat(mask[..., None], 3, axis=2), box, crop)[..., 0]
