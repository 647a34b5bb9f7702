"""Colours where an image is not to be seen: those that are seen go on smoothly from there."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def filled(images: Tensor, masks: Tensor) -> Tensor:
    """Images in which only what is inside their masks shows, and the rest goes on from it.

    The colours outside are means over squares of the colours inside: at each pixel over the smallest square, of those
    of 2, 4, 8, ... pixels a side that tile the image, in which there are any.

    Parameters
    ----------
    images
        `[B, C, S, S]`, of any range; S is a power of two.
    masks
        `[B, 1, S, S]`, 0..1: how much of a pixel is seen. An image of which nothing is seen stays as it is.
    """
    found = _spread(images.float() * masks, masks.float())
    inside = masks > 0.5
    seen = masks.flatten(1).amax(1) > 0
    result = torch.where(inside, images.float(), found)
    return torch.where(seen[:, None, None, None], result, images.float())


def _spread(colour: Tensor, weight: Tensor) -> Tensor:
    """Colours over weights; where there is little weight, those of the same place at half the size."""
    here = colour / weight.clamp(min=1e-6)
    if colour.shape[-1] == 1:
        return here
    coarse = _spread(functional.avg_pool2d(colour, 2), functional.avg_pool2d(weight, 2))
    coarse = functional.interpolate(coarse, scale_factor=2, mode="bilinear", align_corners=False)
    share = weight.clamp(0, 1)
    return here * share + coarse * (1 - share)
