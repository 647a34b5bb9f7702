"""From a recipe's section `network` to the network that is trained."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from torch import nn

from sshbench.training.recipe import RecipeError

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
        name = getattr(network, "__name__", "the network")
        raise RecipeError(f"the section network does not fit: {name} does not take all of it ({error})") from error


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
