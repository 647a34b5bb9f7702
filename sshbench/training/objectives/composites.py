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
    """Return images over -1..1, as batches have them, as images over 0..1."""
    return image.float() / 2 + 0.5


def mask_normalised(made: Tensor, real: Tensor, mask: Tensor, least_area: float) -> Tensor:
    """Return the squared error over all pixels, divided by the foreground's pixels, so small foregrounds count as much.

    Sofiiuk et al. 2021, section 3.3. The error is a scalar.

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
    """Return an image `[B, 3, c, c]` over 0..1, blended into the composite by the soft mask, as it is scored."""
    composite, mask = batch["composite"].float() / 2 + 0.5, batch["mask"].float()
    image: Tensor = composite * (1 - mask) + made.float() * mask
    return image.clamp(0, 1)
