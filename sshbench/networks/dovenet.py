"""DoveNet (Cong et al., CVPR 2020): a U-Net with attention on its skips, and the two discriminators it trains against.

Module names follow the published code (github.com/bcmi/Image-Harmonization-Dataset-iHarmony4, commit 0bdb51d), so that
`latest_net_G.pth` loads by its own keys.
"""

from __future__ import annotations

from itertools import product
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import spectral_norm

from sshbench.networks.limits import DEEPEST, check_size

Norm = Literal["batch", "instance"]


def _norm(kind: Norm, channels: int) -> nn.Module:
    return nn.BatchNorm2d(channels) if kind == "batch" else nn.InstanceNorm2d(channels)


class DoveNetGenerator(nn.Module):
    """The U-Net of section 4.1 with attention blocks, which makes the harmonized image from composite and mask.

    Parameters
    ----------
    norm
        `"batch"` is the released model. `"instance"`, whose convolutions have biases, is the norm in the authors'
        training command.
    width, depth
        The channels of the first level, which double up to 8 times that number, and how often the image is halved.
        Published: 64, 8.
    dropout
        The probability of dropout at the levels 4 to `depth` - 2, in training mode.
    """

    def __init__(self, norm: Norm = "batch", *, width: int = 64, depth: int = 8, dropout: float = 0.5) -> None:
        super().__init__()
        check_size("width", width)
        check_size("depth", depth, 2, DEEPEST)
        widths = [width * min(2**level, 8) for level in range(depth)]
        inner: _Level | None = None
        for level in range(depth - 1, 0, -1):
            innermost = inner is None
            inner = _Level(
                widths[level - 1],
                widths[level],
                inner,
                norm,
                attend=level <= 3,
                dropout=dropout if level > 3 and not innermost else 0.0,
            )
        assert inner is not None
        self.model = _Outermost(width, inner, norm)
        self.multiple = 2**depth

    def forward(self, image: Tensor) -> Tensor:
        """Harmonize a batch.

        Parameters
        ----------
        image
            `[B, 4, H, W]`: the composite (R, G, B, -1..1) and the mask, 0 or 1. H and W must be multiples of
            `multiple`, 256 as published.

        Returns
        -------
        Tensor
            `[B, 3, H, W]` over -1..1, background included; the published scores use the whole image.
        """
        output: Tensor = self.model(image)
        return output


class _Outermost(nn.Module):
    def __init__(self, width: int, inner: _Level, norm: Norm) -> None:
        super().__init__()
        self.model = nn.Sequential(
            nn.Conv2d(4, width, 4, 2, 1, bias=norm == "instance"),
            inner,
            nn.ReLU(),
            nn.ConvTranspose2d(2 * width, 3, 4, 2, 1),
            nn.Tanh(),
        )

    def forward(self, image: Tensor) -> Tensor:
        """Return the image `[B, 3, H, W]`, -1..1, for an input `[B, 4, H, W]`."""
        output: Tensor = self.model(image)
        return output


class _Level(nn.Module):
    """One level of the U-Net: halve the size, apply the levels below, double the size, and append to the skip."""

    def __init__(
        self, outer: int, inner: int, below: _Level | None, norm: Norm, *, attend: bool, dropout: float
    ) -> None:
        super().__init__()
        bias = norm == "instance"
        self.attention = nn.Sequential(nn.Conv2d(2 * outer, 2 * outer, 1), nn.Sigmoid()) if attend else None
        halve = nn.Conv2d(outer, inner, 4, 2, 1, bias=bias)
        middle = [] if below is None else [_norm(norm, inner), below]
        double = nn.ConvTranspose2d(inner if below is None else 2 * inner, outer, 4, 2, 1, bias=bias)
        layers = [nn.LeakyReLU(0.2), halve, *middle, nn.ReLU(), double, _norm(norm, outer)]
        self.model = nn.Sequential(*layers, *([nn.Dropout(dropout)] if dropout else []))

    def forward(self, x: Tensor) -> Tensor:
        # The published activation works in place, so the skip carries its output and not its input.
        """Return `[B, 2 * outer, H, W]`: the activated `x` `[B, outer, H, W]` with the output of the levels below.

        The features are not bounded, and are weighted if the level attends.
        """
        x = self.model[0](x)
        features = torch.cat([x, self.model[1:](x)], 1)
        return features if self.attention is None else self.attention(features) * features


@torch.no_grad()
def start_at_identity(network: DoveNetGenerator) -> None:
    """Let the first skip carry the image to the last layer, so that training starts near a copy.

    The first convolution halves the size. Each of the four pixels that it merges, and its negative, has a channel for
    each colour, and the attention there passes half of everything. Only the tanh bends the copy. Short training runs
    gain most; the authors start at random.

    Raises
    ------
    ValueError
        The width is less than these 24 channels.
    """
    halve, first, _, double, _ = network.model.model
    assert isinstance(halve, nn.Conv2d)
    assert isinstance(double, nn.ConvTranspose2d)
    assert isinstance(first, _Level)
    assert first.attention is not None
    if halve.out_channels < 24:
        raise ValueError("network.start=identity needs a network.width of 24 or more")
    for parameter in (halve.bias, double.bias, *first.attention.parameters()):
        if parameter is not None:
            parameter.zero_()
    halve.weight[:24] = 0
    double.weight.mul_(0.1)
    double.weight[:24] = 0
    for sign in (1, -1):
        for colour, y, x in product(range(3), (1, 2), (1, 2)):
            channel = 4 * colour + 2 * y + x - 3 + (0 if sign == 1 else 12)
            halve.weight[channel, colour, y, x] = sign
            double.weight[channel, colour, y, x] = 2.3 * sign  # 2 offsets the attention, the rest offsets the tanh


