"""DIH as a method: each published form gets its own input, and the output is used whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sshbench.benchmarks.composite import Composite, Image
from sshbench.images.resize import Resize, resized
from sshbench.methods import composite_networks as common
from sshbench.methods.checkpoints.dih import FORMS
from sshbench.methods.full_resolution import MapKind
from sshbench.networks import imagenet


@dataclass(frozen=True)
class Convention:
    """The input and output of one form of the network.

    Parameters
    ----------
    size, resize
        The side of the square to which composite and mask are resized, in pixels, and the filter.
    encode
        A function from `[N, 4, H, W]`, RGB and mask in 0..255, to the network's input.
    decode
        A function from the network's output `[N, 3, H, W]` to RGB in 0..1.
    """

    size: int
    resize: Resize
    encode: Callable[[Tensor], Tensor]
    decode: Callable[[Tensor], Tensor]


def _planes(*values: float) -> Tensor:
    return torch.tensor(values)[:, None, None]


_BGR_MEANS = _planes(104.00699, 116.66877, 122.67892, 128.0)


def _bgr(x: Tensor) -> Tensor:
    """Return the first three channels in reverse order."""
    return torch.cat([x[:, :3].flip(1), x[:, 3:]], dim=1)


CONVENTIONS = {
    "tensorflow": Convention(
        256, "pil-bicubic", lambda x: (_bgr(x) - 127.5) / 127.5, lambda y: y.clamp(-1, 1).flip(1) / 2 + 0.5
    ),
    "caffe": Convention(
        512,
        "pil-bicubic",
        lambda x: _bgr(x) - _BGR_MEANS.to(x.device),
        lambda y: (y + _BGR_MEANS[:3].to(y.device)).flip(1) / 255,
    ),
    "saic": Convention(
        512,
        "pil-bilinear",
        lambda x: torch.cat([imagenet.normalised(x[:, :3] / 255), x[:, 3:] / 255], dim=1),
        imagenet.restored,
    ),
}
"""The convention of each form in `sshbench.methods.checkpoints.dih.FORMS`."""


def _network(form: str = "tensorflow", **arguments: Any) -> nn.Module:
    network: nn.Module = FORMS[form](**arguments)
    return network


class DeepImageHarmonization(common.LoadedNetwork):
    """Harmonize by DIH (Tsai et al., CVPR 2017), in the form that the weights belong to.

    As published, the network's image is used whole, background included.

    Parameters
    ----------
    device, weights
        As for `get_method`.
    output
        `"network"` returns the network's image; a form that works at another size than 256 x 256 is resized to the
        composite's size. `"map"` returns the composite at its own size with the foreground mapped as the network
        changed its colours, by a map of the kind `map`.
    """

    name = "dih"

    def __init__(
        self,
        *,
        device: str | None = None,
        weights: str | Path | None = None,
        output: common.Output = "network",
        map: MapKind = "lut",
    ) -> None:
        super().__init__(_network, device, weights)
        form = self.card.architecture.get("form", "tensorflow")
        self.convention = CONVENTIONS[form]
        if form == "tensorflow" and self.card.preprocessing.input_size:  # weights that were trained here
            self.convention = replace(self.convention, size=self.card.preprocessing.input_size)
        self.input_size = self.convention.size
        self.map = map if output == "map" else None

    def harmonize(self, batch: Sequence[Composite]) -> list[common.Floats | Image]:
        """Return one image for each composite.

        The images are float32 over 0..1, `[256, 256, 3]` or of the composite's size; with `output="map"`, uint8 of that
        size.
        """
        given = [self._input(composite) for composite in batch]
        made = common.run(self._harmonized, given, 1, self.device)
        if self.map is not None:
            return [common.mapped(*one, self.map) for one in zip(batch, given, made, strict=True)]
        images = [common.pixels(image.clamp(0, 1)) for image in made]
        if self.convention.size == common.SIZE:
            return list(images)
        sizes = [composite.mask.shape[::-1] for composite in batch]
        return [resized(image, "pil-bicubic", size) for image, size in zip(images, sizes, strict=True)]

    def _harmonized(self, x: Tensor) -> Tensor:
        return self.convention.decode(self.network(self.convention.encode(x * 255)).image)

    def _input(self, composite: Composite) -> Tensor:
        side = (self.convention.size, self.convention.size)
        mask = np.rint(composite.mask * 255).astype(np.uint8)
        image, mask = (resized(one, self.convention.resize, side) for one in (composite.composite, mask))
        return common.planes(image, np.asarray(mask / 255, np.float32))
