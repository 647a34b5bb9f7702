"""S2AM as a method: the published input, and the composite that its authors score."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from sshbench.benchmarks.composite import Composite, Image
from sshbench.methods import composite_networks as common
from sshbench.methods.full_resolution import MapKind
from sshbench.methods.weights import load_network
from sshbench.metrics.resize import resized
from sshbench.networks.s2am import S2AM


class SpatialSeparatedAttention:
    """Harmonize by S2AM (Cun and Pun, IEEE TIP 2020).

    As in the published notebook, the network gets the composite and the soft mask at 256 x 256 (Pillow's bilinear) over
    0..1, and what it makes is blended into the composite by that mask.

    Parameters
    ----------
    device, weights
        As for `get_method`. The weights say which variant of the network they are of.
    size
        `"256"`, or `"full"`: the composite at its own size, padded to multiples of 256 by repeating its border.
    blend
        False returns what the network makes, for a protocol that blends itself, as `s2am` does: at soft edges, blending
        twice is not blending once.
    output
        `"network"`: what is described above, of the size that the network works at. `"map"`: the composite at its own
        size, its foreground through the map of colours that the network made, of the kind `map`.
    """

    name = "s2am"
    needs_background = False
    needs_mask = True
    sees_target = False

    def __init__(
        self,
        *,
        device: str | None = None,
        weights: str | Path | None = None,
        size: common.Size = "256",
        blend: bool = True,
        output: common.Output = "network",
        map: MapKind = "lut",
    ) -> None:
        self.network, found = load_network(self.name, weights, S2AM)
        self.device = torch.device(device or "cpu")
        self.network.to(self.device).to(memory_format=torch.channels_last).eval()
        self.size, self.blend = size, blend
        self.map = map if output == "map" else None
        self.card, self.weights_hash, self.trained_by = found.card, found.hash, found.card.trained_by
        self.input_size = common.SIZE if size == "256" else None

    def harmonize(self, batch: Sequence[Composite]) -> list[common.Floats | Image]:
        """Return images: float32 over 0..1, `[256, 256, 3]` or of the composite's size; of a map uint8 of that size.

        Without `blend` they are not clipped.
        """
        given = [self._input(composite) for composite in batch]
        made = [one.cpu() for one in common.run(self.network, given, self.network.multiple, self.device)]
        if self.map is not None:
            return [common.mapped(*one, self.map) for one in zip(batch, given, made, strict=True)]
        if self.blend:
            made = [_blended(output, one) for output, one in zip(made, given, strict=True)]
        return [common.pixels(image) for image in made]

    def _input(self, composite: Composite) -> Tensor:
        side = common.side_of(self.size)
        if side is None:
            return common.planes(composite.composite, composite.mask)
        mask = resized(np.rint(composite.mask * 255).astype(np.uint8), "pil-bilinear", side)
        return common.planes(
            resized(composite.composite, "pil-bilinear", side), np.asarray(mask, np.float32) / np.float32(255)
        )


def _blended(output: Tensor, given: Tensor) -> Tensor:
    composite, mask = given[:3], given[3:]
    return (composite * (1 - mask) + output * mask).clamp(0, 1)
