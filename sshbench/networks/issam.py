"""iSSAM (Sofiiuk et al., WACV 2021): a U-Net with spatial-separated attention and a predicted blend.

Module names follow the published code (github.com/saic-vul/image_harmonization, commit 7f71cc1), so that
`issam256.pth` loads by its own keys. PCT-Net's convolutional variant has the same encoder and decoder.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sshbench.networks.idih import Fused, Fusion
from sshbench.networks.limits import DEEPEST, check_size


class ISSAM(nn.Module):
    """Harmonize a composite, given its mask.

    Parameters
    ----------
    width, depth
        The number of channels of the first level, which doubles at each level, and the number of levels. Published: 32
        and 4.
    """

    def __init__(self, *, width: int = 32, depth: int = 4) -> None:
        super().__init__()
        check_size("width", width)
        check_size("depth", depth, 2, DEEPEST)
        self.encoder, self.decoder = Encoder(width, depth), Decoder(width, depth)
        self.multiple, self.padded = 2 ** (depth - 1), 2 ** (depth + 1)

    @property
    def fusion(self) -> Fusion:
        """The decoder, which blends its image into the input."""
        return self.decoder

    def forward(self, image: Tensor) -> Fused:
        """Harmonize a batch.

        Parameters
        ----------
        image
            `[B, 4, H, W]`: the composite (R, G, B) as `imagenet.normalised` returns it, and the soft mask, 0..1. H and
            W must be multiples of `multiple`, 8 as published. The authors pad to multiples of `padded`, 32.

        Returns
        -------
        Fused
            The images `[B, 3, H, W]`, normalised as the input and not clipped, and the attention `[B, 1, H, W]`, 0..1.
        """
        composite, mask = image[:, :3], image[:, 3:]
        fused: Fused = self.decoder.fused(composite, self.decoder(self.encoder(image), mask))
        return fused


class Encoder(nn.Module):
    """Two convolutions at each level, with batch norm from the third level on, and 2 x 2 max-pooling between levels."""

    def __init__(self, width: int, depth: int) -> None:
        super().__init__()
        self.block0, self.block1 = _Level(4, width, norm=False), _Level(width, 2 * width, norm=False)
        self.blocks_connected = nn.ModuleDict(
            {f"block{i}": _Level(width * 2 ** (i - 1), width * 2**i, norm=True) for i in range(2, depth)}
        )

    def forward(self, image: Tensor) -> list[Tensor]:
        """Return the features of all levels, each `[B, C, h, w]`, the coarsest first, for an input `[B, 4, H, W]`.

        The features are not negative.
        """
        made = [self.block0(image)]
        for block in (self.block1, *self.blocks_connected.values()):
            made.append(block(F.max_pool2d(made[-1], 2)))
        return made[::-1]


class Decoder(Fusion):
    """Enlarge, append to the encoder's features of that size, and attend to foreground and background separately."""

    def __init__(self, width: int, depth: int) -> None:
        super().__init__()
        self.up_blocks = nn.ModuleList(_Up(width * 2**i, attend=i == 0) for i in range(depth - 2, -1, -1))
        self.add_heads(width)

    def forward(self, encoded: list[Tensor], mask: Tensor) -> Tensor:
        """Return the finest features `[B, width, H, W]` for the features of all levels, the coarsest first.

        The features are not negative, and the mask is `[B, 1, H, W]`, 0..1.
        """
        x, *skips = encoded
        for block, skip in zip(self.up_blocks, skips, strict=True):
            x = block(x, skip, mask)
        return x


class _Up(nn.Module):
    def __init__(self, channels: int, *, attend: bool) -> None:
        super().__init__()
        enlarge = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
        self.upconv = nn.Sequential(enlarge, _Convolution(2 * channels, channels, norm=False))
        self.convs = _Convolutions(2 * channels, channels, norm=True)
        if attend:
            self.attention = SpatialSeparatedAttention(2 * channels)

    def forward(self, x: Tensor, skip: Tensor, mask: Tensor) -> Tensor:
        """Return features `[B, channels, 2 h, 2 w]`, not negative, for `x` `[B, 2 * channels, h, w]` and `skip`.

        `skip` is `[B, channels, 2 h, 2 w]`, and the mask is `[B, 1, H, W]`, 0..1.
        """
        features = torch.cat([skip, self.upconv(x)], 1)
        if "attention" in self._modules:
            features = self.attention(features, mask)
        made: Tensor = self.convs(features)
        return made


