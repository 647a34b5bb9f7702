"""The common part of the objectives of networks that see the composite and its mask."""

from __future__ import annotations

import torch
from torch import Tensor

from sshbench.training.objectives import Batch
from sshbench.training.recipe import Recipe, RecipeError


def check_crop(recipe: Recipe, multiple: int) -> None:
    """Refuse a recipe whose batches a network cannot take.

    Raises
    ------
    RecipeError
        The batches are not composites, or the sides of their crops are not multiples of `multiple`.
    """
    if recipe.data.kind != "composites":
        raise RecipeError(f"{recipe.method} trains on composites; set data.kind=composites")
    if recipe.data.crop % multiple:
        near = max(1, round(recipe.data.crop / multiple)) * multiple
        raise RecipeError(
            f"{recipe.method} trains on crops whose sides are a multiple of {multiple}, so "
            f"data.crop={recipe.data.crop} could be {near}, or network.depth smaller"
        )


def stacked(composite: Tensor, mask: Tensor) -> Tensor:
    """Return composite `[B, 3, c, c]` and mask `[B, 1, c, c]` as a network's input, `[B, 4, c, c]`."""
    return torch.cat([composite, mask.to(composite.dtype)], 1)


def unit(image: Tensor) -> Tensor:
    """Return images of any shape over 0..1, as float32, from images of a batch over -1..1."""
    return image.float() / 2 + 0.5


def mask_normalised(made: Tensor, real: Tensor, mask: Tensor, least_area: float) -> Tensor:
    """Return the squared error over all pixels divided by the area of the foreground; a scalar.

    A small foreground then counts as much as a large one (Sofiiuk et al. 2021, section 3.3).

    Parameters
    ----------
    made, real
        `[B, 3, c, c]` in the units of the loss.
    mask
        `[B, 1, c, c]`, 0..1.
    least_area
        The smallest number of pixels to divide by.
    """
    error = (made.float() - real.float()).square().sum((1, 2, 3))
    area = mask.float().sum((1, 2, 3)).clamp_min(least_area)
    return (error / (made.shape[1] * area)).mean()


def blended(made: Tensor, batch: Batch) -> Tensor:
    """Return images `[B, 3, c, c]` over 0..1, blended into the composites of the batch by the soft masks.

    This is the image that protocols score.
    """
    composite, mask = batch["composite"].float() / 2 + 0.5, batch["mask"].float()
    image: Tensor = composite * (1 - mask) + made.float() * mask
    return image.clamp(0, 1)
