"""Visible colour differences. Images are sRGB-encoded, uint8 or float, 0..255."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from sshbench.lut.difference import ciede2000 as difference
from sshbench.lut.difference import lab_of_linear, linear_of_srgb
from sshbench.metrics.arrays import Images, Masks, for_arrays, precise, strips

if TYPE_CHECKING:
    from torch import Tensor


@cache
def _linear_of_bytes() -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return linear_of_srgb(np.arange(256) / 255)


def _lab(image: Tensor) -> Tensor:
    """L*a*b* `[N, H, W, 3]` of `[N, 3, H, W]`."""
    import torch

    values = image.movedim(1, -1)
    if image.dtype == torch.uint8:
        table = precise(torch.from_numpy(_linear_of_bytes()).to(image.device))
        return lab_of_linear(table[values.int()])
    return lab_of_linear(linear_of_srgb(precise(values) / 255))


def ciede2000_means(prediction: Tensor, target: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
    """Mean CIEDE2000 of batches `[N, 3, H, W]` over all pixels, and weighted by the mask `[N, 1, H, W]`."""
    whole: Any = 0.0
    by_mask: Any = 0.0
    for rows in strips(target):
        map_ = difference(_lab(target[..., rows, :]), _lab(prediction[..., rows, :]))
        whole = whole + map_.sum(dim=(1, 2))
        if mask is not None:
            by_mask = by_mask + (map_ * precise(mask[:, 0, rows, :])).sum(dim=(1, 2))
    mean = whole / target[0, 0].numel()
    if mask is None:
        return mean, None
    return mean, by_mask / precise(mask).sum(dim=(1, 2, 3))


@for_arrays
def ciede2000(prediction: Images, target: Images) -> Tensor:
    """Mean CIEDE2000 under D65; about 1 is just visible."""
    return ciede2000_means(prediction, target)[0]


@for_arrays
def fciede2000(prediction: Images, target: Images, mask: Masks) -> Tensor:
    """Mean CIEDE2000 weighted by the mask; NaN for an empty mask."""
    mean = ciede2000_means(prediction, target, mask)[1]
    assert mean is not None
    return mean
