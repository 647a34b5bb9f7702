"""Harmonizer as a method: it predicts six arguments from a small copy, and its filters run at full size."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sshbench.benchmarks.composite import Composite, Image
from sshbench.images.resize import black_and_white, resized, sampled
from sshbench.lut.table import Lut, identity_table
from sshbench.methods import composite_networks as common
from sshbench.methods.batches import batches
from sshbench.methods.full_resolution import ColourMap
from sshbench.networks import harmonizer_filters as filters
from sshbench.networks.harmonizer import Harmonizer as Network

POINTS = 65
"""The number of points on each axis of the LUT of the filters."""

_ROWS = 1 << 15  # pixels in one step of work; more would not stay in the cache


class Harmonizer(common.LoadedNetwork):
    """Harmonize by Harmonizer (Ke et al., ECCV 2022). The authors' weights are for non-commercial use only.

    As published, the network sees the composite and the mask, in black and white (Pillow's mode `1`), at 256 x 256
    (PyTorch's bilinear resize, which does not filter), and the filters run on the whole composite, since two of them
    depend on its means. The result is blended into the composite by the mask.

    Parameters
    ----------
    device, weights
        As for `get_method`.
    size
        `"full"`: the filters run on the composite at its own size. `"256"`: they run on a copy of 256 x 256 (Pillow's
        bilinear filter, the mask to the nearest), as in the authors' evaluation at that size. The network sees the same
        input in both cases.
    soft
        Whether to keep the soft mask. By default, the mask is converted to black and white, which dithers soft edges.
    """

    name = "harmonizer"

    def __init__(
        self,
        *,
        device: str | None = None,
        weights: str | Path | None = None,
        size: common.Size = "full",
        soft: bool = False,
    ) -> None:
        super().__init__(Network, device, weights)
        self.size, self.soft = size, soft
        self.input_size = self.card.preprocessing.input_size or common.SIZE

    def harmonize(self, batch: Sequence[Composite]) -> list[common.Floats]:
        """Return images, float32 over 0..1, of the composites' sizes or `[256, 256, 3]`."""
        arguments = self.arguments(batch)
        return [self._filtered(composite, one) for composite, one in zip(batch, arguments, strict=True)]

    def composite_maps(self, batch: Sequence[Composite]) -> list[ColourMap]:
        """Return the filters of each composite as a map of colours."""
        arguments = self.arguments(batch)
        return [
            chain_of(composite.composite, one).colour_map() for composite, one in zip(batch, arguments, strict=True)
        ]

    def arguments(self, batch: Sequence[Composite]) -> Tensor:
        """Return the six arguments of each composite, `[N, 6]`, not clamped."""
        side = (self.input_size or common.SIZE,) * 2
        small = [common.planes(sampled(one.composite, side), sampled(self._mask(one.mask), side)) for one in batch]
        with torch.inference_mode():
            given = torch.stack(small).to(self.device)
            return torch.cat([self.network(part) for (part,) in batches(given)]).cpu()

    def _filtered(self, composite: Composite, arguments: Tensor) -> common.Floats:
        side = common.side_of(self.size)
        image = composite.composite if side is None else resized(composite.composite, "pil-bilinear", side)
        return chain_of(image, arguments)(image, self._mask(composite.mask, side))

    def _mask(self, mask: common.Floats, side: tuple[int, int] | None = None) -> common.Floats:
        if self.soft:
            return mask if side is None else np.asarray(resized(mask, "pil-bilinear", side), np.float32)
        if side is None and not ((mask > 0) & (mask < 1)).any():
            return mask
        return black_and_white(mask, side)


@dataclass(frozen=True, eq=False)
class FilterChain:
    """The filters with fixed arguments and means, which together are a map of colours.

    Parameters
    ----------
    curves
        float32 `[256, 3]`: the output of temperature, brightness and contrast for each byte. These filters do not mix
        channels, so a table for each channel is exact.
    arguments
        `[6]`, within -1..1.
    means
        The means of the image's channels, `[3]`, and the mean of all values of the input of contrast, `[1]`.
    """

    curves: NDArray[np.float32]
    arguments: Tensor
    means: tuple[Tensor, Tensor]

    def __call__(self, image: Image, mask: common.Floats) -> common.Floats:
        """Filter an image, uint8 `[H, W, 3]`, and blend by its mask `[H, W]`: float32 over 0..1."""
        made = np.empty(image.shape, np.float32)
        step = max(1, _ROWS // image.shape[1])

        def work(start: int) -> None:
            rows = slice(start, start + step)
            before = image[rows].transpose(2, 0, 1) * np.float32(1 / 255)
            if mask[rows].any():
                curved = np.stack([self.curves[:, c][image[rows, :, c]] for c in range(3)])
                after = self._mixed(torch.from_numpy(curved)[None])[0].numpy()
                before = after * mask[rows] + before * (1 - mask[rows])
            made[rows] = before.transpose(1, 2, 0)

        with torch.inference_mode(), ThreadPoolExecutor(torch.get_num_threads()) as pool:
            for _ in pool.map(work, range(0, len(image), step)):
                pass
        return made

    def colour_map(self, points: int = POINTS) -> ColourMap:
        """Return the filters as a LUT over 0..1, which interpolates between its points."""
        grid = torch.from_numpy(identity_table(points)).reshape(1, -1, 1, 3).permute(0, 3, 1, 2)
        with torch.inference_mode():
            values = self._mixed(_curved(grid, self.arguments, self.means))
        table = values[0, :, :, 0].T.reshape(points, points, points, 3).contiguous().numpy()
        return ColourMap("filters", Lut(values=table, title="Harmonizer's filters"))

    def _mixed(self, image: Tensor) -> Tensor:
        """Apply the filters that follow the curves to `[N, 3, H, W]`."""
        for x, apply in zip(self.arguments[3:, None], [*filters.FILTERS.values()][3:], strict=True):
            image = apply(image, x)
        return image


def chain_of(image: Image, arguments: Tensor) -> FilterChain:
    """Return the filters with `arguments` `[6]`, clamped to -1..1, and the means of an image, uint8 `[H, W, 3]`."""
    arguments = arguments.clamp(-1, 1)
    counts = np.stack([np.bincount(image[..., c].ravel(), minlength=256) for c in range(3)])
    shares = torch.from_numpy(counts / counts.sum(1, keepdims=True))  # [3, 256]
    levels = torch.arange(256, dtype=torch.float64) / 255
    means = (shares @ levels).float()
    bytes_ = levels.float().expand(1, 3, 1, 256)
    given = _curved(bytes_, arguments, (means,))[0, :, 0].double()
    middle = (given * shares).sum().div(3).float()[None]
    curves = _curved(bytes_, arguments, (means, middle))[0, :, 0].T.contiguous().numpy()
    return FilterChain(curves, arguments, (means, middle))


def _curved(image: Tensor, arguments: Tensor, means: tuple[Tensor, Tensor] | tuple[Tensor]) -> Tensor:
    """Apply the filters that mix no channels to `[1, 3, H, W]`; without the mean of contrast, only the first two."""
    temperature, brightness, contrast = arguments[:3, None]
    image = filters.brightness(filters.temperature(image, temperature, means[0][None]), brightness)
    return filters.contrast(image, contrast, means[1]) if len(means) == 2 else image
