"""iDIH (Sofiiuk et al., WACV 2021): DIH's encoder and decoder with a predicted blend of input and output.

Module names follow the published code (github.com/saic-vul/image_harmonization, commit 7f71cc1), so that `idih256.pth`
and `hrnet18s_idih256.pth` load by their own keys.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from sshbench.networks.hrnet import HRNetOCR
from sshbench.networks.limits import DEEPEST, check_size

Backbone = Literal["none", "hrnet18s", "hrnet18", "hrnet32"]


class Fused(NamedTuple):
    """The outputs of a network that predicts how to blend its image into the input.

    Parameters
    ----------
    image
        `[B, 3, H, W]`, normalised as the input: `attention * input + (1 - attention) * rgb`.
    attention
        `[B, 1, H, W]`, 0..1: the share of the input that stays.
    rgb
        `[B, 3, H, W]`: the image that is blended in, normalised as the input.
    """

    image: Tensor
    attention: Tensor
    rgb: Tensor


class Fusion(nn.Module):
    """The last step of section 3.1, which decoders inherit: predict an image and an attention from the features."""

    def add_heads(self, channels: int) -> None:
        """Create the two convolutions. A decoder calls this last, because their weights are last in published files."""
        self.conv_attention = nn.Conv2d(channels, 1, 1)
        self.to_rgb = nn.Conv2d(channels, 3, 1)

    def attention(self, features: Tensor) -> Tensor:
        """Return the attention `[B, 1, H, W]`, 0..1, for features `[B, C, H, W]`; the factor 3 is published."""
        return torch.sigmoid(3.0 * self.conv_attention(features))

    def fused(self, image: Tensor, features: Tensor) -> Fused:
        """Return the predicted image, blended into the input `[B, 3, H, W]`; the mask is not used."""
        attention, rgb = self.attention(features), self.to_rgb(features)
        return Fused(attention * image + (1 - attention) * rgb, attention, rgb)


class IDIH(nn.Module):
    """Harmonize a composite, given its mask. With a backbone, this is an HRNet variant of section 3.2.

    Parameters
    ----------
    backbone
        The second network that sees the image; `"none"` for iDIH alone. With `hrnet18s`, the outputs were compared with
        those of the authors' code; for the larger backbones, only names and shapes were compared.
    width, depth
        The number of channels of the first level, which doubles at every other level up to 8 times that number, and
        how often the image is halved. Published: 64, 7.
    """

    def __init__(self, backbone: Backbone = "none", *, width: int = 64, depth: int = 7) -> None:
        super().__init__()
        check_size("width", width)
        check_size("depth", depth, 3, DEEPEST)
        seen = None if backbone == "none" else HRNetOCR.published(backbone)
        core = _EncoderDecoder(width, depth, 0 if seen is None else seen.channels)
        if seen is None:
            self.encoder, self.decoder = core.encoder, core.decoder
        else:
            self.backbone = nn.ModuleDict({"hrnet": seen})
            self.model = core
            self.mask_conv = nn.Sequential(nn.Conv2d(1, 64, 3, 2, 1), _Scale(0.1))
        self.multiple, self.padded = 2**depth, 2 ** (depth + 1)

    @property
    def fusion(self) -> Fusion:
        """The decoder, which blends its image into the input."""
        return self.decoder if "decoder" in self._modules else self.model.decoder

    def forward(self, image: Tensor) -> Fused:
        """Harmonize a batch.

        Parameters
        ----------
        image
            `[B, 4, H, W]`: the composite (R, G, B) as `imagenet.normalised` returns it, and the soft mask, 0..1. H and
            W must be multiples of `multiple` (128 as published) and at least `padded` (256). The authors pad to
            multiples of `padded`.

        Returns
        -------
        Fused
            The images `[B, 3, H, W]`, normalised as the input and not clipped, and the attention `[B, 1, H, W]`, 0..1.
        """
        composite, mask = image[:, :3], image[:, 3:]
        if "backbone" not in self._modules:
            features = self.decoder(self.encoder(image, None))
            return self.decoder.fused(composite, features)
        seen = self.backbone["hrnet"](composite, mask, self.mask_conv(mask))
        features = self.model.decoder(self.model.encoder(image, seen))
        return self.model.decoder.fused(composite, features)


@torch.no_grad()
def start_near_identity(fusion: Fusion) -> None:
    """Start with an attention of 0.95, so that training begins near a copy of the input; authors start at random."""
    assert fusion.conv_attention.bias is not None
    fusion.conv_attention.weight.zero_()
    fusion.conv_attention.bias.fill_(1)


class _EncoderDecoder(nn.Module):
    def __init__(self, width: int, depth: int, backbone: int) -> None:
        super().__init__()
        channels = [width * min(2 ** (level // 2), 8) for level in range(depth)]
        self.encoder = _Encoder(channels, backbone)
        self.decoder = _Decoder(channels)


class _Encoder(nn.Module):
    """Halve the image `len(channels)` times. A backbone's features are appended after the second halving."""

    def __init__(self, channels: list[int], backbone: int) -> None:
        super().__init__()
        self.block0 = _Block(nn.Conv2d(4, channels[0], 4, 2, 1), norm=False)
        self.block1 = _Block(nn.Conv2d(channels[0], channels[1], 4, 2, 1), norm=False)
        self.blocks_connected = nn.ModuleDict()
        last = len(channels) - 1
        for level in range(2, last + 1):
            given = channels[level - 1] + (backbone if level == 2 else 0)
            halve = nn.Conv2d(given, channels[level], 4, 2, int(level < last))  # the last convolution does not pad
            self.blocks_connected[f"block{level}"] = _Block(halve, norm=True)

    def forward(self, image: Tensor, seen: Tensor | None) -> list[Tensor]:
        """Return the features of all levels, each `[B, C, h, w]`, the coarsest first, for an input `[B, 4, H, W]`.

        The features are bounded below by -1.
        """
        made = [self.block0(image)]
        made.append(self.block1(made[0]))
        x = made[1] if seen is None else torch.cat([made[1], seen], 1)
        for block in self.blocks_connected.values():
            x = block(x)
            made.append(x)
        return made[::-1]


