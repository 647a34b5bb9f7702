"""The objective of DIH, as in its published retraining for iHarmony4.

The objective is the mean squared error between the whole output, clipped to -1..1, and the real image. Convolutions
start with weights of deviation 0.01. With semantics, the cross entropy of the parsing decoder's scores is added if
batches have label maps; otherwise only the image trains both decoders, as in the published fine-tuning.
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

UNLABELLED = 255  # the cross entropy ignores pixels with this label


class DihObjective:
    """Train `DIH` by the terms `mse`, and `labels` if batches have `labels`, whole numbers `[B, c, c]`."""

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
        """Return the terms of the loss, each a scalar.

        The batch holds `composite` and `real` `[B, 3, c, c]` over -1..1, `mask` `[B, 1, c, c]` over 0..1 and, for the
        term `labels`, `labels` `[B, c, c]`, whole numbers.
        """
        image, scores = self.network(_input(batch))
        found = {"mse": F.mse_loss(image.float().clamp(-1, 1), batch["real"].flip(1))}
        if self.labels:
            if "labels" not in batch:
                raise RecipeError("the data have no label maps; set loss.labels=0 to train both decoders by the image")
            found["labels"] = F.cross_entropy(scores.float(), batch["labels"].long(), ignore_index=UNLABELLED)
        return found

    def predict(self, batch: Batch) -> Tensor:
        """Return the whole output of the network, `[B, 3, c, c]` over 0..1, for the batch of `terms`."""
        image: Tensor = self.network(_input(batch)).image
        return image.float().clamp(-1, 1).flip(1) / 2 + 0.5

    def weights(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return the network's state and its architecture with `form`, one of `checkpoints.dih.FORMS`."""
        return self.network.state_dict(), self.architecture

    def _draw(self) -> None:
        """Draw weights as the published code does, with half the deviation in the bottleneck."""
        for name, module in self.network.named_modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.normal_(module.weight, std=0.005 if name == "fc7" else 0.01)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)


def _input(batch: Batch) -> Tensor:
    """Return blue, green, red and mask as the network's input, `[B, 4, c, c]` over -1..1.

    The mask is over -1..1 as in the published test; the published training used another range.
    """
    return torch.cat([batch["composite"].flip(1), batch["mask"] * 2 - 1], dim=1)


def make(recipe: Recipe) -> DihObjective:
    """Return the objective of a recipe."""
    return DihObjective(recipe)
