"""What DIH is trained for, as its retraining for iHarmony4 was.

The mean squared error between the whole output, clipped to -1..1, and the real image, from convolutions drawn with a
deviation of 0.01. With semantics also the cross entropy of the parsing decoder's scores, where batches bring label
maps; where they bring none, both decoders are trained by the image alone, as in the published fine-tuning.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sshbench.networks.dih import DIH
from sshbench.training.objectives import Batch, Phase
from sshbench.training.objectives.network import made_with
from sshbench.training.recipe import Recipe, RecipeError

UNLABELLED = 255  # in a label map, a pixel that counts for nothing


class DihObjective:
    """Trains `DIH`; terms `mse`, and `labels` for batches with `labels`, whole numbers `[B, c, c]`."""

    def __init__(self, recipe: Recipe) -> None:
        if recipe.data.kind != "composites":
            raise RecipeError('dih trains on composites with their masks; set data.kind="composites"')
        self.network = made_with(DIH, recipe.network)
        depth, crop = len(self.network.encoder), recipe.data.crop
        if crop % (1 << depth) or crop < 4 << depth:
            raise RecipeError(
                f"dih with {depth} widths trains on crops whose sides are a multiple of {1 << depth} from {4 << depth} "
                f"on, not on data.crop={crop}"
            )
        if recipe.weight("labels") and not self.network.parse:
            raise RecipeError("dih without semantics tells no classes; set loss.labels=0 or network.semantics=true")
        self.labels = recipe.weight("labels") != 0
        self.architecture = {"form": "tensorflow", **recipe.network}
        self._draw()
        self.modules = nn.ModuleDict({"network": self.network})
        self.phases = (Phase("dih", list(self.network.parameters()), self.terms),)

    def terms(self, batch: Batch) -> dict[str, Tensor]:
        """The terms of the loss."""
        image, scores = self.network(_input(batch))
        found = {"mse": F.mse_loss(image.float().clamp(-1, 1), batch["real"].flip(1))}
        if self.labels:
            if "labels" not in batch:
                raise RecipeError("the data have no label maps; set loss.labels=0 to train both decoders by the image")
            found["labels"] = F.cross_entropy(scores.float(), batch["labels"].long(), ignore_index=UNLABELLED)
        return found

    def predict(self, batch: Batch) -> Tensor:
        """The whole output of the network."""
        image: Tensor = self.network(_input(batch)).image
        return image.float().clamp(-1, 1).flip(1) / 2 + 0.5

    def weights(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """The network's state, and its form."""
        return self.network.state_dict(), self.architecture

    def _draw(self) -> None:
        """Weights as the published code draws them, with half the deviation in the bottleneck."""
        for name, module in self.network.named_modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.normal_(module.weight, std=0.005 if name == "fc7" else 0.01)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)


def _input(batch: Batch) -> Tensor:
    """Blue, green, red and mask, all -1..1: the mask too, as the published test has it and its training had not."""
    return torch.cat([batch["composite"].flip(1), batch["mask"] * 2 - 1], dim=1)


def make(recipe: Recipe) -> DihObjective:
    """The objective of a recipe."""
    return DihObjective(recipe)
