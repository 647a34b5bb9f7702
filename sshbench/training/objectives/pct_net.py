"""The objective of PCT-Net (Guerreiro et al. 2023, section 3.4, with the numbers of the published code)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sshbench.methods.pct_net import network_of
from sshbench.networks.pct_net import PCTNetViT, enlarged, mapped, start_at_identity
from sshbench.training.objectives import Batch, Phase
from sshbench.training.objectives.composites import check_crop, mask_normalised, unit
from sshbench.training.objectives.contrast import StyleContrast
from sshbench.training.objectives.network import begin, made_with, narrow, xavier
from sshbench.training.recipe import Recipe, RecipeError


class PctNetObjective:
    """Train a variant of PCT-Net on crops that are as large as the network's input or larger.

    The section `network` takes `variant`, which is `cnn` or `vit`, and the arguments of its class; `start`, which is
    `random` or `identity`; `side`, the side of the square that the network sees, by default that of the crop; and
    `least_area`, the smallest number of pixels by which the error is divided.

    Terms: `mse`, the error over the foreground's area, of the crop through the enlarged maps; `smooth`, the mean slope
    of the maps; `contrast`, the style of the foreground against that of others (`StyleContrast`), which needs
    torchvision's weights of VGG-16. Each is off where its weight is 0.
    """

    def __init__(self, recipe: Recipe) -> None:
        self.architecture = dict(recipe.network)
        start = self.architecture.pop("start", "random")
        self.side = int(self.architecture.pop("side", recipe.data.crop))
        self.least_area = float(self.architecture.pop("least_area", 1000))
        self.network = made_with(network_of, self.architecture)
        check_crop(recipe, self.network.multiple)
        if self.side % self.network.multiple or not 0 < self.side <= recipe.data.crop:
            raise RecipeError(
                f"network.side is a multiple of {self.network.multiple} up to the crop of {recipe.data.crop}, not "
                f"{self.side}"
            )
        if isinstance(self.network, PCTNetViT):
            self.network.apply(narrow)
        else:
            xavier(self.network, 2)
        begin(self.network, start, start_at_identity)
        self.on = {term for term in ("mse", "smooth", "contrast") if recipe.weight(term) != 0}
        self.contrast = StyleContrast() if "contrast" in self.on else None
        self.modules = nn.ModuleDict({"network": self.network})
        trained = [p for name, p in self.network.named_parameters() if "to_rgb" not in name]  # PCT-Net does not use it
        self.phases = (Phase("pct-net", trained, self.terms),)

    def terms(self, batch: Batch) -> dict[str, Tensor]:
        """Return the terms whose weights are not 0, each a scalar.

        The batch holds `composite` and `real` `[B, 3, c, c]` over -1..1 and `mask` `[B, 1, c, c]` over 0..1.
        """
        made, maps = self._made(batch)
        real, mask = unit(batch["real"]), batch["mask"].float()
        found: dict[str, Tensor] = {}
        if "mse" in self.on:
            encode = self.network.encode
            found["mse"] = mask_normalised(encode(made), encode(real), mask, self.least_area)
        if "smooth" in self.on:
            found["smooth"] = slope(maps)
        if self.contrast is not None:
            found["contrast"] = self.contrast(made, real, unit(batch["composite"]), mask)
        return found

    def predict(self, batch: Batch) -> Tensor:
        """Return the crop after the enlarged maps, `[B, 3, c, c]` over 0..1, for the batch of `terms`."""
        return self._made(batch)[0].clamp(0, 1)

    def weights(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return the network's state, with the names of the authors' files, and its arguments."""
        return self.network.state_dict(), self.architecture

    def _made(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return images `[B, 3, c, c]` over 0..1, not clamped, and the small maps `[B, 12, side, side]`."""
        composite, mask = unit(batch["composite"]), batch["mask"].float()
        small = torch.cat([composite, mask], 1)
        if small.shape[2] != self.side:
            small = F.interpolate(small, size=(self.side, self.side), mode="bilinear", align_corners=False)
        found = self.network(torch.cat([self.network.encode(small[:, :3]), small[:, 3:]], 1))
        found = type(found)(*(None if one is None else one.float() for one in found))
        height, width = composite.shape[2:]
        large = enlarged(found, (height, width)) if small.shape[2] != height else found
        weight = mask if large.attention is None else large.attention
        return mapped(composite, self.network.of_plain_colours(large.parameters), weight), found.parameters


def slope(maps: Tensor) -> Tensor:
    """Return the mean length of the Sobel gradient of maps `[B, C, h, w]`, a scalar; borders are repeated."""
    across = maps.new_tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]]) / 8
    kernels = torch.stack([across, across.T])[:, None]
    padded = F.pad(maps, (1, 1, 1, 1), mode="replicate").flatten(0, 1)[:, None]
    return (F.conv2d(padded, kernels).square().sum(1) + 1e-6).sqrt().mean()


def make(recipe: Recipe) -> PctNetObjective:
    """Return the objective of a recipe."""
    return PctNetObjective(recipe)
