"""S2AM as a method: the published input, and the composite that its authors score."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from sshbench.methods import composite_networks as common
from sshbench.methods.full_resolution import MapKind
from sshbench.networks.s2am import S2AM


class SpatialSeparatedAttention(common.CompositeNetwork):
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
        twice is not blending once. It is not clipped then.
    output, map
        As for `CompositeNetwork`.
    """

    name = "s2am"

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
        super().__init__(S2AM, device, weights, size, output, map)
        self.blend = blend

    def made_of(self, given: Tensor) -> Tensor:
        """The network's images."""
        made: Tensor = self.network(given)
        return made

    def finished(self, made: Tensor, given: Tensor) -> Tensor:
        """The network's image blended into the composite."""
        if not self.blend:
            return made
        composite, mask = given[:3], given[3:]
        return (composite * (1 - mask) + made * mask).clamp(0, 1)
