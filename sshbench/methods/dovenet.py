"""DoveNet as a method: the published input, and both ways in which its network can be run."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from sshbench.benchmarks.composite import Composite, Image
from sshbench.methods import composite_networks as common
from sshbench.methods.full_resolution import MapKind
from sshbench.methods.weights import load_network
from sshbench.metrics.resize import black_and_white, resized
from sshbench.networks.dovenet import DoveNetGenerator


class DoveNet:
    """Harmonize by DoveNet (Cong et al., CVPR 2020).

    As in the published test script, the network gets the composite at 256 x 256 (Pillow's bilinear) over -1..1 with the
    mask in black and white (Pillow's mode `1`, nearest), and what it makes is taken whole, background and all.

    Parameters
    ----------
    device, weights
        As for `get_method`.
    mode
        `"eval"`: with the statistics of training. `"train"`: as the published command runs it, with the statistics of
        each image alone and with dropout, the same for one `seed` and one id on one kind of device.
    size
        `"256"`, or `"full"`: the composite at its own size, padded to multiples of 256 by repeating its border.
    output
        `"network"`: what the network makes, of the size that it works at. `"map"`: the composite at its own size, its
        foreground through the map of colours that the network made, of the kind `map`.
    """

    name = "dovenet"
    needs_background = False
    needs_mask = True
    sees_target = False

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
        self.network, found = load_network(self.name, weights, DoveNetGenerator)
        self.device = torch.device(device or "cpu")
        self.network.to(self.device).to(memory_format=torch.channels_last).train(mode == "train")
        for module in self.network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = 0.0  # in training mode too, no image changes what the next one meets
        self.mode, self.seed, self.size = mode, seed, size
        self.map = map if output == "map" else None
        self.card, self.weights_hash, self.trained_by = found.card, found.hash, found.card.trained_by
        self.input_size = common.SIZE if size == "256" else None

    def harmonize(self, batch: Sequence[Composite]) -> list[common.Floats | Image]:
        """Return images: float32 over 0..1, `[256, 256, 3]` or of the composite's size; of a map uint8 of that size."""
        given = [self._input(composite) for composite in batch]
        if self.mode == "eval":
            made = self._run(given)
        else:
            made = [self._run_alone(one, composite.id) for one, composite in zip(given, batch, strict=True)]
        made = [image.cpu() / 2 + 0.5 for image in made]
        if self.map is None:
            return [common.pixels(image) for image in made]
        return [common.mapped(*one, self.map) for one in zip(batch, given, made, strict=True)]

    def _input(self, composite: Composite) -> Tensor:
        side = common.side_of(self.size)
        image = resized(composite.composite, "pil-bilinear", side) if side else composite.composite
        return common.planes(image, black_and_white(composite.mask, side))

    def _run(self, given: Sequence[Tensor]) -> list[Tensor]:
        signed = [torch.cat([one[:3] * 2 - 1, one[3:]]) for one in given]
        return common.run(self.network, signed, self.network.multiple, self.device)

    def _run_alone(self, given: Tensor, id: str) -> Tensor:
        with torch.random.fork_rng([self.device] if self.device.type == "cuda" else []):
            torch.manual_seed(zlib.crc32(f"{self.seed} {id}".encode()))
            return self._run([given])[0]
