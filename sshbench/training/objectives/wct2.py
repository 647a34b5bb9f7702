"""The objective of WCT2, which is the reconstruction of images.

The paper takes VGG-19 with weights from ImageNet as the encoder, and trains only the decoder. Here, encoder and decoder
are trained together, from random or given weights, so the resulting weights differ from the authors'.
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
    """Train `WCT2` by the terms `recon` and `gram` (of the encoder's features); a term of weight 0 is off."""

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
        """Return the terms that are on, each a scalar.

        The batch holds `content_alpha` and `reference_beta`, or `composite` and `real`, all `[B, 3, c, c]` over -1..1.
        """
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
        """Return the content in the reference's style, or the composite with its foreground in the background's style.

        The result is `[B, 3, c, c]` over 0..1. The batch is that of `terms`; composites also have `mask`
        `[B, 1, c, c]` over 0..1.
        """
        if "mask" not in batch:
            content, style = (batch[name] / 2 + 0.5 for name in IMAGES["triplets"])
            return self._stylized(content, style)
        image, mask = batch["composite"] / 2 + 0.5, batch["mask"]
        inside = mask[:, 0] >= 0.5
        labels = LabelMaps(inside.long(), torch.where(inside, 2, 1))  # 1: foreground of content, background of style
        pasted: Tensor = self._stylized(image, image, labels) * mask + image * (1 - mask)
        return pasted

    def _stylized(self, content: Tensor, style: Tensor, labels: LabelMaps | None = None) -> Tensor:
        # Whitening needs the precision of float32, and torch computes eigenvectors in no smaller type.
        with torch.autocast(content.device.type, enabled=False):
            image: Tensor = self.network(content, style, labels=labels)
        return image.clamp(0, 1)

    def weights(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return the network's state, with the prefixes `encoder.` and `decoder.`, and its arguments."""
        return self.network.state_dict(), self.architecture


def gram(features: Tensor) -> Tensor:
    """Return the Gram matrices `[N, C, C]`, float32, of features `[N, C, h, w]`, as means over the pixels."""
    flat = features.float().flatten(2)
    return flat @ flat.mT / flat.shape[2]


def make(recipe: Recipe) -> Wct2Objective:
    """Return the objective of a recipe."""
    return Wct2Objective(recipe)
