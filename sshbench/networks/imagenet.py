"""The normalization that networks after ImageNet's classifiers are given their images in."""

from __future__ import annotations

import torch
from torch import Tensor

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def normalised(image: Tensor) -> Tensor:
    """Images `[..., 3, H, W]` over 0..1, R, G, B, less the means of ImageNet and over its deviations."""
    return (image - _planes(MEAN, image)) / _planes(DEVIATION, image)


def restored(image: Tensor) -> Tensor:
    """Undo `normalised`."""
    return image * _planes(DEVIATION, image) + _planes(MEAN, image)


def _planes(values: tuple[float, ...], image: Tensor) -> Tensor:
    return torch.tensor(values, dtype=image.dtype, device=image.device)[:, None, None]
