"""What objectives of networks share that see the composite and its mask."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from sshbench.training.objectives import Batch
from sshbench.training.recipe import Recipe, RecipeError

Network = TypeVar("Network", bound=nn.Module)


def made_with(network: Callable[..., Network], arguments: Mapping[str, Any]) -> Network:
    """A network by the arguments of a recipe.

    Raises
    ------
    RecipeError
        It does not take one of them.
    """
    try:
        return network(**arguments)
    except TypeError as error:
        raise RecipeError(f"the section network does not fit ({error})") from error


def begin(network: Network, start: str, at_identity: Callable[[Network], None]) -> None:
    """Let training start where the recipe says, `random` or `identity`.

    Raises
    ------
    RecipeError
        It says something else, or the network cannot.
    """
    if start not in ("random", "identity"):
        raise RecipeError(f"network.start is random or identity, not {start!r}")
    if start == "identity":
        try:
            at_identity(network)
        except ValueError as error:
            raise RecipeError(str(error)) from error


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
