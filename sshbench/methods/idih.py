"""iDIH as a method, with the input of its authors' evaluation or, at a composite's own size, of their predictor."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from sshbench.images.resize import resized
from sshbench.methods import composite_networks as common
from sshbench.methods.full_resolution import MapKind
from sshbench.networks import imagenet
from sshbench.networks.idih import IDIH


class ImprovedDih(common.CompositeNetwork):
    """Harmonize by iDIH (Sofiiuk et al., WACV 2021), alone or with HRNet; the weights determine the variant.

    As in the authors' evaluation, the network gets the composite and the soft mask at 256 x 256 (OpenCV's linear
    resize, which does not filter), normalised as for ImageNet. The network blends its image into the composite by an
    attention that it predicts, and the whole output is returned, background included.

    Parameters
    ----------
    device, weights
        As for `get_method`.
    size
        `"256"`, or `"full"`: the composite at its own size, with black around it up to multiples of 256, as in the
        authors' predictor (iSSAM: of 32).
    output, map
        As for `CompositeNetwork`.
    """

    name = "idih"
    resize = "opencv-linear"
    around = "black"
    make: type[torch.nn.Module] = IDIH

    def __init__(
        self,
        *,
        device: str | None = None,
        weights: str | Path | None = None,
        size: common.Size = "256",
        output: common.Output = "network",
        map: MapKind = "lut",
    ) -> None:
        super().__init__(self.make, device, weights, size, output, map)

    @property
    def multiple(self) -> int:
        """The sides of an image are padded to multiples of this number, as in the authors' predictor."""
        return int(self.network.padded)

    def mask_at(self, mask: common.Floats, side: tuple[int, int] | None) -> common.Floats:
        """Return the soft mask `[h, w]` over 0..1, resized as floats to `side`, a (width, height)."""
        return mask if side is None else np.asarray(resized(mask, self.resize, side), np.float32)

    def made_of(self, given: Tensor) -> Tensor:
        """Return the network's images `[N, 3, h, w]`, not clamped, for inputs `[N, 4, h, w]` over 0..1."""
        normalised = torch.cat([imagenet.normalised(given[:, :3]), given[:, 3:]], 1)
        return imagenet.restored(self.network(normalised).image)

    def finished(self, made: Tensor, given: Tensor) -> Tensor:
        """Return the network's image `[3, h, w]`, clamped to 0..1."""
        return made.clamp(0, 1)
