"""The objective of DoveNet: one phase for the discriminator and one for the generator.

Cong et al. 2020, section 4, with the numbers of the published code. In each step, the discriminator learns to
distinguish real from generated images, by the whole image and by whether foreground and background belong to one
domain. Then the generator learns to make the real image and to deceive the discriminator.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sshbench.networks.dovenet import DoveNetDiscriminator, DoveNetGenerator, start_at_identity
from sshbench.training.objectives import Batch, Phase
from sshbench.training.objectives.composites import blended, check_crop, stacked
from sshbench.training.objectives.network import begin, made_with
from sshbench.training.recipe import Recipe

DISCRIMINATOR = ("d_whole", "d_domains", "d_gradient")
GENERATOR = ("l1", "g_whole", "g_domains")


class DoveNetObjective:
    """Train `DoveNetGenerator` against `DoveNetDiscriminator`.

    The section `network` takes the generator's arguments; `start`, which is `random` or `identity`; and
    `discriminator`, a table of the discriminator's arguments. Unless given, its norm is the generator's, and its depth
    is as large as the crop allows, up to the published 7. The terms `d_whole`, `d_domains` (hinge) and `d_gradient`
    (gradient penalty) are the discriminator's; `l1`, `g_whole` and `g_domains` are the generator's. A term of weight 0
    is off. If no term judges the generator, the discriminator has no phase.
    """

    def __init__(self, recipe: Recipe) -> None:
        self.architecture = dict(recipe.network)
        judge = dict(self.architecture.pop("discriminator", {}))
        start = self.architecture.pop("start", "random")
        self.generator = made_with(DoveNetGenerator, self.architecture)
        check_crop(recipe, self.generator.multiple)
        usual = {"norm": self.architecture.get("norm", "batch"), "depth": deepest(recipe.data.crop)}
        self.discriminator = made_with(DoveNetDiscriminator, usual | judge)
        self.modules = nn.ModuleDict({"generator": self.generator, "discriminator": self.discriminator})
        self.modules.apply(_initialise)
        begin(self.generator, start, start_at_identity)
        self.on = {term for term in (*DISCRIMINATOR, *GENERATOR) if recipe.weight(term) != 0}
        phases = [Phase("generator", list(self.generator.parameters()), self.generator_terms)]
        if self.on & {"g_whole", "g_domains"}:
            phases.insert(0, Phase("discriminator", list(self.discriminator.parameters()), self.discriminator_terms))
        self.phases = tuple(phases)

    def discriminator_terms(self, batch: Batch) -> dict[str, Tensor]:
        """Return the hinge losses of real and generated images and the gradient penalty, each a scalar.

        The batch holds `composite` and `real` `[B, 3, c, c]` over -1..1 and `mask` `[B, 1, c, c]` over 0..1.
        """
        mask, real, fake = _binary(batch["mask"]), batch["real"], self._output(batch).detach()
        found: dict[str, Tensor] = {}
        if self.on & {"d_whole", "d_domains"}:
            of_real, of_fake = self.discriminator(real, mask), self.discriminator(fake, mask)
            found["d_whole"] = _hinge(of_real.whole, of_fake.whole)
            found["d_domains"] = _hinge(of_real.domains, of_fake.domains)
        if "d_gradient" in self.on:
            found["d_gradient"] = self._gradient_penalty(real, fake, mask)
        return {term: value for term, value in found.items() if term in self.on}

    def generator_terms(self, batch: Batch) -> dict[str, Tensor]:
        """Return the mean absolute error and the discriminator's negated scores, each a scalar.

        The batch is that of `discriminator_terms`.
        """
        output = self._output(batch)
        found = {"l1": F.l1_loss(output.float(), batch["real"].float())}
        if self.on & {"g_whole", "g_domains"}:
            scores = self.discriminator(output, _binary(batch["mask"]))
            found |= {"g_whole": -scores.whole.mean(), "g_domains": -scores.domains.mean()}
        return {term: value for term, value in found.items() if term in self.on}

    def predict(self, batch: Batch) -> Tensor:
        """Return the network's image, blended into the composite by the mask, `[B, 3, c, c]` over 0..1.

        The network's background is not used. The batch is that of `discriminator_terms`.
        """
        return blended(self.generator(_input(batch)) / 2 + 0.5, batch)

    def weights(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return the generator's state, with the names of the authors' checkpoint, and its arguments."""
        return self.generator.state_dict(), self.architecture

    def _output(self, batch: Batch) -> Tensor:
        """Return the generator's image `[B, 3, c, c]` over -1..1, computed once a step for both phases."""
        if "output" not in batch:
            batch["output"] = self.generator(_input(batch))
        output: Tensor = batch["output"]
        return output

    def _gradient_penalty(self, real: Tensor, fake: Tensor, mask: Tensor) -> Tensor:
        """Return the penalty of Gulrajani et al. 2017 on the mean of both scores, in float32.

        It is computed at points between each real and generated image.
        """
        with torch.autocast(real.device.type, enabled=False):
            share = torch.rand(len(real), 1, 1, 1, device=real.device)
            between = (share * real.float() + (1 - share) * fake.float()).requires_grad_()
            scores = self.discriminator(between, mask.float())
            total = ((scores.whole + scores.domains) / 2).sum()
            (gradient,) = torch.autograd.grad(total, between, create_graph=True)
            norms: Tensor = (gradient.flatten(1) + 1e-16).norm(dim=1)
            return (norms - 1).square().mean()


def deepest(side: int) -> int:
    """Return the largest number of convolutions, up to the published 7, for images of this side."""
    depth = 1
    while depth < 7 and (side := (side - 3) // 2 + 1) >= 3:
        depth += 1
    return depth


def _input(batch: Batch) -> Tensor:
    return stacked(batch["composite"], _binary(batch["mask"]))


def _binary(mask: Tensor) -> Tensor:
    return (mask >= 0.5).to(mask.dtype)


def _hinge(real: Tensor, fake: Tensor) -> Tensor:
    return F.relu(1 - real.float()).mean() + F.relu(1 + fake.float()).mean()


@torch.no_grad()
def _initialise(module: nn.Module) -> None:
    """Draw weights from N(0, 0.02) and scales from N(1, 0.02), and set biases to 0."""
    for name, parameter in module.named_parameters(recurse=False):
        if parameter.ndim > 1:
            parameter.normal_(0, 0.02)
        elif name == "weight":
            parameter.normal_(1, 0.02)
        else:
            parameter.zero_()


def make(recipe: Recipe) -> DoveNetObjective:
    """Return the objective of a recipe."""
    return DoveNetObjective(recipe)