class SpatialSeparatedAttention(nn.Module):
    """S2AM's module as iSSAM has it: a blurred mask separates gates for background, foreground and both."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.background_gate = _Gate(channels)
        self.foreground_gate = _Gate(channels)
        self.mix_gate = _Gate(channels)
        self.learning_block = nn.Sequential(
            _Convolution(channels, channels // 2, norm=True, bias=False),
            _Convolution(channels // 2, channels, norm=True, bias=False),
        )
        self.mask_blurring = _Blur()

    def forward(self, features: Tensor, mask: Tensor) -> Tensor:
        """Return features `[B, C, H, W]`, gated by region; the mask is `[B, 1, H, W]`, 0..1."""
        mask = self.mask_blurring(mask)
        foreground = self.learning_block(self.foreground_gate(features)) + self.mix_gate(features)
        weighted: Tensor = mask * foreground + (1 - mask) * self.background_gate(features)
        return weighted


class _Gate(nn.Module):
    """Scale each channel by a weight that is predicted from the means and maxima of all channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = max(channels // 16, 8)
        self.attention_transform = nn.Sequential(
            nn.Linear(2 * channels, hidden), nn.ReLU(), nn.Linear(hidden, channels), nn.Sigmoid()
        )

    def forward(self, features: Tensor) -> Tensor:
        """Return features `[B, C, h, w]` with each channel times its weight, 0..1."""
        seen = torch.cat([features.mean((2, 3)), features.amax((2, 3))], 1)
        weight: Tensor = self.attention_transform(seen)
        return features * weight[:, :, None, None]


class _Blur(nn.Module):
    """A Gaussian blur of sigma 1 over 7 x 7 pixels. The mask is 0 beyond the border, so it fades at the border."""

    weight: Tensor

    def __init__(self) -> None:
        super().__init__()
        line = torch.exp(-(torch.arange(-3.0, 4.0) ** 2) / 2)
        kernel = line[:, None] * line
        self.register_buffer("weight", (kernel / kernel.sum())[None, None])

    def forward(self, mask: Tensor) -> Tensor:
        """Return a mask `[B, 1, h, w]` over 0..1, blurred, of the same shape and range."""
        return F.conv2d(mask, self.weight, padding=3)


class _Level(nn.Module):
    def __init__(self, given: int, made: int, *, norm: bool) -> None:
        super().__init__()
        self.convs = _Convolutions(given, made, norm=norm)

    def forward(self, x: Tensor) -> Tensor:
        """Return features `[B, made, h, w]`, not negative, for features `[B, given, h, w]`."""
        made: Tensor = self.convs(x)
        return made


class _Convolutions(nn.Module):
    def __init__(self, given: int, made: int, *, norm: bool) -> None:
        super().__init__()
        self.block = nn.Sequential(_Convolution(given, made, norm=norm), _Convolution(made, made, norm=norm))

    def forward(self, x: Tensor) -> Tensor:
        """Return features `[B, made, h, w]`, not negative, for features `[B, given, h, w]`."""
        done: Tensor = self.block(x)
        return done


class _Convolution(nn.Module):
    """A 3 x 3 convolution, batch norm if `norm` is set, and ReLU."""

    def __init__(self, given: int, made: int, *, norm: bool, bias: bool = True) -> None:
        super().__init__()
        conv = nn.Conv2d(given, made, 3, 1, 1, bias=bias)
        self.block = nn.Sequential(conv, nn.BatchNorm2d(made) if norm else nn.Identity(), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        """Return features `[B, made, h, w]`, not negative, for features `[B, given, h, w]`."""
        made: Tensor = self.block(x)
        return made
