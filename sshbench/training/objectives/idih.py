"""The objective of iDIH and iSSAM (Sofiiuk et al. 2021, section 3.3): squared error over the foreground's area."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from sshbench.networks import imagenet
from sshbench.networks.idih import IDIH, Fused, start_near_identity
from sshbench.networks.issam import ISSAM
from sshbench.training.objectives import Batch, Phase
from sshbench.training.objectives.composites import check_crop, mask_normalised, unit
from sshbench.training.objectives.network import begin, made_with, xavier
from sshbench.training.recipe import Recipe, RecipeError


class FusedObjective:
    """Train `IDIH` or `ISSAM` by one term, `mse`, of the blended image, normalised as for ImageNet.

    The section `network` takes the network's arguments; `start`, which is `random` or `identity`; and `least_area`, the
    smallest number of pixels by which the error is divided.

    Parameters
    ----------
    network
        The network's class.
    least_area, magnitude
        The published `least_area`, and the magnitude of the published start.
    """

    def __init__(
        self, recipe: Recipe, network: Callable[..., IDIH | ISSAM], least_area: float, magnitude: float
    ) -> None:
        self.architecture = dict(recipe.network)
        start = self.architecture.pop("start", "random")
        self.least_area = float(self.architecture.pop("least_area", least_area))
        self.network = made_with(network, self.architecture)
        check_crop(recipe, self.network.multiple)
        if isinstance(self.network, IDIH) and recipe.data.crop < self.network.padded:
            raise RecipeError(f"idih of this depth trains on crops of at least {self.network.padded} pixels")
        xavier(self.network, magnitude)
        begin(self.network, start, lambda made: start_near_identity(made.fusion))
        self.modules = nn.ModuleDict({"network": self.network})
        self.phases = (Phase(recipe.method, list(self.network.parameters()), self.terms),)

    def terms(self, batch: Batch) -> dict[str, Tensor]:
        """Return the term `mse`, a scalar.

        The batch holds `composite` and `real` `[B, 3, c, c]` over -1..1 and `mask` `[B, 1, c, c]` over 0..1.
        """
        real = imagenet.normalised(unit(batch["real"]))
        return {"mse": mask_normalised(self._made(batch).image, real, batch["mask"], self.least_area)}

    def predict(self, batch: Batch) -> Tensor:
        """Return the whole blended image, which protocols score, `[B, 3, c, c]` over 0..1; batch as in `terms`."""
        return imagenet.restored(self._made(batch).image.float()).clamp(0, 1)

    def weights(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return the network's state, with the names of the authors' files, and its arguments."""
        return self.network.state_dict(), self.architecture

    def _made(self, batch: Batch) -> Fused:
        composite = imagenet.normalised(batch["composite"] / 2 + 0.5)
        made: Fused = self.network(torch.cat([composite, batch["mask"].to(composite.dtype)], 1))
        return made


def make(recipe: Recipe) -> FusedObjective:
    """Return the objective of a recipe of iDIH."""
    return FusedObjective(recipe, IDIH, least_area=100, magnitude=2)


def make_issam(recipe: Recipe) -> FusedObjective:
    """Return the objective of a recipe of iSSAM."""
    return FusedObjective(recipe, ISSAM, least_area=1000, magnitude=1)
