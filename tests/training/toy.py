"""A small thing to train in double precision: SSH against a discriminator, two phases with shared modules."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from sshbench.networks.ssh import SSH
from sshbench.training.objectives import Batch, Phase
from sshbench.training.recipe import Recipe

RECIPE = """
[network]
width = 2

[data]
batch = 4
crop = 32
scale = [36, 40]

[optimizer]
lr = 1e-3

[schedule]
steps = 6
decay = 0.5

[loss]
pixels = 1.0
fooled = 0.1
real = 1.0
fake = 1.0

[loop]
log = 1
checkpoint = 2

[validation]
every = 3
images = 4
"""


class Toy:
    def __init__(self, recipe: Recipe) -> None:
        self.architecture = recipe.network
        self.network = SSH(**recipe.network)
        self.judge = nn.Sequential(
            nn.Conv2d(3, 4, 4, stride=4), nn.BatchNorm2d(4), nn.LeakyReLU(0.2), nn.Conv2d(4, 1, 1)
        )
        self.modules = nn.ModuleDict({"network": self.network, "judge": self.judge}).double()
        self.phases = (
            Phase("judge", list(self.judge.parameters()), self.judging),
            Phase("network", list(self.network.parameters()), self.translating),
        )

    def result(self, batch: Batch) -> Tensor:
        image: Tensor = self.network(batch["content_alpha"].double(), batch["reference_beta"].double()).image
        return image

    def judging(self, batch: Batch) -> dict[str, Tensor]:
        real, fake = self.judge(batch["content_beta"].double()), self.judge(self.result(batch))
        return {"real": (real - 1).square().mean(), "fake": fake.square().mean()}

    def translating(self, batch: Batch) -> dict[str, Tensor]:
        result = self.result(batch)
        pixels = (result - batch["content_beta"].double()).abs().mean()
        return {"pixels": pixels, "fooled": (self.judge(result) - 1).square().mean()}

    def predict(self, batch: Batch) -> Tensor:
        return self.result(batch) / 2 + 0.5

    def weights(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        return self.network.state_dict(), dict(self.architecture)


make = Toy
