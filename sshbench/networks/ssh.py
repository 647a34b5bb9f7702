"""The network of SSH: content network, reference network and fusion.

Jiang, Zhang, Zhang, Wang, Lin, Sunkavalli, Chen, Amirghodsi, Kong, Wang: "SSH: A Self-Supervised Framework for Image
Harmonization", ICCV 2021, section 3.2. Names of modules are those of the authors' checkpoint
(github.com/VITA-Group/SSHarmonization, commit 0bb4ce8), which calls the reference network a style encoder; with
`width=32` it loads strictly.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sshbench.networks.limits import check_size


class SshOutput(NamedTuple):
    """The output of one pass; c is 16 * width.

    Attributes
    ----------
    image
        `[N, 3, H, W]`, -1..1 as the input, not clipped.
    content
        The content features of the input, `[N, c, ceil(H / 16), ceil(W / 16)]`.
    reference_style, content_style, output_style
        The appearances of the reference, of the content image and of the result, `[N, c, 1, 1]`.
    """

    image: Tensor
    content: Tensor
    reference_style: Tensor
    content_style: Tensor
    output_style: Tensor


class SSH(nn.Module):
    """Give a content image the appearance of a reference.

    Parameters
    ----------
    width
        The number of channels at full size, 32 in the paper; the levels below have 2, 4, 8 and 16 times as many.
    """

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        check_size("width", width)
        w1, w2, w3, w4, w5 = widths = [width << level for level in range(5)]
        self.width = width
        self._block(1, 3, w1)
        self._block(2, w1, w2)
        self._block(3, w2, w3)
        self._block(4, w3, w4)
        self._block(5, w4, w5)
        self.se_1 = SqueezeExcitation(w5)
        self.style_encoder = ReferenceNetwork(widths)
        self.content_style_conv = nn.Conv2d(2 * w5, w5, 3, padding=1)
        for level, (deep, shallow) in enumerate(((w5, w4), (w4, w3), (w3, w2), (w2, w1)), start=5):
            self.add_module(f"deconv{level}", nn.Conv2d(deep, shallow, 3, padding=1))
            self._block(level + 1, deep, shallow, last_norm=level != 8)
        self.conv10 = nn.Conv2d(w1, 3, 1)

    def forward(self, content: Tensor, reference: Tensor | None = None) -> SshOutput:
        """Give `content` the appearance of `reference`.

        Parameters
        ----------
        content
            The foreground, `[N, 3, H, W]`, RGB, -1..1, at least 9 pixels a side.
        reference
            The background, `[N, 3, h, w]`, RGB, -1..1, of any size; None keeps the content's own appearance.

        Returns
        -------
        SshOutput
            The image `[N, 3, H, W]`, -1..1, and the features.
        """
        padded, left, top = pad_to_multiple(content, 16)  # as published, the reference is not padded
        content_style = self.encode_style(padded)
        reference_style = content_style if reference is None else self.encode_style(reference)
        features, skips = self.encode_content(padded)
        image = self.fuse(features, skips, reference_style)
        height, width = content.shape[2:]
        cropped = image[..., top : top + height, left : left + width]
        return SshOutput(cropped, features, reference_style, content_style, self.encode_style(image))

    def encode_content(self, image: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return the content features and the skips of an image `[N, 3, H, W]` whose sides are multiples of 16."""
        x, skips = image, []
        for level in (1, 2, 3, 4):
            skips.append(self._convolve(level, x))
            x = F.max_pool2d(skips[-1], 2)
        return self.se_1(self._convolve(5, x)), skips

    def encode_style(self, image: Tensor) -> Tensor:
        """Return the appearance `[N, 16 * width, 1, 1]` of an image `[N, 3, H, W]`, -1..1."""
        features: Tensor = self.style_encoder(image)
        return features.mean((2, 3), keepdim=True)

    def fuse(self, features: Tensor, skips: list[Tensor], style: Tensor) -> Tensor:
        """Return an image `[N, 3, H, W]`, -1..1 but not clipped, from content features, skips and an appearance."""
        x = self.content_style_conv(torch.cat([features, style.expand_as(features)], dim=1))
        for level, skip in zip((5, 6, 7, 8), reversed(skips), strict=True):
            x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
            x = torch.cat([self.get_submodule(f"deconv{level}")(x), skip], dim=1)
            x = self._convolve(level + 1, x)
        image: Tensor = self.conv10(x)
        return image

    def _block(self, level: int, inputs: int, outputs: int, last_norm: bool = True) -> None:
        for place, channels in ((1, inputs), (2, outputs)):
            self.add_module(f"conv{level}_{place}", nn.Conv2d(channels, outputs, 3, padding=1))
            if place == 1 or last_norm:
                self.add_module(f"bn{level}_{place}", nn.BatchNorm2d(outputs))

    def _convolve(self, level: int, x: Tensor) -> Tensor:
        """Apply convolution, activation and norm twice, in this order."""
        for place in (1, 2):
            x = F.leaky_relu(self.get_submodule(f"conv{level}_{place}")(x), 0.2)
            if level != 9 or place == 1:
                x = self.get_submodule(f"bn{level}_{place}")(x)
        return x


