"""DoveNet as a method: the published input, and both modes of its network."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from sshbench.benchmarks.composite import Composite
from sshbench.images.resize import black_and_white
from sshbench.methods import composite_networks as common
from sshbench.methods.full_resolution import MapKind
from sshbench.networks.dovenet import DoveNetGenerator


class DoveNet(common.CompositeNetwork):
    """Harmonize by DoveNet (Cong et al., CVPR 2020).

    As in the published test script, the network receives the composite at 256 x 256 (Pillow's bilinear filter) over
    -1..1 with a black-and-white mask (Pillow's mode `1`, nearest). Its image is used whole, background included.

    Parameters
    ----------
    device, weights
        As for `get_method`.
    mode
        `"eval"` uses the statistics of training. `"train"` runs the network as the published command does: with the
        statistics of each single image and with dropout, which is the same for one `seed` and one id on one kind of
        device.
    size
        `"256"`, or `"full"` for the composite at its own size, padded to multiples of 256 by repeating its border.
    output, map
        As for `CompositeNetwork`.
    """

    name = "dovenet"

    def __init__(
        self,
        *,
        device: str | None = None,
        weights: str | Path | None = None,
        mode: Literal["eval", "train"] = "eval",
        seed: int = 0,
        size: common.Size = "256",
        output: common.Output = "network",
        map: MapKind = "lut",
    ) -> None:
        super().__init__(DoveNetGenerator, device, weights, size, output, map)
        self.mode, self.seed = mode, seed
        self.network.train(mode == "train")
        for module in self.network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = 0.0  # no image changes the statistics for the next image, also in training mode

    def mask_at(self, mask: common.Floats, side: tuple[int, int] | None) -> common.Floats:
        """Return the mask `[h, w]` with the values 0 and 1."""
        return black_and_white(mask, side)

    def run(self, given: Sequence[Tensor], batch: Sequence[Composite]) -> list[Tensor]:
        """Return the network's images `[3, h, w]` over 0..1 for inputs `[4, h, w]` over 0..1.

        In training mode, each image runs alone, and the composite's id seeds the dropout.
        """
        if self.mode == "eval":
            return super().run(given, batch)
        return [self._alone(one, composite) for one, composite in zip(given, batch, strict=True)]

    def made_of(self, given: Tensor) -> Tensor:
        """Return the network's images `[N, 3, h, w]` over 0..1 for inputs `[N, 4, h, w]` over 0..1."""
        made: Tensor = self.network(torch.cat([given[:, :3] * 2 - 1, given[:, 3:]], 1))
        return made / 2 + 0.5

    def _alone(self, given: Tensor, composite: Composite) -> Tensor:
        with torch.random.fork_rng([self.device] if self.device.type == "cuda" else []):
            torch.manual_seed(zlib.crc32(f"{self.seed} {composite.id}".encode()))
            return super().run([given], [composite])[0]
