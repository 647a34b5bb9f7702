"""Harmonizer (Ke et al., ECCV 2022): predict the six arguments of common editing filters for a composite.

The encoder is EfficientNet-B0 (Tan and Le 2019), with two first convolutions in place of one: one sees the foreground
and the other the background. Module names follow the published code (github.com/ZHKKKe/Harmonizer, commit 48ecd70), so
that `harmonizer.pth` loads by its own keys. The filters are in `harmonizer_filters`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sshbench.networks.harmonizer_filters import FILTERS
from sshbench.networks.same_convolution import SameConv2d

# Repeats, kernel, stride, expansion, and channels out: the blocks of EfficientNet-B0.
_BLOCKS = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
_STEM, _HEAD, _REGRESSED = 32, 1280, 160
_DROP = 0.2  # probability of dropping the last block in training; it grows linearly with the depth


class Harmonizer(nn.Module):
    """Predict the arguments of the filters from a composite and its mask.

    Parameters
    ----------
    width
        A factor on the published numbers of channels of the encoder, which are rounded to multiples of 8.
    """

    def __init__(self, *, width: float = 1.0) -> None:
        super().__init__()
        if not 0 < width <= 8:
            raise ValueError(f"width is a factor above 0 and up to 8, not {width!r:.100}")
        self.backbone = _Backbone(width)
        self.regressor = _Cascade(self.backbone.channels, _REGRESSED, len(FILTERS))
        self.multiple = 32

    def forward(self, image: Tensor) -> Tensor:
        """Return the arguments of the filters for a batch.

        Parameters
        ----------
        image
            `[B, 4, H, W]` over 0..1: the composite (R, G, B) and the soft mask. H and W must be multiples of
            `multiple`; the published network sees only 256 x 256.

        Returns
        -------
        `[B, 6]`: one argument for each of `FILTERS`, in their order, not clamped.
        """
        features: Tensor = self.backbone(image)[-1]
        arguments: Tensor = self.regressor(features.mean((2, 3)))
        return arguments


@torch.no_grad()
def start_at_identity(network: Harmonizer) -> None:
    """Start with arguments of 0, at which no filter changes anything. The authors start at random."""
    for header in network.regressor.headers:
        assert isinstance(header, nn.Sequential)
        for parameter in header[1].parameters():
            parameter.zero_()


class _Backbone(nn.Module):
    """Pass foreground and background through a convolution each, then both through EfficientNet's blocks."""

    def __init__(self, width: float) -> None:
        super().__init__()
        stem, self.channels = _rounded(_STEM * width), _rounded(_HEAD * width)
        self._blocks = nn.ModuleList()
        given, count = stem, sum(block[0] for block in _BLOCKS)
        for repeats, kernel, stride, expansion, channels in _BLOCKS:
            made = _rounded(channels * width)
            for i in range(repeats):
                drop = _DROP * len(self._blocks) / count
                self._blocks.append(_InvertedResidual(given, made, kernel, stride if i == 0 else 1, expansion, drop))
                given = made
        self._conv_head, self._bn1 = SameConv2d(given, self.channels, 1, bias=False), _norm(self.channels)
        self._conv_fg, self._bn_fg = SameConv2d(4, stem // 2, 3, 2, bias=False), _norm(stem // 2)
        self._conv_bg, self._bn_bg = SameConv2d(4, stem // 2, 3, 2, bias=False), _norm(stem // 2)

    def forward(self, image: Tensor) -> list[Tensor]:
        """Return the last features of each size, from a half to a 32nd of the sides of images `[B, 4, H, W]`.

        The images are over 0..1; the features `[B, C, h, w]` are not bounded.
        """
        composite, mask = image[:, :3], image[:, 3:]
        foreground = F.silu(self._bn_fg(self._conv_fg(image)))
        background = F.silu(self._bn_bg(self._conv_bg(torch.cat([composite, 1 - mask], 1))))
        x, found = torch.cat([foreground, background], 1), []
        for block in self._blocks:
            made = block(x)
            if made.shape[2] < x.shape[2]:
                found.append(x)
            x = made
        return [*found, F.silu(self._bn1(self._conv_head(x)))]


class _InvertedResidual(nn.Module):
    """Expand, convolve each channel by itself, weight the channels, project, and add the input where shapes agree."""

    def __init__(self, given: int, made: int, kernel: int, stride: int, expansion: int, drop: float) -> None:
        super().__init__()
        hidden, squeezed = given * expansion, max(1, given // 4)
        if expansion > 1:
            self._expand_conv, self._bn0 = SameConv2d(given, hidden, 1, bias=False), _norm(hidden)
        self._depthwise_conv, self._bn1 = (
            SameConv2d(hidden, hidden, kernel, stride, groups=hidden, bias=False),
            _norm(hidden),
        )
        self._se_reduce, self._se_expand = nn.Conv2d(hidden, squeezed, 1), nn.Conv2d(squeezed, hidden, 1)
        self._project_conv, self._bn2 = SameConv2d(hidden, made, 1, bias=False), _norm(made)
        self.skips, self.drop = stride == 1 and given == made, drop

    def forward(self, x: Tensor) -> Tensor:
        """Return features `[B, made, H', W']` for features `[B, given, H, W]`, both not bounded."""
        hidden = F.silu(self._bn0(self._expand_conv(x))) if "_expand_conv" in self._modules else x
        hidden = F.silu(self._bn1(self._depthwise_conv(hidden)))
        weight = self._se_expand(F.silu(self._se_reduce(hidden.mean((2, 3), keepdim=True))))
        made: Tensor = self._bn2(self._project_conv(torch.sigmoid(weight) * hidden))
        if not self.skips:
            return made
        if self.training and self.drop:
            kept = torch.rand(len(x), 1, 1, 1, dtype=x.dtype, device=x.device) >= self.drop
            made = made / (1 - self.drop) * kept
        return made + x


class _Cascade(nn.Module):
    """Predict each argument from the features and the state of the previous argument; there are no activations."""

    def __init__(self, given: int, channels: int, arguments: int) -> None:
        super().__init__()
        self.f, self.g = nn.Linear(given, channels), nn.Linear(given, channels)
        self.headers = nn.ModuleList(
            nn.Sequential(nn.Linear(2 * channels, channels), nn.Linear(channels, 1)) for _ in range(arguments)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return the arguments `[B, N]`, not bounded, for features `[B, given]`."""
        features, state, found = self.f(x), self.g(x), []
        for header in self.headers:
            assert isinstance(header, nn.Sequential)
            state = header[0](torch.cat([features, state], 1))
            found.append(header[1](state))
        return torch.cat(found, 1)


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


def _rounded(channels: float) -> int:
    return max(8, 8 * round(channels / 8))
