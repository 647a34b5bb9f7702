"""The normalisation of colours that networks derived from ImageNet's classifiers expect."""

from __future__ import annotations

import torch
from torch import Tensor

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def normalised(image: Tensor) -> Tensor:
    """Return images `[..., 3, H, W]` (R, G, B, 0..1) less ImageNet's means, divided by its deviations: about -2..3."""
    return (image - _planes(MEAN, image)) / _planes(DEVIATION, image)


def restored(image: Tensor) -> Tensor:
    """Return the images `[..., 3, H, W]` from which `normalised` made its result, not clipped."""
    return image * _planes(DEVIATION, image) + _planes(MEAN, image)


def _planes(values: tuple[float, ...], image: Tensor) -> Tensor:
    return torch.tensor(values, dtype=image.dtype, device=image.device)[:, None, None]
