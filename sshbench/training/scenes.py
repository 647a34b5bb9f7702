"""`Scenes`: triplets, and composites as they occur in practice, under looks of several families.

A sample has the four views of a triplet, two masks, and the foreground in its place. Some samples are composites of a
photograph with itself (the mask shows the foreground, and the rest is the background); some are composites of two
photographs. Foreground and background have two looks, alpha and beta, so the ground truth is known in each sample.
"""

from __future__ import annotations

from dataclasses import asdict
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sshbench.errors import SshbenchError
from sshbench.images.boxes import box_around
from sshbench.lut.apply import apply_lut
from sshbench.lut.table import identity_table
from sshbench.training.options import Shares
from sshbench.triplets.dataset import RECIPE, VIEWS, Sample, TripletDataset, first_usable
from sshbench.triplets.families import SIZE, Table, exposure, grade, ladder, transfer_table
from sshbench.triplets.masks import generate_mask
from sshbench.triplets.recipe import Box, Recipe
from sshbench.triplets.render import render_crops
from sshbench.triplets.resize_box import resize_box
from sshbench.triplets.settings import TRANSFERS
from sshbench.triplets.source import SkippedImage

Pixels = NDArray[np.uint8]

_SHAPES = 512  # number of generated masks
_LOOKS_AT = 8  # photographs that are tried in the search for one with a mask
_NEAR = (1.2, 3.0)
_AROUND = (1.5, 3.0)  # width and height of a shown place, relative to the foreground
_LEAST = 0.005  # smallest part of a photograph that a mask covers
_COLOURS = 1024  # pixels from which the statistics of a transfer are taken
_TRANSFERRED = (0.5, 1.0)  # strengths of a transfer


class Scene(NamedTuple):
    """A sample before its looks: images uint8 `[crop, crop, 3]` and masks `[crop, crop]`.

    Attributes
    ----------
    content, reference
        The foreground and the background.
    content_mask, reference_mask
        The pixels that count; in the background, only pixels that the foreground does not hide.
    front, back
        The foreground in its place, and its surroundings; the same image for a composite of a photograph with itself.
    placed_mask, near_mask
        The pixels of the place that are foreground, and those that are background; both are 0 if there is no place.
    """

    content: Pixels
    reference: Pixels
    content_mask: Pixels
    reference_mask: Pixels
    front: Pixels
    back: Pixels
    placed_mask: Pixels
    near_mask: Pixels