class Scores(NamedTuple):
    """The discriminator's scores of a batch, `[B]` each and not bounded; higher means more real.

    Parameters
    ----------
    whole
        The score of the image as a whole (section 4.2).
    domains
        The score of foreground and background being of one domain (section 4.3).
    """

    whole: Tensor
    domains: Tensor


class DoveNetDiscriminator(nn.Module):
    """The global discriminator and the domain verification discriminator of sections 4.2 and 4.3.

    Both are towers of convolutions with spectral norm. One sees the whole image. The other sees foreground and
    background separately, by partial convolution (Liu et al. 2018), and judges the product of the two. Convolutions do
    not pad. The scores of the remaining places are averaged; at 256 x 256, one place remains.

    Parameters
    ----------
    norm
        As for the generator, at all levels but the first and the last.
    width, depth
        The channels of the first level, which double up to 8 times that number, and the number of convolutions. All
        but the last halve the image. Published: 64 and 7. A depth of 7 needs sides of 255 pixels, and 5 needs 63.
    """

    def __init__(self, norm: Norm = "instance", *, width: int = 64, depth: int = 7) -> None:
        super().__init__()
        self.D = _Towers(norm, width, depth)
        channels = width * min(2 ** (depth - 1), 8)
        self.convl1 = spectral_norm(nn.Conv2d(channels, channels, 1))
        self.convl2 = spectral_norm(nn.Conv2d(channels, channels, 1))
        self.convl3 = nn.Conv2d(channels, 1, 1)
        self.convg3 = nn.Conv2d(channels, 1, 1)

    def forward(self, image: Tensor, mask: Tensor) -> Scores:
        """Score images.

        Parameters
        ----------
        image
            `[B, 3, H, W]` over -1..1.
        mask
            `[B, 1, H, W]`, 1 in the foreground and 0 elsewhere.

        Returns
        -------
        Scores
            Two scores, `[B]` each, not bounded.
        """
        whole = self.convg3(self.D(image))
        both = self.D(image, mask) * self.D(image, 1 - mask)
        domains = self.convl3(_leaky(self.convl2(_leaky(self.convl1(both)))))
        return Scores(whole.mean((1, 2, 3)), domains.mean((1, 2, 3)))


class _Towers(nn.Module):
    """Two towers: `conv1..n` sees the whole image, `conv1f..nf` the part that a mask shows."""

    def __init__(self, norm: Norm, width: int, depth: int) -> None:
        super().__init__()
        self.depth = depth
        channels = [3, *(width * min(2**level, 8) for level in range(depth))]
        for level in range(1, depth + 1):
            stride = 2 if level < depth else 1
            normed = 1 < level < depth
            for tower in ("", "f"):
                bias = norm == "instance" or level == 1
                conv = _PartialConv2d(channels[level - 1], channels[level], 3, stride, bias=bias)
                self.add_module(f"conv{level}{tower}", spectral_norm(conv))
                if normed:
                    self.add_module(f"norm{level}{tower}", _norm(norm, channels[level]))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return features of images `[B, 3, H, W]` over -1..1, or of the part inside a mask `[B, 1, H, W]`, 0 or 1.

        The features are `[B, C, h, w]`, not bounded.
        """
        tower = "" if mask is None else "f"
        for level in range(1, self.depth + 1):
            x, mask = self.get_submodule(f"conv{level}{tower}")(x, mask)
            if 1 < level < self.depth:
                x = self.get_submodule(f"norm{level}{tower}")(x)
            if level < self.depth:
                x = _leaky(x)
        return x


class _PartialConv2d(nn.Conv2d):
    """A convolution over the visible pixels, scaled up by their share (Liu et al. 2018, equations 1 and 2)."""

    def forward(self, x: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor | None]:  # type: ignore[override]
        """Return the features `[B, C', H', W']` of `x` `[B, C, H, W]`, and the places with a visible pixel.

        The features are not bounded. The places are `[B, 1, H', W']` with the values 0 and 1; None without a mask.
        """
        if mask is None:
            return super().forward(x), None
        shown = F.avg_pool2d(mask, self.kernel_size, self.stride)  # the visible share of each window
        seen = (shown > 0).to(x.dtype)
        weighted = F.conv2d(x * mask, self.weight, None, self.stride) / shown.clamp_min(1e-8)
        if self.bias is not None:
            weighted = weighted + self.bias[:, None, None]
        return weighted * seen, seen


def _leaky(x: Tensor) -> Tensor:
    return F.leaky_relu(x, 0.2)
