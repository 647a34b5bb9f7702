"""The objective of HDNet, with the numbers of the published code: squared error over the foreground's area."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from sshbench.networks.hdnet import HDNet, start_at_identity
from sshbench.training.objectives import Batch, Phase
from sshbench.training.objectives.composites import blended, check_crop, mask_normalised
from sshbench.training.objectives.network import begin, made_with, narrow
from sshbench.training.recipe import Recipe, RecipeError


class HdnetObjective:
    """Train `HDNet` by one term, `mse`, of the composite with the network's foreground, over -1..1.

    The section `network` takes the network's arguments; `start`, which is `random` or `identity`; `least_area`, the
    smallest number of pixels by which the error is divided; and `background`. With `target`, the authors' way, the
    ground truth's background is put behind the foreground before the network sees it; with `composite` it is not.
    Validation scores the foreground in the composite, although with `target` the network was shown the rest.
    """

    def __init__(self, recipe: Recipe) -> None:
        self.architecture = dict(recipe.network)
        start = self.architecture.pop("start", "random")
        self.least_area = float(self.architecture.pop("least_area", 100))
        self.background = self.architecture.pop("background", "target")
        if self.background not in ("target", "composite"):
            raise RecipeError(f"network.background is target or composite, not {self.background!r}")
        self.network = made_with(HDNet, self.architecture)
        check_crop(recipe, self.network.multiple)
        self.network.apply(narrow)
        begin(self.network, start, start_at_identity)
        self.modules = nn.ModuleDict({"network": self.network})
        self.phases = (Phase("hdnet", list(self.network.parameters()), self.terms),)

    def terms(self, batch: Batch) -> dict[str, Tensor]:
        """Return the term `mse`, a scalar.

        The batch holds `composite` and `real` `[B, 3, c, c]` over -1..1 and `mask` `[B, 1, c, c]` over 0..1.
        """
        made, mask = self._made(batch)
        return {"mse": mask_normalised(made, batch["real"], mask, self.least_area)}

    def predict(self, batch: Batch) -> Tensor:
        """Return the composite with the network's foreground, `[B, 3, c, c]` over 0..1, for the batch of `terms`."""
        return blended(self._made(batch)[0] / 2 + 0.5, batch)

    def weights(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return the network's state, with the names of the published code, and its arguments."""
        return self.network.state_dict(), self.architecture

    def _made(self, batch: Batch) -> tuple[Tensor, Tensor]:
        composite = batch["composite"]
        mask = (batch["mask"] >= 0.5).to(composite.dtype)
        if self.background == "target":
            composite = composite * mask + batch["real"] * (1 - mask)
        made: Tensor = self.network(torch.cat([composite, mask], 1)).image
        return made, mask


def make(recipe: Recipe) -> HdnetObjective:
    """Return the objective of a recipe."""
    return HdnetObjective(recipe)
