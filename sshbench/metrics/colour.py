"""Visible colour differences of sRGB-encoded images; parameters and ranges are those of `metrics.pixel`."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from sshbench.colour.difference import RGB_TO_RATIOS, ciede2000_of_planes, lab_planes, linear_of_srgb
from sshbench.metrics.arrays import Images, Masks, MetricError, for_arrays, in_one_thread, precise, strips, working
from sshbench.metrics.pixel import foreground_of

if TYPE_CHECKING:
    import torch
    from torch import Tensor


@cache
def _linear_of_bytes(dtype: torch.dtype, device: torch.device) -> Tensor:
    import torch

    return linear_of_srgb(torch.arange(256, dtype=torch.float64) / 255).to(dtype).to(device)


def _lab(image: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
    import torch

    if image.dtype == torch.uint8:  # a table is seven times as fast as powers
        linear = _linear_of_bytes(dtype, image.device).index_select(0, image.flatten().int()).reshape(image.shape)
    else:
        linear = linear_of_srgb(image.to(dtype) / 255)
    matrix = torch.tensor(RGB_TO_RATIOS, dtype=dtype, device=image.device)
    return lab_planes((matrix @ linear.flatten(2)).unbind(1))


@in_one_thread
def ciede2000_means(prediction: Tensor, target: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
    """Mean CIEDE2000 of batches `[N, 3, H, W]` over all pixels, and weighted by the mask `[N, 1, H, W]`."""
    whole: Any = 0.0
    by_mask: Any = 0.0
    dtype = working(prediction, target)
    for rows in strips(target):
        one, other = (_lab(image[..., rows, :], dtype) for image in (target, prediction))
        map_ = precise(ciede2000_of_planes(one, other))
        whole = whole + map_.sum(dim=1)
        if mask is not None:
            by_mask = by_mask + (map_ * mask[:, 0, rows, :].flatten(1)).sum(dim=1)
    mean = whole / target.shape[-2:].numel()
    if mask is None:
        return mean, None
    return mean, by_mask / precise(mask).sum(dim=(1, 2, 3))


@for_arrays
def ciede2000(prediction: Images, target: Images) -> Tensor:
    """Mean CIEDE2000 under D65; about 1 is just visible.

    Parameters, result and errors are those of `sshbench.metrics.mse`; images have three channels.
    """
    return ciede2000_means(_of_colours(prediction), target)[0]


@for_arrays
def fciede2000(prediction: Images, target: Images, mask: Masks) -> Tensor:
    """Mean CIEDE2000 of the foreground; NaN without one.

    Parameters, result and errors are those of `sshbench.metrics.fmse`; images have three channels.
    """
    mean = ciede2000_means(_of_colours(prediction), target, foreground_of(mask))[1]
    assert mean is not None
    return mean


def _of_colours(images: Tensor) -> Tensor:
    if images.shape[1] != 3:
        raise MetricError(f"CIEDE2000 needs three channels, R, G and B, not {images.shape[1]}")
    return images
