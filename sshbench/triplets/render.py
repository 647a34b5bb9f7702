"""Render a recipe to pixels: crop, resize, and apply the appearances alpha and beta."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from sshbench.lut.apply import apply_lut
from sshbench.lut.bank import LutBank
from sshbench.triplets.appearance import TRANSFER_FUNCTIONS, saturate
from sshbench.triplets.masks import generate_mask, mask_part
from sshbench.triplets.recipe import Box, Recipe, boxes
from sshbench.triplets.resize_box import resize_box
from sshbench.triplets.settings import Settings, Transfer
from sshbench.triplets.source import Partners, SkippedImage

Pixels = NDArray[np.uint8]

_PARTNERS_TRIED = 8
_OTHER_SIDE = 2**62  # moves a seed of 63 bits to the opposite side of the ring of partners


@dataclass(frozen=True, eq=False)
class Rendered:
    """The four views of one recipe, `[crop, crop, 3]` uint8 sRGB.

    The triplet is [content_alpha, reference_beta, content_beta]; reference_alpha serves the reconstruction loss (the
    paper's section 3.2). Boxes are (left, top, right, bottom) as fractions of the photograph's width and height.
    """

    content_alpha: Pixels
    content_beta: Pixels
    reference_alpha: Pixels | None
    reference_beta: Pixels
    content_box: Box
    reference_box: Box

    @property
    def foreground(self) -> Pixels:
        """The content under alpha."""
        return self.content_alpha

    @property
    def background(self) -> Pixels:
        """The reference under beta."""
        return self.reference_beta

    @property
    def ground_truth(self) -> Pixels:
        """The content under beta."""
        return self.content_beta


@dataclass(frozen=True, eq=False)
class RenderedComposite:
    """One composite with its ground truth.

    `composite` and `real` are `[crop, crop, 3]` uint8 sRGB; `mask` is soft, `[crop, crop]` uint8, 255 inside. `real` is
    the ground truth: the crop as photographed, or under the look of the background. `content_box` is (left, top, right,
    bottom) as fractions of the photograph's width and height.
    """

    composite: Pixels
    mask: Pixels
    real: Pixels
    content_box: Box


def render(
    recipe: Recipe,
    settings: Settings,
    read: Callable[[str], Pixels],
    bank: LutBank | None,
    *,
    read_mask: Callable[[str], Pixels | None] | None = None,
    partners: Partners | None = None,
    views: int = 4,
) -> Rendered | RenderedComposite:
    """Render a recipe to the views of a triplet, or to a composite.

    Parameters
    ----------
    read
        A function that returns the photograph of a row id, uint8 `[H, W, 3]`, sRGB. A short side of
        `settings.short_side` pixels is sufficient.
    bank
        The LUTs; None only if `settings.has_bank` is false.
    read_mask
        A function that returns the mask of a row id, uint8 `[h, w]` of any size, or None if the row has no mask. A
        shape is generated in place of a missing mask.
    partners
        The photographs of the source, for `appearance="color-transfer"`.
    views
        4, or 3 to leave out `reference_alpha`, which is None then.

    Raises
    ------
    SkippedImage
        The photograph or each of eight partners cannot be used, or the mask leaves too little foreground or background
        in the crop.
    """
    photo = read(recipe.row)
    height, width = photo.shape[:2]
    if min(height, width) < settings.crop:
        raise SkippedImage(recipe.row, f"is {width} x {height} pixels; the short side needs {settings.crop}")
    content_box, reference_box = boxes(recipe, settings.crop, width, height)
    if settings.kind == "composites":
        mask = None if read_mask is None else read_mask(recipe.row)
        if mask is None:
            mask = generate_mask(recipe.seed, settings.crop, settings.mask_area)
        else:
            content_box, mask = crop_around(mask, content_box, width, height, settings.crop)
            if not settings.min_mask <= mask_part(mask) <= 1.0 - settings.min_mask:
                raise SkippedImage(
                    recipe.row,
                    f"its mask covers {mask_part(mask):.1%} of the crop; {settings.min_mask:.1%} of "
                    "foreground and of background are needed",
                )
        real = resize_box(photo, content_box, settings.crop)
        alphas = [True, False] if settings.background == "look" else [True]
        looked = _appearances(np.stack([real] * len(alphas)), alphas, recipe, settings, read, bank, partners)
        foreground, real = looked[0], looked[1] if len(looked) > 1 else real
        inside = mask[..., None].astype(np.uint16)
        composite = (foreground * inside + real * (255 - inside) + 127) // 255
        return RenderedComposite(composite.astype(np.uint8), mask, real, _parts(content_box, width, height))
    views_in = np.empty((views, settings.crop, settings.crop, 3), np.uint8)
    resize_box(photo, content_box, settings.crop, out=views_in[0])
    views_in[1] = views_in[0]
    if settings.crops == "single":
        views_in[2] = views_in[0]
    else:
        resize_box(photo, reference_box, settings.crop, out=views_in[2])
    if views == 4:
        views_in[3] = views_in[2]
    out = _appearances(views_in, [True, False, False, True][:views], recipe, settings, read, bank, partners)
    return Rendered(
        content_alpha=out[0],
        content_beta=out[1],
        reference_beta=out[2],
        reference_alpha=out[3] if views == 4 else None,
        content_box=_parts(content_box, width, height),
        reference_box=_parts(reference_box, width, height),
    )


def render_crops(recipe: Recipe, settings: Settings, read: Callable[[str], Pixels]) -> tuple[Pixels, Pixels]:
    """Return the content and the reference of a triplet as photographed, so that a caller can apply looks to a batch.

    The crops are uint8 `[crop, crop, 3]`. `read` and the errors are the same as for `render`.
    """
    photo = read(recipe.row)
    content_box, reference_box = boxes(recipe, settings.crop, photo.shape[1], photo.shape[0])
    content = resize_box(photo, content_box, settings.crop)
    return content, content if settings.crops == "single" else resize_box(photo, reference_box, settings.crop)


def _appearances(
    crops: Pixels,
    alphas: list[bool],
    recipe: Recipe,
    settings: Settings,
    read: Callable[[str], Pixels],
    bank: LutBank | None,
    partners: Partners | None,
) -> Pixels:
    """Return crops `[N, crop, crop, 3]` under alpha where `alphas` is True, and under beta elsewhere."""
    strengths = [recipe.alpha_strength if alpha else recipe.beta_strength for alpha in alphas]
    if settings.has_bank:
        if bank is None:
            raise ValueError("rendering with LUTs needs a bank")
        luts = [recipe.alpha if alpha else recipe.beta for alpha in alphas]
        return np.asarray(apply_lut(crops, bank, luts, strength=strengths, layout="HWC"))
    if settings.appearance == "saturation":
        return np.stack([saturate(crop, factor) for crop, factor in zip(crops, strengths, strict=True)])
    if partners is None:
        raise ValueError("rendering with colour transfer needs the partners")
    out = crops.copy()
    alpha_row, partner = _partner(recipe, settings, read, partners.of(recipe.seed, recipe.row))
    _transfer(out, np.array(alphas), settings.transfers[recipe.alpha], partner, recipe.alpha_strength)
    if recipe.beta >= 0 and not all(alphas):  # otherwise beta is as photographed
        others = (row for row in partners.of(recipe.seed ^ _OTHER_SIDE, recipe.row) if row != alpha_row)
        _, partner = _partner(recipe, settings, read, others)
        _transfer(out, ~np.array(alphas), settings.transfers[recipe.beta], partner, recipe.beta_strength)
    return out


def _transfer(crops: Pixels, which: NDArray[np.bool_], name: Transfer, partner: Pixels, strength: float) -> None:
    """Move the colours of the crops `which` towards those of a partner by `strength`, 0 to 1, in place."""
    wanted = crops[which]
    # All crops are mapped as one image, so that they share one colour map.
    moved = TRANSFER_FUNCTIONS[name](wanted.reshape(-1, wanted.shape[2], 3), partner).reshape(wanted.shape)
    if strength != 1:
        moved = np.floor(wanted + strength * (moved.astype(np.float64) - wanted) + 0.5).astype(np.uint8)
    crops[which] = moved


def _partner(
    recipe: Recipe, settings: Settings, read: Callable[[str], Pixels], rows: Iterator[str]
) -> tuple[str, Pixels]:
    """Return the row id and the pixels of the first readable photograph, resized as a whole to the size of a crop."""
    for row in islice(rows, _PARTNERS_TRIED):
        try:
            photo = read(row)
        except SkippedImage:
            continue
        height, width = photo.shape[:2]
        return row, resize_box(photo, (0.0, 0.0, float(width), float(height)), settings.crop)
    raise SkippedImage(recipe.row, "no other readable photograph was found as the source of the colour transfer")


def crop_around(mask: Pixels, box: Box, width: int, height: int, crop: int) -> tuple[Box, Pixels]:
    """Move a crop by the smallest distance that brings the mask's centre into the crop's middle half.

    `mask` is uint8 `[h, w]`, and `box` is (left, top, right, bottom) in pixels of a `width` x `height` photograph.
    Return the moved box, inside the photograph, and the mask of this box, uint8 `[crop, crop]`.
    """
    inside = mask > 127
    moved = list(box)
    for axis, length in ((0, width), (1, height)):
        places = np.flatnonzero(inside.any(axis=axis))
        if not len(places):
            break
        centre = (places[0] + places[-1] + 1) / 2 * (length / mask.shape[1 - axis])
        start, side = box[axis], box[axis + 2] - box[axis]
        start += min(centre - (start + side / 4), 0.0) + max(centre - (start + side * 3 / 4), 0.0)
        moved[axis] = min(max(start, 0.0), length - side)
        moved[axis + 2] = moved[axis] + side
    left, top, right, bottom = moved
    h, w = mask.shape
    x, y = w / width, h / height
    on_mask = (left * x, top * y, min(right * x, float(w)), min(bottom * y, float(h)))
    cut = resize_box(np.repeat(mask[..., None], 3, axis=2), on_mask, crop)[..., 0]
    return (left, top, min(right, float(width)), min(bottom, float(height))), np.ascontiguousarray(cut)


def _parts(box: Box, width: int, height: int) -> Box:
    return box[0] / width, box[1] / height, box[2] / width, box[3] / height