@torch.no_grad()
def start_at_identity(network: SSH) -> None:
    """Let three channels of the first skip carry R, G and B to the last layer, so that training starts near a copy.

    Biases keep these channels above 0, where the activation changes nothing, and norms scale them linearly. All other
    channels keep their random start. Short training runs gain most; the paper starts at random.
    """
    skip = network.width  # conv9_1 sees the upsampled channels first, then the skip
    state = network.state_dict()
    for conv, source, bias in (("conv1_1", 0, 2), ("conv1_2", 0, 4), ("conv9_1", skip, 4), ("conv9_2", 0, 4)):
        weight = state[f"{conv}.weight"]
        weight[:3] = 0
        for channel in range(3):
            weight[channel, source + channel, 1, 1] = 1
        state[f"{conv}.bias"][:3] = bias
    last = state["conv10.weight"].mul_(0.01)
    for channel in range(3):
        last[channel, channel] = 0.5
    state["conv10.bias"].fill_(-2)


class ReferenceNetwork(nn.Module):
    """The reference network of section 3.2: five convolutions and channel attention give the appearance of an image."""

    def __init__(self, widths: list[int]) -> None:
        super().__init__()
        sizes = zip([3, *widths], widths, strict=False)
        blocks = [Conv2dBlock(i, o, 3 if n else 7, 2 if n else 1) for n, (i, o) in enumerate(sizes)]
        self.model = nn.Sequential(*blocks)
        self.se = SqueezeExcitation(widths[-1])

    def forward(self, image: Tensor) -> Tensor:
        """Return features `[N, widths[-1], ceil(H / 16), ceil(W / 16)]`, not bounded, for `[N, 3, H, W]`, -1..1."""
        features: Tensor = self.se(self.model(image))
        return features


class Conv2dBlock(nn.Module):
    """A convolution with reflected borders, ReLU, and a norm."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(outputs)  # created first, because the checkpoint has this order
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, padding_mode="reflect")

    def forward(self, x: Tensor) -> Tensor:
        """Return `[N, outputs, ceil(H / stride), ceil(W / stride)]`, not bounded, for `[N, inputs, H, W]`."""
        normed: Tensor = self.norm(F.relu(self.conv(x)))
        return normed


class SqueezeExcitation(nn.Module):
    """Channel attention (Hu et al. 2018) with a hard sigmoid and a bottleneck of a fourth."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        layers = OrderedDict({"0": nn.Linear(channels, channels // 4), "2": nn.Linear(channels // 4, channels)})
        self.fc = nn.ModuleDict(layers)

    def forward(self, x: Tensor) -> Tensor:
        """Return features `[N, channels, H, W]` with each channel times a factor of 0..1."""
        squeezed = F.relu(self.fc["0"](x.mean((2, 3))))
        return x * F.hardsigmoid(self.fc["2"](squeezed))[:, :, None, None]


def pad_to_multiple(image: Tensor, multiple: int) -> tuple[Tensor, int, int]:
    """Pad images `[N, C, H, W]` by reflection so that both sides become multiples of `multiple`.

    The smaller half of the padding is at the left and the top.

    Returns
    -------
    The padded images, and the numbers of pixels added at the left and at the top.
    """
    height, width = image.shape[2:]
    down, right = -height % multiple, -width % multiple
    left, top = right // 2, down // 2
    padded = F.pad(image, (left, right - left, top, down - top), mode="reflect") if down or right else image
    return padded, left, top