class Scenes:
    """A map-style dataset of scenes for `TripletLoader`.

    A sample has `VIEWS`, uint8 `[crop, crop, 3]`; `content_mask` (soft) and `reference_mask` (0 where the background is
    hidden), `[crop, crop]`; `placed_alpha`, the foreground under alpha in its place under beta, and `placed_beta`, the
    reverse; `placed_mask` and `near_mask`, the masks of their foreground and background.

    Parameters
    ----------
    triplets
        The photographs and looks; its settings must be those of triplets with LUTs. Masks are those of its source, and
        generated shapes.

    Raises
    ------
    SshbenchError
        The settings are not those of triplets with LUTs.
    """

    def __init__(self, triplets: TripletDataset, shares: Shares) -> None:
        if not triplets.can_deliver_crops:
            raise SshbenchError('scenes are made of triplets with LUTs: data.kind "triplets", data.appearance "lut"')
        self.triplets, self.shares = triplets, shares
        self.settings = triplets.settings
        self.bank = triplets.bank

    def __len__(self) -> int:
        return len(self.triplets)

    @property
    def description(self) -> dict[str, Any]:
        """Return a description in plain values, for the card of the weights."""
        shares = {name: share for name, share in asdict(self.shares).items() if share}
        return {
            "source": dict(self.triplets.source.description),
            "looks": list(self.triplets.bank.names),
            "scenes": shares,
        }

    def __getitem__(self, key: tuple[int, int]) -> Sample:
        """Return sample `i` of epoch `e` for the key `(e, i)`; it is the same in every process and every run."""
        epoch, i = key
        draws = self.settings.draws
        return first_usable(lambda k: self.render(self.triplets.recipe(k, epoch)), i, draws, len(self))

    def render(self, recipe: Recipe) -> Sample:
        """Return the sample of a recipe; everything random follows from the recipe's seed."""
        rng, shares = np.random.default_rng(recipe.seed), self.shares
        kind, natural, same, mirrored = rng.random(4)
        found = self._composite(recipe, rng, kind < shares.own) if kind < shares.own + shares.cross else None
        scene = self._triplet(recipe) if found is None else found
        tables = [self._look(recipe, rng, which, scene) for which in range(2)]
        if same < shares.same:
            tables[1] = tables[0]
        elif found is not None and natural < shares.natural:
            tables[1] = _IDENTITY
        images, masks = _under(scene, np.stack(tables))
        if mirrored < 0.5:
            images = {name: image[:, ::-1] for name, image in images.items()}
            masks = {name: mask[:, ::-1] for name, mask in masks.items()}
        said = {name: getattr(recipe, name) for name in RECIPE}
        return {name: np.ascontiguousarray(value) for name, value in (images | masks).items()} | said

    def _look(self, recipe: Recipe, rng: np.random.Generator, which: int, scene: Scene) -> Table:
        """Return the LUT of the look alpha (`which` 0) or beta (1)."""
        shares, family = self.shares, rng.random()
        strength = float(rng.random()) if rng.random() < shares.jitter else 1.0
        if family < shares.graded:
            table = grade(rng)
        elif family < shares.graded + shares.transferred:
            table = self._transfer(rng, scene)
            strength *= float(rng.uniform(*_TRANSFERRED))
        elif family < shares.graded + shares.transferred + shares.stepped:
            table = ladder(rng)
        else:
            table = self._of_bank((recipe.alpha, recipe.beta)[which])
            strength *= (recipe.alpha_strength, recipe.beta_strength)[which]
            if shares.blended and rng.random() < shares.blended:
                part = rng.random(dtype=np.float32)
                table = part * table + (1 - part) * self._of_bank(int(rng.integers(len(self.bank.values))))
        if strength != 1:
            table = np.asarray(_IDENTITY + strength * (table - _IDENTITY), np.float32)
        if shares.exposed and rng.random() < shares.exposed:
            table = _after(exposure(rng), table)
        return table

    def _of_bank(self, index: int) -> Table:
        table = self.bank.values[index]
        return table if len(table) == SIZE else np.asarray(apply_lut(_IDENTITY, self.bank, index, layout="HWC"))

    def _transfer(self, rng: np.random.Generator, scene: Scene) -> Table:
        """Return a map from the colours of the foreground to those of another photograph, or of an object in it."""
        source, side = self.triplets.source, self.settings.short_side
        inside = scene.content_mask > 127
        try:
            row = int(rng.integers(len(source)))
            photo, mask = source.read(row, side), source.read_mask(row, side)
        except SkippedImage:
            return _IDENTITY
        pixels = resize_box(photo, _whole(photo), self.settings.crop)
        if mask is not None and rng.random() < 0.7:
            shown = _resized(mask, _whole(mask), self.settings.crop) > 127
            pixels = pixels[shown] if shown.sum() > 64 else pixels
        one, other = scene.content[inside] if inside.sum() > 16 else scene.content.reshape(-1, 3), pixels.reshape(-1, 3)
        chosen = [a[rng.integers(len(a), size=_COLOURS)] / 255 for a in (one, other)]
        return transfer_table(TRANSFERS[int(rng.integers(len(TRANSFERS)))], *chosen)

    def _read(self, row: str) -> Pixels:
        source = self.triplets.source
        return source.read(source.index(row), self.settings.short_side)

    def _triplet(self, recipe: Recipe) -> Scene:
        content, reference = render_crops(recipe, self.settings, self._read)
        all_of_it = np.full(content.shape[:2], 255, np.uint8)
        empty, nothing = np.zeros_like(content), np.zeros_like(all_of_it)
        return Scene(content, reference, all_of_it, all_of_it, empty, empty, nothing, nothing)

    def _composite(self, recipe: Recipe, rng: np.random.Generator, own: bool) -> Scene | None:
        """Return a composite; None if the mask leaves too little foreground or background."""
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
        content, content_mask = (
            resize_box(photo, _scaled(box, mask.shape, photo.shape), crop),
            _resized(mask, box, crop),
        )
        is_placed = bool(rng.random() < self.shares.placed)
        times = float(np.exp(rng.uniform(*np.log(_AROUND))))
        if own:
            background, around = photo, _whole(mask)
            if self.shares.near and rng.random() < self.shares.near:
                around = _grown(box, float(np.exp(rng.uniform(*np.log(_NEAR)))), around)
            outside = _resized(mask, around, crop) < 6
            if outside.mean() <= 0.02:  # the reference would show almost nothing but the foreground
                return None
            reference = resize_box(background, _scaled(around, mask.shape, background.shape), crop)
            place = _grown(box, times, _whole(mask))
            front = back = resize_box(photo, _scaled(place, mask.shape, photo.shape), crop)
            placed_mask = _resized(mask, place, crop)
        else:
            # The background comes from another photograph: the own one would show the foreground in its right colours.
            others = max(len(source) - 1, 1)
            background = source.read((row + 1 + int(rng.integers(others))) % len(source), side)
            outside = np.ones((crop, crop), bool)
            reference = resize_box(background, _whole(background), crop)
            place, here = _placed(rng, box, times, background.shape, crop)
            back = resize_box(background, place, crop)
            front, placed_mask = back.copy(), np.zeros((crop, crop), np.uint8)
            size = here[1].stop - here[1].start, here[0].stop - here[0].start
            front[here] = _stretched(content, size)
            placed_mask[here] = _stretched(np.repeat(content_mask[..., None], 3, 2), size)[..., 0]
        near_mask = (placed_mask < 6) * np.uint8(255)
        if not is_placed or (near_mask > 0).mean() < 0.02:
            placed_mask, near_mask = np.zeros_like(placed_mask), np.zeros_like(near_mask)
        return Scene(content, reference, content_mask, outside * np.uint8(255), front, back, placed_mask, near_mask)

    def _object(self, rng: np.random.Generator, row: int) -> tuple[int, Pixels | None]:
        """Return the number of a photograph and its mask; None for the mask if no tried photograph has one.

        The photograph is `row` if it has a mask, or else the first of some random photographs that has a mask.
        """
        source, side = self.triplets.source, self.settings.short_side
        for candidate in (row, *rng.integers(len(source), size=_LOOKS_AT)):
            mask = source.read_mask(int(candidate), side)
            if mask is not None:
                return int(candidate), mask
        return row, None


