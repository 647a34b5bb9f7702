"""The objective of Harmonizer (Ke et al. 2022, section 3.3, with the numbers of the published code).

One half of a batch consists of real images that the filters themselves disturb, so the image that each filter should
restore is known. The other half consists of composites, for which only the final image is known.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from sshbench.networks.harmonizer import Harmonizer, start_at_identity
from sshbench.networks.harmonizer_filters import FILTERS, RANGES, disturbed, restored
from sshbench.training.objectives import Batch, Phase
from sshbench.training.objectives.composites import check_crop, unit
from sshbench.training.objectives.network import begin, made_with
from sshbench.training.recipe import Recipe


class HarmonizerObjective:
    """Train `Harmonizer` by two terms: `fine`, of disturbed images after each filter, and `coarse`, of composites.

    The section `network` takes the network's arguments and `start`, which is `random` or `identity`. If the weight of
    one term is 0, the whole batch serves the other.
    """

    def __init__(self, recipe: Recipe) -> None:
        self.architecture = dict(recipe.network)
        start = self.architecture.pop("start", "random")
        self.network = made_with(Harmonizer, self.architecture)
        check_crop(recipe, self.network.multiple)
        begin(self.network, start, start_at_identity)
        self.on = {term for term in ("fine", "coarse") if recipe.weight(term) != 0}
        self.modules = nn.ModuleDict({"network": self.network})
        self.phases = (Phase("harmonizer", list(self.network.parameters()), self.terms),)

    def terms(self, batch: Batch) -> dict[str, Tensor]:
        """Return the terms whose weights are not 0, each a scalar, from one pass of the network.

        The batch holds `composite` and `real` `[B, 3, c, c]` over -1..1 and `mask` `[B, 1, c, c]` over 0..1.
        """
        real, mask = unit(batch["real"]), batch["mask"].float()
        count = (len(real) + 1) // 2 if len(self.on) == 2 else len(real) * ("fine" in self.on)
        ranges = mask.new_tensor(RANGES)
        steps = disturbed(real[:count], mask[:count], (2 * torch.rand_like(ranges.expand(count, -1)) - 1) * ranges)
        given = torch.cat([steps[0], unit(batch["composite"][count:])])
        made = restored(given, mask, self._arguments(given, mask))
        found = {}
        if count:
            stages = zip([one[:count] for one in made], [*steps[1:], real[:count]], strict=True)
            found["fine"] = in_turn([foreground_error(one, to, mask[:count]) for one, to in stages])
        if count < len(real):
            found["coarse"] = foreground_error(made[-1][count:], real[count:], mask[count:]).mean()
        return found

    def predict(self, batch: Batch) -> Tensor:
        """Return the composite after all filters, `[B, 3, c, c]` over 0..1, for the batch of `terms`."""
        composite, mask = unit(batch["composite"]), batch["mask"].float()
        return restored(composite, mask, self._arguments(composite, mask))[-1]

    def weights(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return the network's state, with the names of the authors' file, and its arguments."""
        return self.network.state_dict(), self.architecture

    def _arguments(self, image: Tensor, mask: Tensor) -> Tensor:
        arguments: Tensor = self.network(torch.cat([image, mask], 1))
        return arguments.float()


def foreground_error(made: Tensor, real: Tensor, mask: Tensor) -> Tensor:
    """Return the absolute error plus ten times the squared error per foreground pixel, `[B]`.

    The images are `[B, 3, c, c]` over 0..1, and the mask is `[B, 1, c, c]` over 0..1.
    """
    squared = (made - real).square()
    error = ((squared + 1e-6).sqrt() + 10 * squared) * mask
    return error.sum((1, 2, 3)) / (mask.sum((1, 2, 3)) + 1e-6)


def in_turn(errors: list[Tensor]) -> Tensor:
    """Return the dynamic loss, a scalar: the errors that the filters add, divided by the sum of all errors.

    Parameters
    ----------
    errors
        `[B]` after each of `FILTERS`. A filter is not charged for the error that the previous filter left.
    """
    assert len(errors) == len(FILTERS)
    added = [errors[0]]
    added += [(after - before.detach()).clamp_min(0) for before, after in pairwise(errors)]
    whole = torch.stack(added).sum(0).detach() + 1e-9
    return torch.stack([(one / whole).mean() for one in added]).sum()


def make(recipe: Recipe) -> HarmonizerObjective:
    """Return the objective of a recipe."""
    return HarmonizerObjective(recipe)
