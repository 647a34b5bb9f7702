"""Run the networks published since 2021 on the weights and images of `golden_rule`, for `golden.cases`."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sshbench.methods.golden_rule import ellipse, fill, image, soft_ellipse
from sshbench.networks import imagenet
from sshbench.networks.harmonizer import Harmonizer
from sshbench.networks.harmonizer_filters import restored
from sshbench.networks.hdnet import HDNet
from sshbench.networks.idih import IDIH, Backbone
from sshbench.networks.issam import ISSAM
from sshbench.networks.pct_net import PCTNetCNN, PCTNetViT, mapped

_BLUR = ("mask_blurring",)


@torch.inference_mode()
def idih(backbone: Backbone) -> Tensor:
    """Return the blended image of iDIH, `[1, 3, 256, 256]`, normalised as for ImageNet."""
    made: Tensor = fill(IDIH(backbone), gain=1)(_normalised()).image
    return made


@torch.inference_mode()
def issam() -> Tensor:
    """Return the blended image of iSSAM, `[1, 3, 256, 256]`, normalised as for ImageNet."""
    made: Tensor = fill(ISSAM(), _BLUR)(_normalised()).image
    return made


@torch.inference_mode()
def pct_net(variant: Literal["cnn", "vit"]) -> Tensor:
    """Return the small image `[1, 3, 256, 256]` after PCT-Net's maps, encoded as its loss compares images."""
    network = PCTNetCNN() if variant == "cnn" else PCTNetViT()
    fill(network, _BLUR, gain=2 if variant == "cnn" else 1)
    plain, mask = _plain(), _plane(soft_ellipse())
    found = network(torch.cat([network.encode(plain), mask], 1))
    weight = mask if found.attention is None else found.attention
    return network.encode(mapped(plain, network.of_plain_colours(found.parameters), weight))


@torch.inference_mode()
def harmonizer() -> Tensor:
    """Return the composite `[1, 3, 256, 256]` over 0..1 after Harmonizer's filters with the predicted arguments."""
    network = Harmonizer()
    fill(network, gain=2.6)
    fill(network.regressor, gain=1, prefix="regressor.")
    plain, mask = _plain(), _plane(ellipse())
    return restored(plain, mask, network(torch.cat([plain, mask], 1)))[-1]


@torch.inference_mode()
def hdnet() -> Tensor:
    """Return the composite with HDNet's foreground, `[1, 3, 256, 256]` over -1..1."""
    mask = _plane(ellipse())
    foreground, background = (_plain(seed) * 2 - 1 for seed in (0, 1))
    made: Tensor = fill(HDNet(), gain=0.25)(torch.cat([foreground * mask + background * (1 - mask), mask], 1)).image
    return made


def _plain(seed: int = 0) -> Tensor:
    return torch.from_numpy(image(seed).transpose(2, 0, 1)[None].astype(np.float32)) / 255


def _plane(mask: NDArray[np.float32]) -> Tensor:
    return torch.from_numpy(mask)[None, None]


def _normalised() -> Tensor:
    return torch.cat([imagenet.normalised(_plain()), _plane(soft_ellipse())], 1)
