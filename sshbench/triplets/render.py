"""From a recipe to pixels: crop, resize, and give the appearances alpha and beta."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sshbench.lut.bank import LutBank
from sshbench.triplets.recipe import Box, Recipe
from sshbench.triplets.settings import Settings
from sshbench.triplets.sources import Partners

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Rendered:
    """The four views of one recipe, `[crop, crop, 3]` uint8 sRGB.

    The triplet is [content_alpha, reference_beta, content_beta]; reference_alpha serves the reconstruction loss (the
    paper's section 3.2). Boxes are (left, top, right, bottom) as parts of the photograph's width and height, 0 to 1.
    """

    content_alpha: Pixels
    content_beta: Pixels
    reference_alpha: Pixels | None
    reference_beta: Pixels
    content_box: Box
    reference_box: Box

    @property
    def foreground(self) -> Pixels:
        """Content under alpha."""
        return self.content_alpha

    @property
    def background(self) -> Pixels:
        """Reference under beta."""
        return self.reference_beta

    @property
    def ground_truth(self) -> Pixels:
        """Content under beta."""
        return self.content_beta


@dataclass(frozen=True, eq=False)
class RenderedComposite:
    """One composite: `composite` and `real` `[crop, crop, 3]` uint8 sRGB, `mask` `[crop, crop]` uint8, soft, 255 inside."""

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
    """Render a recipe.

    Parameters
    ----------
    read
        Row id to photograph, `[H, W, 3]` uint8 sRGB, of which no side needs to be longer than
        `settings.short_side` asks for.
    bank
        The LUTs; None only where `settings.appearance` is not `"lut"`.
    read_mask
        Row id to mask, `[h, w]` uint8 of any size, or None where that row has none and a shape is generated.
    partners
        The photographs of the source, for `appearance="color-transfer"`.
    views
        4, or 3 to leave `reference_alpha` out (it is None then).

    Raises
    ------
    SkippedImage
        The photograph (or each of eight partners in turn) cannot be used, or the mask covers too little of the crop.
    """
    raise NotImplementedError
