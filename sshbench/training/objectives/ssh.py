"""The objective of SSH (paper section 3.2, equations 2 to 7).

Each step translates the content under alpha twice: to beta, by the reference under beta; and to alpha, its own
appearance, by the reference under alpha. Images for the same part of the network form one batch.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from sshbench.networks.filling import filled
from sshbench.networks.ssh import SSH, start_at_identity
from sshbench.training import losses
from sshbench.training.objectives import Batch, Phase
from sshbench.training.recipe import Recipe, RecipeError
from sshbench.triplets.dataset import VIEWS


class SshObjective:
    """Train `SSH` by the terms `harm`, `recon` and `dis`; a term of weight 0 is off (the paper's Table 5)."""

    def __init__(self, recipe: Recipe) -> None:
        if recipe.data.crop % 16:
            raise RecipeError(f"ssh trains on crops whose sides are a multiple of 16, so data.crop={recipe.data.crop} "
                              f"could be {round(recipe.data.crop / 16) * 16}")  # fmt: skip
        self.architecture = dict(recipe.network)
        start = self.architecture.pop("start", "random")
        try:
            self.network = SSH(**self.architecture)
        except TypeError as error:
            raise RecipeError(f"the section network has what SSH does not take ({error})") from error
        if start == "identity":
            if self.network.width < 3:
                raise RecipeError(
                    "network.start=identity needs a network.width of 3 or more, a channel for each colour"
                )
            start_at_identity(self.network)
        elif start != "random":
            raise RecipeError(f"network.start is random or identity, not {start!r}")
        self.on = {term: recipe.weight(term) != 0 for term in ("harm", "recon", "dis")}
        self.distance = recipe.distance
        self.modules = nn.ModuleDict({"network": self.network})
        self.phases = (Phase("ssh", list(self.network.parameters()), self.terms),)

    def terms(self, batch: Batch) -> dict[str, Tensor]:
        """Return the terms that are on, each a scalar.

        The batch holds the four views of a triplet, `[B, 3, c, c]` over -1..1. If the batch has `content_mask` and
        `reference_mask`, `[B, 1, c, c]` over 0..1, only pixels inside the masks count.
        """
        batch, mask, kind = _seen(batch), batch.get("content_mask"), self.distance
        network, content, n = self.network, batch["content_alpha"], len(batch["content_alpha"])
        harm, recon, dis = (self.on[term] for term in ("harm", "recon", "dis"))
        # The translations need the content under alpha; the term `dis` also compares the features under beta.
        features, skips = network.encode_content(torch.cat([content, batch["content_beta"]]) if dis else content)
        # The translations need the references' appearances; `dis` also compares that of the content under alpha.
        images = [batch["reference_beta"]] * harm + [batch["reference_alpha"]] * (recon or dis) + [content] * dis
        styles = torch.split(network.encode_style(torch.cat(images)), n)
        found: dict[str, Tensor] = {}
        if dis:
            found["dis"] = losses.disentanglement(features[:n], features[n:], styles[-1], styles[-2], kind)
        if times := harm + recon:
            both = [torch.cat([one[:n]] * times) for one in (features, *skips)]
            results = torch.split(network.fuse(both[0], both[1:], torch.cat(styles[:times])), n)
            if harm:
                found["harm"] = losses.harmonization(results[0], batch["content_beta"], kind, mask)
            if recon:
                found["recon"] = losses.reconstruction(results[-1], content, kind, mask)
        return found

    def predict(self, batch: Batch) -> Tensor:
        """Return the content under alpha, translated to beta, `[B, 3, c, c]` over 0..1, for the batch of `terms`."""
        batch = _seen(batch)
        result: Tensor = self.network(batch["content_alpha"], batch["reference_beta"]).image
        return (result.float() / 2 + 0.5).clamp(0, 1)

    def weights(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return the network's state, with the names of the authors' checkpoint, and its arguments."""
        return self.network.state_dict(), self.architecture


def _seen(batch: Batch) -> Batch:
    """Return the batch as the network sees it: in composites, pixels outside a view's mask are filled."""
    if "content_mask" not in batch:
        return batch
    sides = {"content": batch["content_mask"], "reference": batch["reference_mask"]}
    views = {name: sides[name.partition("_")[0]] for name in VIEWS}
    return batch | {name: filled(batch[name], mask) for name, mask in views.items()}


def make(recipe: Recipe) -> SshObjective:
    """Return the objective of a recipe."""
    return SshObjective(recipe)
