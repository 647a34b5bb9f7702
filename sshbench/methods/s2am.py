"""S2AM as a method: the published input, and the composite that its authors score."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from sshbench.methods import composite_networks as common
from sshbench.methods.full_resolution import MapKind
from sshbench.networks.s2am import S2AM


class SpatialSeparatedAttention(common.CompositeNetwork):
    """Harmonize by S2AM (Cun and Pun, IEEE TIP 2020).

    As in the published notebook, the network receives the composite and the soft mask at 256 x 256 (Pillow's bilinear
    filter) over 0..1, and its image is blended into the composite by that mask.

    Parameters
    ----------
    device, weights
        As for `get_method`. The weights determine the variant of the network.
    size
        `"256"`, or `"full"` for the composite at its own size, padded to multiples of 256 by repeating its border.
    blend
        Whether to blend. False returns the network's image, not clipped, for a protocol that blends the image itself,
        such as `s2am`: at soft edges, blending twice differs from blending once.
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
        """Return the network's images `[N, 3, h, w]`, not clipped, for inputs `[N, 4, h, w]` over 0..1."""
        made: Tensor = self.network(given)
        return made

    def finished(self, made: Tensor, given: Tensor) -> Tensor:
        """Return the network's image blended into the composite, `[3, h, w]` over 0..1; not blended without `blend`."""
        if not self.blend:
            return made
        composite, mask = given[:3], given[3:]
        return (composite * (1 - mask) + made * mask).clamp(0, 1)
