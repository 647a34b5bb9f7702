"""What WCT2 is trained for: to give images back.

The paper takes VGG-19 as it was trained on ImageNet and trains the decoder alone. Here encoder and decoder are trained
together, from nothing or from weights to begin with; what comes out are not the authors' weights.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sshbench.networks.wct2 import WCT2
from sshbench.networks.whitening import LabelMaps
from sshbench.training.objectives import Batch, Phase
from sshbench.training.objectives.network import made_with
from sshbench.training.recipe import Recipe, RecipeError

IMAGES = {"triplets": ("content_alpha", "reference_beta"), "composites": ("composite", "real")}


class Wct2Objective:
    """Trains `WCT2`; terms `recon` and `gram` (of the encoder's features), each off where its weight is 0."""

    def __init__(self, recipe: Recipe) -> None:
        if recipe.data.crop % 8:
            raise RecipeError(f"wct2 trains on crops whose sides are a multiple of 8, not data.crop={recipe.data.crop}")
        self.network = made_with(WCT2, recipe.network)
        self.names = IMAGES[recipe.data.kind]
        self.on = {term: recipe.weight(term) != 0 for term in ("recon", "gram")}
        self.architecture = dict(recipe.network)
        self.modules = nn.ModuleDict({"network": self.network})
        trained = [parameter for parameter in self.network.parameters() if parameter.requires_grad]
        self.phases = (Phase("wct2", trained, self.terms),)

    def terms(self, batch: Batch) -> dict[str, Tensor]:
        """The terms of the loss that are on."""
        images = torch.cat([batch[name] for name in self.names]) / 2 + 0.5
        features, skips = self.network.encoder(images)
        decoded = self.network.decoder(features[4], skips)
        found: dict[str, Tensor] = {}
        if self.on["recon"]:
            found["recon"] = F.mse_loss(decoded.float(), images)
        if self.on["gram"]:
            again, _ = self.network.encoder(decoded)
            differences = [F.mse_loss(gram(again[level]), gram(features[level]).detach()) for level in features]
            found["gram"] = torch.stack(differences).sum()
        return found

    def predict(self, batch: Batch) -> Tensor:
        """The content under the reference's style, or the composite with its foreground in the background's."""
        if "mask" not in batch:
            content, style = (batch[name] / 2 + 0.5 for name in IMAGES["triplets"])
            return self._stylized(content, style)
        image, mask = batch["composite"] / 2 + 0.5, batch["mask"]
        inside = mask[:, 0] >= 0.5
        labels = LabelMaps(inside.long(), torch.where(inside, 2, 1))  # the foreground's label is the background's there
        pasted: Tensor = self._stylized(image, image, labels) * mask + image * (1 - mask)
        return pasted

    def _stylized(self, content: Tensor, style: Tensor, labels: LabelMaps | None = None) -> Tensor:
        # Whitening wants all of float32, and eigenvectors are not to be had in less.
        with torch.autocast(content.device.type, enabled=False):
            image: Tensor = self.network(content, style, labels=labels)
        return image.clamp(0, 1)

    def weights(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """The network's state, its names after `encoder.` and `decoder.`."""
        return self.network.state_dict(), self.architecture


def gram(features: Tensor) -> Tensor:
    """Products of all pairs of channels, means over the pixels: `[N, C, h, w]` to `[N, C, C]`, float32."""
    flat = features.float().flatten(2)
    return flat @ flat.mT / flat.shape[2]


def make(recipe: Recipe) -> Wct2Objective:
    """The objective of a recipe."""
    return Wct2Objective(recipe)
