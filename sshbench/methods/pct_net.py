"""PCT-Net as a method: it predicts colour maps from a small copy of the composite and applies them at full size."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from sshbench.benchmarks.composite import Composite
from sshbench.images.resize import resized
from sshbench.methods import composite_networks as common
from sshbench.methods.batches import batches
from sshbench.networks.colour_field import each_tile
from sshbench.networks.pct_net import PARAMETERS, PCTNetCNN, PCTNetViT, mapped


def network_of(variant: Literal["cnn", "vit"] = "vit", **sizes: Any) -> PCTNetCNN | PCTNetViT:
    """Build the network of a variant; `sizes` are the other arguments of its class."""
    return PCTNetCNN(**sizes) if variant == "cnn" else PCTNetViT(**sizes)


class PctNet(common.LoadedNetwork):
    """Harmonize by PCT-Net (Guerreiro et al., CVPR 2023); the weights determine the variant.

    As in the authors' predictor, the network sees the composite and the soft mask at 256 x 256 (OpenCV's linear resize,
    which does not filter). Its maps are enlarged bicubically and applied to the composite. The result is blended into
    the composite by the attention that the network predicts (`cnn`) or by the mask (`vit`).

    Parameters
    ----------
    device, weights
        As for `get_method`.
    size
        `"full"`: the maps are applied to the composite at its own size. `"256"`: they are applied to the small copy.
    """

    name = "pct-net"
    network: PCTNetCNN | PCTNetViT

    def __init__(
        self, *, device: str | None = None, weights: str | Path | None = None, size: common.Size = "full"
    ) -> None:
        super().__init__(network_of, device, weights)
        self.size = size
        self.input_size = self.card.preprocessing.input_size or common.SIZE

    def harmonize(self, batch: Sequence[Composite]) -> list[common.Floats]:
        """Return images, float32 over 0..1, of the composites' sizes or `[256, 256, 3]`."""
        given = torch.stack([self._small(composite) for composite in batch]).to(self.device)
        made: list[common.Floats] = []
        with torch.inference_mode():
            for (part,) in batches(given):
                colours, masks = part[:, :3], part[:, 3:]
                found = self.network(torch.cat([self.network.encode(colours), masks], 1))
                maps = self.network.of_plain_colours(found.parameters)
                if self.size == "256":
                    weights = masks if found.attention is None else found.attention
                    made += [common.pixels(image) for image in mapped(colours, maps, weights).clamp(0, 1)]
                else:
                    fields = maps if found.attention is None else torch.cat([maps, found.attention], 1)
                    made += [applied(batch[k], field) for k, field in enumerate(fields, len(made))]
        return made

    def _small(self, composite: Composite) -> Tensor:
        side = (self.input_size or common.SIZE,) * 2
        image, mask = (resized(one, "opencv-linear", side) for one in (composite.composite, composite.mask))
        return common.planes(image, np.asarray(mask, np.float32))


def applied(composite: Composite, field: Tensor) -> common.Floats:
    """Apply maps to a composite at its own size, tile by tile.

    Parameters
    ----------
    field
        `[12 or 13, h, w]`: maps of colours over 0..1. The 13th plane is the share of the mapped colour, 0..1; without
        this plane, the composite's mask is the share.

    Returns
    -------
    float32 `[H, W, 3]` over 0..1.
    """
    image, mask = composite.composite, composite.mask
    made = np.empty(image.shape, np.float32)

    def work(rows: slice, columns: slice, tile: Tensor) -> None:
        part = torch.from_numpy(np.ascontiguousarray(image[rows, columns].transpose(2, 0, 1))).to(tile.device)
        weight = tile[PARAMETERS:]
        if not len(weight):
            weight = torch.from_numpy(mask[None, rows, columns].copy()).to(tile.device)
        with torch.inference_mode():
            done = mapped(part.float().mul_(1 / 255), tile[:PARAMETERS], weight).clamp_(0, 1)
        made[rows, columns] = done.cpu().numpy().transpose(1, 2, 0)

    height, width = mask.shape
    each_tile(field, (height, width), work, threads=torch.get_num_threads() if field.device.type == "cpu" else 1)
    return made