_IDENTITY = identity_table(SIZE).astype(np.float32)


def _after(first: Table, second: Table) -> Table:
    """Return one table for `second` after `first`."""
    import torch

    return np.asarray(apply_lut(first, torch.tensor(second), layout="HWC"))


def _under(scene: Scene, tables: NDArray[np.float32]) -> tuple[dict[str, Pixels], dict[str, Pixels]]:
    """Return the images and masks of a sample under two looks `[2, N, N, N, 3]`."""
    import torch

    images = np.stack([scene.content, scene.content, scene.reference, scene.reference, scene.front, scene.front,
                       scene.back, scene.back])  # fmt: skip
    under = apply_lut(images, torch.from_numpy(tables), [0, 1] * 4, layout="HWC")
    shown = scene.placed_mask[..., None].astype(np.uint16)
    known = np.maximum(scene.placed_mask, scene.near_mask)[..., None] > 0
    placed = [
        np.where(known, (front * shown + back * (255 - shown) + 127) // 255, 0).astype(np.uint8)
        for front, back in ((under[4], under[7]), (under[5], under[6]))
    ]
    views = dict(zip(VIEWS, under[:4], strict=True)) | {"placed_alpha": placed[0], "placed_beta": placed[1]}
    masks = {name: getattr(scene, name) for name in ("content_mask", "reference_mask", "placed_mask", "near_mask")}
    return views, masks


def _placed(
    rng: np.random.Generator, box: Box, times: float, shape: tuple[int, ...], crop: int
) -> tuple[Box, tuple[slice, slice]]:
    """Return a place on a photograph of `shape` for a box of given proportions, and the box in this place."""
    height, width = shape[:2]
    tall, wide = box[3] - box[1], box[2] - box[0]
    unit = float(rng.uniform(0.15, 0.6)) * min(height, width) / max(tall, wide)
    tall, wide = tall * unit, wide * unit
    left, top = float(rng.uniform(0, width - wide)), float(rng.uniform(0, height - tall))
    place = _grown((left, top, left + wide, top + tall), times, (0.0, 0.0, float(width), float(height)))
    here = []
    for start, length, low, high in ((top, tall, place[1], place[3]), (left, wide, place[0], place[2])):
        first = round((start - low) / (high - low) * crop)
        here.append((first, max(round((start + length - low) / (high - low) * crop), first + 1)))
    return place, (slice(*here[0]), slice(*here[1]))


def _stretched(image: Pixels, size: tuple[int, int]) -> Pixels:
    """Return an image resized to a width and height."""
    from PIL import Image

    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR))


@lru_cache(maxsize=_SHAPES)
def _shape(seed: int, area: tuple[float, float]) -> Pixels:
    return generate_mask(seed, 96, area)


def _part(rng: np.random.Generator, photo: Pixels, mask: Pixels) -> tuple[Pixels, Pixels]:
    """Return the same random part of photograph and mask, 70 to 90% of the short side, as `generate-triplets` crops."""
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
    """Return the box scaled by `times` in width and height, within its limits."""
    left, top, right, bottom = box
    across, down = (times - 1) / 2 * (right - left), (times - 1) / 2 * (bottom - top)
    grown = left - across, top - down, right + across, bottom + down
    return max(grown[0], limits[0]), max(grown[1], limits[1]), min(grown[2], limits[2]), min(grown[3], limits[3])


def _scaled(box: Box, here: tuple[int, ...], there: tuple[int, ...]) -> Box:
    """Return a box of an image of shape `here` as a box of an image of shape `there`, clipped to the border."""
    down, across = there[0] / here[0], there[1] / here[1]
    left, top, right, bottom = box
    return left * across, top * down, min(right * across, float(there[1])), min(bottom * down, float(there[0]))


def _resized(mask: Pixels, box: Box, crop: int) -> Pixels:
    return resize_box(np.repeat(mask[..., None], 3, axis=2), box, crop)[..., 0]
