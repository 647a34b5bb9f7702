"""S2AM (Cun and Pun, IEEE TIP 2020): a U-Net whose skips attend to spliced and unspliced regions separately.

Module names follow the published code (github.com/vinthony/s2am, commit f96446e), so that `model_best.pth.tar` loads by
its own keys.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sshbench.networks.limits import DEEPEST, check_size

Variant = Literal["rascv2", "rascv1"]


class S2AM(nn.Module):
    """The network of section III, which makes the harmonized image from composite and mask.

    Parameters
    ----------
    variant
        `"rascv2"` (S2AD), the published model, attends to the decoder's features together with the skip; `"rascv1"`
        (S2ASC) attends only to the skip.
    residual
        Whether the network predicts a residual, which is added to the composite, as published checkpoints with `res` in
        their name do.
    width, depth
        The channels of the first level, which double up to 8 times that number, and how often the image is halved.
        Published: 64, 8.
    """

    def __init__(self, variant: Variant = "rascv2", *, residual: bool = False, width: int = 64, depth: int = 8) -> None:
        super().__init__()
        check_size("width", width)
        check_size("depth", depth, 2, DEEPEST)
        widths = [width * min(2**level, 8) for level in range(depth)]
        inner: _Level | None = None
        for level in range(depth - 1, 0, -1):
            inner = _Level(widths[level - 1], widths[level], inner, variant if level <= 3 else None)
        assert inner is not None
        self.model = _Outermost(width, inner)
        self.residual = residual
        self.multiple = 2**depth

    def forward(self, image: Tensor) -> Tensor:
        """Harmonize a batch.

        Parameters
        ----------
        image
            `[B, 4, H, W]` over 0..1: the composite (R, G, B) and the soft mask. H and W must be multiples of
            `multiple`, 256 as published.

        Returns
        -------
        Tensor
            `[B, 3, H, W]`, not bounded. The published scores use this image inside the mask and the composite outside.
        """
        output: Tensor = self.model(image, image[:, 3:4])
        return output + image[:, :3] if self.residual else output


@torch.no_grad()
def start_at_identity(network: S2AM) -> None:
    """Initialise a network that predicts a residual so that the residual is 0.

    Raises
    ------
    ValueError
        The network predicts the image itself.
    """
    if not network.residual:
        raise ValueError("network.start=identity needs network.residual=true")
    for parameter in network.model.model["up"].parameters():
        parameter.zero_()


class _Outermost(nn.Module):
    def __init__(self, width: int, inner: _Level) -> None:
        super().__init__()
        self.model = nn.ModuleDict(
            {
                "down": nn.Sequential(nn.Conv2d(4, width, 4, 2, 1, bias=False)),
                "up": nn.Sequential(nn.ReLU(), nn.ConvTranspose2d(2 * width, 3, 4, 2, 1)),
                "sub": inner,
            }
        )

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        """Return the output `[B, 3, H, W]`, not bounded, for the input `[B, 4, H, W]` and the mask `[B, 1, H, W]`."""
        output: Tensor = self.model["up"](self.model["sub"](self.model["down"](image), mask))
        return output


class _Level(nn.Module):
    """One level of the U-Net: halve the size, apply the levels below, double the size, and append to the skip."""

    def __init__(self, outer: int, inner: int, below: _Level | None, attend: Variant | None) -> None:
        super().__init__()
        halve = nn.Conv2d(outer, inner, 4, 2, 1, bias=False)
        double = nn.ConvTranspose2d(inner if below is None else 2 * inner, outer, 4, 2, 1, bias=False)
        down = [nn.LeakyReLU(0.2), halve, *([] if below is None else [nn.BatchNorm2d(inner)])]
        self.model = nn.ModuleDict(
            {
                "down": nn.Sequential(*down),
                "up": nn.Sequential(nn.ReLU(), double, nn.BatchNorm2d(outer)),
            }
        )
        if below is not None:
            self.model["sub"] = below
        if attend is not None:
            self.model["attention"] = RegionAttention(2 * outer if attend == "rascv2" else outer)
        self.attend = attend

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Return `[B, 2 * outer, h, w]`: the activated `x` `[B, outer, h, w]` with the output of the levels below.

        The features are not bounded, and the mask is `[B, 1, H, W]`, 0..1.
        """
        down, up = self.model["down"], self.model["up"]
        assert isinstance(down, nn.Sequential)
        # The published activation works in place, so the skip carries its output and not its input.
        x = skip = down[0](x)
        x = down[1:](x)
        if "sub" in self.model:
            x = self.model["sub"](x, mask)
        x = up(x)
        if self.attend == "rascv1":
            skip = self.model["attention"](skip, mask)
        features = torch.cat([skip, x], 1)
        return self.model["attention"](features, mask) if self.attend == "rascv2" else features


