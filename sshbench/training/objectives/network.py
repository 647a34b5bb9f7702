"""Make the network of a training from a recipe's section `network`, and initialise its weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import torch
from torch import nn

from sshbench.training.recipe import RecipeError

Network = TypeVar("Network", bound=nn.Module)


def made_with(network: Callable[..., Network], arguments: Mapping[str, Any]) -> Network:
    """Make a network with the arguments of a recipe.

    Raises
    ------
    RecipeError
        The network does not take an argument, or its value.
    """
    try:
        return network(**arguments)
    except TypeError as error:
        name = getattr(network, "__name__", "the network")
        raise RecipeError(f"the section network does not fit: {name} does not take all of it ({error})") from error
    except (ValueError, ArithmeticError, RuntimeError) as error:
        raise RecipeError(f"the section network does not fit: {error}") from error


def xavier(network: nn.Module, magnitude: float) -> None:
    """Draw the weights of convolutions and matrices after Glorot and Bengio 2010.

    Biases are 0, and scales of norms are 1.

    Parameters
    ----------
    magnitude
        The variance is this number divided by the mean of the numbers of inputs and outputs.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            fans = nn.init._calculate_fan_in_and_fan_out(module.weight)
            nn.init.normal_(module.weight, 0.0, math.sqrt(2 * magnitude / sum(fans)))
            if module.bias is not None:
                nn.init.zeros_(module.bias)


@torch.no_grad()
def narrow(module: nn.Module) -> None:
    """Draw the weights of one module from N(0, 0.02), and set its biases to 0; other parameters stay unchanged."""
    for name, parameter in module.named_parameters(recurse=False):
        if parameter.ndim > 1:
            parameter.normal_(0, 0.02)
        elif name.endswith("bias"):
            parameter.zero_()


def begin(network: Network, start: str, at_identity: Callable[[Network], None]) -> None:
    """Initialise the network as the recipe says, `random` or `identity`.

    Raises
    ------
    RecipeError
        The recipe says something else, or the network cannot begin at the identity.
    """
    if start not in ("random", "identity"):
        raise RecipeError(f"network.start is random or identity, not {start!r}")
    if start == "identity":
        try:
            at_identity(network)
        except ValueError as error:
            raise RecipeError(str(error)) from error
