"""HDNet as a method; it sees the composite or, as its authors evaluate it, the foreground on the ground truth."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from sshbench.benchmarks.composite import Composite
from sshbench.images.resize import black_and_white
from sshbench.methods import composite_networks as common
from sshbench.methods.base import MethodError
from sshbench.methods.full_resolution import MapKind
from sshbench.networks.hdnet import HDNet


class HdNet(common.CompositeNetwork):
    """Harmonize by HDNet (Chen et al., ACM MM 2023), whose authors release no weights.

    The network gets the composite at 256 x 256 (Pillow's bilinear) over -1..1 with the mask in black and white
    (Pillow's mode `1`, nearest), and changes only pixels inside the mask.

    Parameters
    ----------
    device, weights
        As for `get_method`.
    background
        `"composite"` needs no ground truth. `"target"` follows the authors: it puts the ground truth's background
        behind the foreground before the network sees the composite. The background then has no error of JPEG and
        resampling, and the network sees a part of the image that its result is compared with. Tables mark this as they
        mark ceilings.
    size
        `"256"`, or `"full"`: the composite at its own size, padded to multiples of 8 by repeating its border.
    output, map
        As for `CompositeNetwork`.
    """

    name = "hdnet"

    def __init__(
        self,
        *,
        device: str | None = None,
        weights: str | Path | None = None,
        background: Literal["composite", "target"] = "composite",
        size: common.Size = "256",
        output: common.Output = "network",
        map: MapKind = "lut",
    ) -> None:
        super().__init__(HDNet, device, weights, size, output, map)
        self.sees_target = background == "target"

    def given(self, composite: Composite) -> Tensor:
        """Return the input of the network, `[4, h, w]` over 0..1: the image that `background` selects, and the mask.

        Raises
        ------
        MethodError
            The ground truth is required, and the composite has none.
        """
        given = super().given(composite)
        if not self.sees_target:
            return given
        if composite.target is None:
            raise MethodError(f"hdnet:background=target needs the ground truth, but {composite.id} has none")
        mask = given[3:]
        return torch.cat([given[:3] * mask + self.image_of(composite.target) * (1 - mask), mask])

    def mask_at(self, mask: common.Floats, side: tuple[int, int] | None) -> common.Floats:
        """Return the mask `[h, w]` with the values 0 and 1."""
        return black_and_white(mask, side)

    def made_of(self, given: Tensor) -> Tensor:
        """Return the network's images `[N, 3, h, w]` over 0..1 for inputs `[N, 4, h, w]` over 0..1."""
        made: Tensor = self.network(torch.cat([given[:, :3] * 2 - 1, given[:, 3:]], 1)).image
        return made / 2 + 0.5