class _Decoder(Fusion):
    """Double the size as often as the encoder halved it, and add the encoder's features of each size."""

    def __init__(self, channels: list[int]) -> None:
        super().__init__()
        made = [*channels[-2::-1], channels[0] // 2]
        given = [channels[-1], *made[:-1]]
        doubles = [
            nn.ConvTranspose2d(a, b, 4, 2, int(level > 0)) for level, (a, b) in enumerate(zip(given, made, strict=True))
        ]
        self.deconv_blocks = nn.ModuleList(_Block(double, norm=True) for double in doubles)
        self.add_heads(made[-1])

    def forward(self, encoded: list[Tensor]) -> Tensor:
        """Return the finest features `[B, C, H, W]`, bounded below by -1, for all levels, the coarsest first."""
        x, *skips = encoded
        for block, skip in zip(self.deconv_blocks, [*skips, None], strict=True):
            x = block(x)
            if skip is not None:
                x = x + skip
        return x


class _Block(nn.Module):
    """A convolution, batch norm, and ELU."""

    def __init__(self, conv: nn.Conv2d | nn.ConvTranspose2d, *, norm: bool) -> None:
        super().__init__()
        self.block = nn.Sequential(conv, nn.BatchNorm2d(conv.out_channels) if norm else nn.Identity(), nn.ELU())

    def forward(self, x: Tensor) -> Tensor:
        """Return features `[B, outputs, H', W']`, bounded below by -1, for `[B, inputs, H, W]`."""
        made: Tensor = self.block(x)
        return made


class _Scale(nn.Module):
    """A product with the absolute value of one learned number."""

    def __init__(self, start: float) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.full((1,), start))

    def forward(self, x: Tensor) -> Tensor:
        """Return `x`, of any shape, times the absolute value of the number; not bounded."""
        return x * self.scale.abs()
