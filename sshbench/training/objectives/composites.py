"""What objectives of networks share that see the composite and its mask."""

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
        They are no composites, or the sides of their crops no multiple.
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
    """`[B, 4, c, c]`: composite and mask as a network sees them."""
    return torch.cat([composite, mask.to(composite.dtype)], 1)


def blended(made: Tensor, batch: Batch) -> Tensor:
    """What a network made, `[B, 3, c, c]` over 0..1, blended into the composite by the soft mask, as it is scored."""
    composite, mask = batch["composite"].float() / 2 + 0.5, batch["mask"].float()
    image: Tensor = composite * (1 - mask) + made.float() * mask
    return image.clamp(0, 1)
