"""HDNet (Chen et al., ACM MM 2023): local dynamics after the encoder, and convolutions predicted for each image.

Module names follow the published code (github.com/chenhaoxing/HDNet, commit dcabe92). The authors released no weights.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sshbench.networks.limits import check_size


class HDNetOutput(NamedTuple):
    """The outputs of the network, over -1..1.

    Parameters
    ----------
    image
        `[B, 3, H, W]`: the output in the foreground and the input elsewhere. This is trained and scored.
    output
        `[B, 3, H, W]`: the output of the last layer, background included.
    """

    image: Tensor
    output: Tensor


class HDNet(nn.Module):
    """Harmonize a composite, given its mask.

    Parameters
    ----------
    width
        The number of channels of the first level. Published: 32, and 8 for HDNet-lite.
    """

    def __init__(self, *, width: int = 32) -> None:
        super().__init__()
        check_size("width", width)
        w = width
        self.model_layer0 = nn.Conv2d(3, w, 3, 1, 1, bias=False)
        down = [(w, 2 * w, 4), (2 * w, 4 * w, 3), (4 * w, 8 * w, 4), (8 * w, 8 * w, 3), (8 * w, 8 * w, 4)]
        for level, (given, made, kernel) in enumerate([*down, (8 * w, 8 * w, 3)], start=1):
            self.add_module(f"model_layer{level}", _down(given, made, kernel))
        self.model_layer71 = _down(8 * w, 8 * w, 3)
        for name, given, made, kernel in (
            ("72", 8 * w, 8 * w, 3),
            ("8", 16 * w, 8 * w, 3),
            ("9", 16 * w, 8 * w, 4),
            ("10", 16 * w, 8 * w, 3),
            ("11", 16 * w, 4 * w, 4),
            ("12", 8 * w, 2 * w, 3),
            ("13", 4 * w, w, 4),
        ):
            self.add_module(f"model_layer{name}", _up(given, made, kernel))
            self.add_module(f"model_layer{name}norm", _RegionNorm(made))
            if int(name) in _DYNAMIC:
                self.add_module(f"model_layer{name}att", _RegionConv(2 * made))
        self.model_out = nn.Sequential(nn.ReLU(), nn.ConvTranspose2d(2 * w, 3, 3, 1, 1), nn.Tanh())
        self.LD = _LocalDynamics(8 * w)
        self.multiple = 8

    def forward(self, image: Tensor) -> HDNetOutput:
        """Harmonize a batch.

        Parameters
        ----------
        image
            `[B, 4, H, W]`: the composite (R, G, B, -1..1) and the mask, 0 or 1. H and W must be multiples of
            `multiple`. The authors put the ground truth's background behind the foreground, in training and in test.

        Returns
        -------
        HDNetOutput
            The two images, `[B, 3, H, W]` over -1..1.
        """
        composite, mask = image[:, :3], image[:, 3:]
        skips = [F.leaky_relu(self.model_layer0(composite), 0.2)]
        for level in range(1, 7):
            # The published activations work in place, so the skip and the next level get the activations' output.
            skips.append(F.leaky_relu(_normalised(self._layer(str(level))(skips[-1])), 0.2))
        x = self.LD(self._layer("71")(skips[-1]), _at(mask, 8))
        for name, skip in zip(("72", "8", "9", "10", "11", "12", "13"), reversed(skips), strict=True):
            x = self._layer(name)(x)
            region = _at(mask, composite.shape[2] // x.shape[2])
            x = torch.cat([skip, self._layer(f"{name}norm")(x, region)], 1)
            if int(name) in _DYNAMIC:
                x = self._layer(f"{name}att")(x, region)
        output = self.model_out(x)
        return HDNetOutput(output * mask + composite * (1 - mask), output)

    def _layer(self, name: str) -> nn.Module:
        return self.get_submodule(f"model_layer{name}")


@torch.no_grad()
def start_at_identity(network: HDNet) -> None:
    """Let the first skip carry the image to the last layer, so that training starts near a copy.

    Three channels of the first convolution hold the colours, and three hold their negatives. The convolutions that are
    predicted for each image begin as the identity, and the last layer recombines the colours. Only the tanh bends the
    copy. Short training runs gain most; the authors start at random.

    Raises
    ------
    ValueError
        The width is less than these 6 channels.
    """
    first, last = network.model_layer0, network.model_out[1]
    assert isinstance(last, nn.ConvTranspose2d)
    assert last.bias is not None
    if first.out_channels < 6:
        raise ValueError("network.start=identity needs a network.width of 6 or more")
    first.weight[:6] = 0
    last.weight.mul_(0.1)
    last.weight[:6] = 0
    last.bias.zero_()
    for sign, channel in ((1, 0), (-1, 3)):
        for colour in range(3):
            first.weight[channel + colour, colour, 1, 1] = sign
            last.weight[channel + colour, colour, 1, 1] = 1.15 * sign  # more than 1 offsets the tanh
    for level in _DYNAMIC:
        dynamic = network.get_submodule(f"model_layer{level}att")
        assert isinstance(dynamic, _RegionConv)
        dynamic.start_at_identity()


_DYNAMIC = (11, 12, 13)  # levels with convolutions that are predicted for each image


def _down(given: int, made: int, kernel: int) -> nn.Sequential:
    """Build a convolution; `HDNet.forward` applies the activation in front of it."""
    return nn.Sequential(nn.Identity(), nn.Conv2d(given, made, kernel, 2 if kernel == 4 else 1, 1, bias=False))


def _up(given: int, made: int, kernel: int) -> nn.Sequential:
    stride = 2 if kernel == 4 else 1
    return nn.Sequential(nn.ReLU(), nn.ConvTranspose2d(given, made, kernel, stride, 1, bias=False))


def _normalised(x: Tensor) -> Tensor:
    """Return `x` `[B, C, h, w]` after instance norm. A single place, as in an image of 8 x 8 pixels, becomes 0."""
    return F.instance_norm(x) if x.shape[2] * x.shape[3] > 1 else torch.zeros_like(x)


def _at(mask: Tensor, factor: int) -> Tensor:
    """Return every `factor`-th pixel of the mask, as `interpolate(mode="nearest")` does."""
    return mask[:, :, ::factor, ::factor]


class _LocalDynamics(nn.Module):
    """Give each place of the foreground the most similar features of the background (section 3.2)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.linear = nn.Conv1d(2 * channels, channels, 1)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Return features `[B, C, h, w]`, changed where the mask `[B, 1, h, w]` is 1.

        As in the published code, matches are sought among all places, with the foreground's features set to 0. The
        softmax of the similarities over all places weights the matches, so a few matches take nearly all of the weight.
        The features are not bounded.
        """
        query, source = (x * mask).flatten(2), (x * (1 - mask)).flatten(2)
        best, index = torch.einsum("bcn,bcm->bnm", query, source).max(2)
        matched = source.gather(2, index[:, None].expand_as(source)) * best.softmax(1)[:, None]
        hybrid = self.linear(torch.cat([matched, query], 1)).unflatten(2, x.shape[2:])
        made: Tensor = hybrid * mask + x * (1 - mask)
        return made


class _RegionNorm(nn.Module):
    """RainNet's norm: give the foreground the background's mean and deviation, then apply an affine map per region."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.foreground_gamma, self.foreground_beta, self.background_gamma, self.background_beta = (
            nn.Parameter(torch.zeros(channels)) for _ in range(4)
        )

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Return normalised features `[B, C, h, w]`, not bounded; the mask is `[B, 1, h, w]`, 1 in the foreground."""
        mean, deviation = _moments(x, mask)
        around, other = _moments(x, 1 - mask)
        foreground = (x - mean) / deviation * other + around
        foreground = foreground * (1 + _planes(self.foreground_gamma)) + _planes(self.foreground_beta)
        background = (x - around) / other
        background = background * (1 + _planes(self.background_gamma)) + _planes(self.background_beta)
        made: Tensor = foreground * mask + background * (1 - mask)
        return made


def _moments(x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean and deviation of each channel within a mask, both `[B, C, 1, 1]`."""
    count = mask.sum((2, 3), keepdim=True) + 1e-5
    mean = (x * mask).sum((2, 3), keepdim=True) / count
    variance = (((x - mean) * mask) ** 2).sum((2, 3), keepdim=True) / count
    return mean, (variance + 1e-5).sqrt()


def _planes(values: Tensor) -> Tensor:
    return values[:, None, None]


class _RegionConv(nn.Module):
    """Apply one 1 x 1 convolution to the foreground and another to the background, both predicted from its means."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv_kernel = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(channels, 4, 1),
            nn.Sigmoid(),
            nn.Conv2d(4, 2 * channels**2, 1, groups=2),
        )
        self.conv_guide = nn.Conv2d(channels, 2, 1)  # exists in published files but is not used there either

    @torch.no_grad()
    def start_at_identity(self) -> None:
        """Initialise both convolutions near the identity."""
        predict, channels = self.conv_kernel[3], self.conv_guide.in_channels
        assert isinstance(predict, nn.Conv2d)
        assert predict.bias is not None
        predict.weight.mul_(0.1)
        predict.bias.copy_(torch.eye(channels).expand(2, -1, -1).flatten())

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Return convolved features `[B, C, h, w]`, not bounded; the mask is `[B, 1, h, w]`, 1 in the foreground."""
        channels = x.shape[1]
        kernels = self.conv_kernel(x).view(len(x), 2, channels, channels)
        foreground, background = torch.einsum("brij,bjhw->rbihw", kernels, x)
        made: Tensor = foreground * mask + background * (1 - mask)
        return made
