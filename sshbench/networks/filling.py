"""Fill the hidden parts of an image with colours that continue the visible ones smoothly."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def filled(images: Tensor, masks: Tensor) -> Tensor:
    """Return images `[B, C, S, S]` whose pixels outside their masks are filled smoothly from the pixels inside.

    A filled pixel gets the mean of the visible colours in a square: the smallest square around the pixel that contains
    a visible pixel, among the squares with sides of 2, 4, 8, ... pixels that tile the image.

    Parameters
    ----------
    images
        `[B, C, S, S]`, of any range; S is a power of two.
    masks
        `[B, 1, S, S]`, 0..1: the visible share of each pixel. An image with an empty mask stays unchanged.
    """
    found = _spread(images.float() * masks, masks.float())
    inside = masks > 0.5
    seen = masks.flatten(1).amax(1) > 0
    result = torch.where(inside, images.float(), found)
    return torch.where(seen[:, None, None, None], result, images.float())


def _spread(colour: Tensor, weight: Tensor) -> Tensor:
    """Return colours divided by weights; where a weight is small, use the colour of that place at half the size."""
    here = colour / weight.clamp(min=1e-6)
    if colour.shape[-1] == 1:
        return here
    coarse = _spread(functional.avg_pool2d(colour, 2), functional.avg_pool2d(weight, 2))
    coarse = functional.interpolate(coarse, scale_factor=2, mode="bilinear", align_corners=False)
    share = weight.clamp(0, 1)
    return here * share + coarse * (1 - share)
