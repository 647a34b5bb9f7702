"""The objective of S2AM, with the numbers of the published code: the squared distance to the real image."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sshbench.networks.s2am import S2AM, start_at_identity
from sshbench.training.objectives import Batch, Phase
from sshbench.training.objectives.composites import blended, check_crop, stacked
from sshbench.training.objectives.network import begin, made_with
from sshbench.training.recipe import Recipe


class S2amObjective:
    """Train `S2AM` by one term, `mse`, of the whole output over 0..1, before it is blended into the composite.

    The section `network` takes the network's arguments, and `start`, which is `random` or `identity`.
    """

    def __init__(self, recipe: Recipe) -> None:
        self.architecture = dict(recipe.network)
        start = self.architecture.pop("start", "random")
        self.network = made_with(S2AM, self.architecture)
        check_crop(recipe, self.network.multiple)
        self.network.apply(_initialise)
        begin(self.network, start, start_at_identity)
        self.modules = nn.ModuleDict({"network": self.network})
        self.phases = (Phase("s2am", list(self.network.parameters()), self.terms),)

    def terms(self, batch: Batch) -> dict[str, Tensor]:
        """Return the term `mse`, a scalar.

        The batch holds `composite` and `real` `[B, 3, c, c]` over -1..1 and `mask` `[B, 1, c, c]` over 0..1.
        """
        return {"mse": F.mse_loss(self._output(batch).float(), batch["real"].float() / 2 + 0.5)}

    def predict(self, batch: Batch) -> Tensor:
        """Return the composite with the network's foreground, `[B, 3, c, c]` over 0..1, for the batch of `terms`."""
        return blended(self._output(batch), batch)

    def weights(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return the network's state, with the names of the authors' checkpoint, and its arguments."""
        return self.network.state_dict(), self.architecture

    def _output(self, batch: Batch) -> Tensor:
        output: Tensor = self.network(stacked(batch["composite"] / 2 + 0.5, batch["mask"]))
        return output


@torch.no_grad()
def _initialise(module: nn.Module) -> None:
    """Draw weights after He et al. 2015 and scales from N(1, 0.02), and set biases to 0."""
    for name, parameter in module.named_parameters(recurse=False):
        if parameter.ndim > 1:
            nn.init.kaiming_normal_(parameter)
        elif name == "weight":
            parameter.normal_(1, 0.02)
        else:
            parameter.zero_()


def make(recipe: Recipe) -> S2amObjective:
    """Return the objective of a recipe."""
    return S2amObjective(recipe)