class RegionAttention(nn.Module):
    """The spatial-separated attention of section III-B: it weights background, foreground and both separately.

    Parameters
    ----------
    channels
        The number of channels of the features, before and after.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.connection = _Learned(channels)
        self.background_attention = _ChannelAttention(channels)
        self.mixed_attention = _ChannelAttention(channels)
        self.spliced_attention = _ChannelAttention(channels)
        self.gaussianMask = _Blur()

    def forward(self, features: Tensor, mask: Tensor) -> Tensor:
        """Return features `[B, C, h, w]`, weighted by region; the mask is `[B, 1, H, W]`, 0..1, of the image's size."""
        mask = shrunk(mask, features)
        background = self.background_attention(features)
        foreground = self.connection(self.spliced_attention(features)) + self.mixed_attention(features)
        weighted: Tensor = background * self.gaussianMask(1 - mask) + foreground * self.gaussianMask(mask)
        return weighted


def shrunk(mask: Tensor, features: Tensor) -> Tensor:
    """Return the mask `[B, 1, H, W]` as 0 or 1 at the size of the features, as published.

    For every factor, the 2 x 2 pixels at the top left of each cell are averaged, and a mean of 0.5 becomes 0.
    """
    return F.avg_pool2d(mask, 2, mask.shape[2] // features.shape[2]).round()


class _ChannelAttention(nn.Module):
    """A weight for each channel from its mean and its maximum."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = max(channels // 16, 1)
        self.fc = nn.Sequential(nn.Linear(2 * channels, hidden), nn.ReLU(), nn.Linear(hidden, channels), nn.Sigmoid())

    def forward(self, features: Tensor) -> Tensor:
        """Return features `[B, C, h, w]` with each channel times its weight, 0..1."""
        weight: Tensor = self.fc(torch.cat([features.mean((2, 3)), features.amax((2, 3))], 1))
        return features * weight[:, :, None, None]


class _Learned(nn.Module):
    """Two convolutions that change the appearance of the spliced region."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.rconv1 = nn.Conv2d(channels, 2 * channels, 3, 1, 1, bias=False)
        self.rbn1 = nn.BatchNorm2d(2 * channels)
        self.rconv2 = nn.Conv2d(2 * channels, channels, 3, 1, 1, bias=False)
        self.rbn2 = nn.BatchNorm2d(channels)

    def forward(self, features: Tensor) -> Tensor:
        """Return features `[B, C, h, w]`, bounded below by -1, for features of the same shape."""
        hidden = F.elu(self.rbn1(self.rconv1(features)))
        return F.elu(self.rbn2(self.rconv2(hidden)))


class _Blur(nn.Module):
    """The published 5 x 5 kernel: exp(-(x / 2)^2) along each axis, which is not a Gaussian of sigma 1."""

    weight: Tensor

    def __init__(self) -> None:
        super().__init__()
        line = torch.exp(-((torch.arange(-2.0, 3.0) / 2) ** 2))
        kernel = line[:, None] * line
        self.register_buffer("weight", (kernel / kernel.sum())[None, None])

    def forward(self, mask: Tensor) -> Tensor:
        """Return a mask `[B, 1, h, w]` over 0..1, blurred, of the same shape and range."""
        return F.conv2d(F.pad(mask, (2, 2, 2, 2), "reflect"), self.weight)
