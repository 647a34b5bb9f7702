"""The network of WCT2: a VGG encoder and its mirror, with Haar wavelets for pooling and unpooling.

Yoo, Uh, Chun, Kang and Ha, "Photorealistic Style Transfer via Wavelet Transforms", ICCV 2019, section 3. Names of
parameters are those of the authors' checkpoints (github.com/clovaai/WCT2, commit 05d17c0).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sshbench.networks.limits import check_size
from sshbench.networks.whitening import LabelMaps, transfer_statistics

Unpool = Literal["cat5", "sum"]
CONVOLUTIONS = {1: 2, 2: 2, 3: 4, 4: 1}  # number of convolutions in each level of the encoder: VGG-19 to conv4_1


@dataclass
class Skips:
    """The features that bypass the encoder's poolings 1 to 3.

    Attributes
    ----------
    bands
        The bands LH, HL and HH of each pooling, `[3, N, C, H / 2, W / 2]`.
    before
        The features before each pooling, `[N, C, H, W]`.
    """

    bands: dict[int, Tensor] = field(default_factory=dict)
    before: dict[int, Tensor] = field(default_factory=dict)


class WCT2(nn.Module):
    """Give a content image the style of another.

    Parameters
    ----------
    unpool
        How the decoder joins the four bands: concatenated with the features before the pooling (`cat5`), or added
        (`sum`).
    width
        The number of channels at full size, 64 as in VGG; the levels below have 2, 4 and 8 times as many.
    """

    def __init__(self, unpool: Unpool = "cat5", width: int = 64) -> None:
        super().__init__()
        check_size("width", width)
        self.encoder = Encoder(unpool, width)
        self.decoder = Decoder(unpool, width)

    def forward(
        self,
        content: Tensor,
        style: Tensor | None = None,
        *,
        transfer: str = "esd",
        alpha: float = 1.0,
        labels: LabelMaps | None = None,
    ) -> Tensor:
        """Return a stylized image, or the reconstructed content if there is no style.

        Parameters
        ----------
        content, style
            `[N, 3, H, W]` and `[N, 3, h, w]`, RGB, 0..1. Sides must be multiples of 8 and at least 16; the authors use
            multiples of 16.
        transfer
            Where statistics are transferred: any of `e` (after each level of the encoder), `s` (the bands that bypass
            the poolings) and `d` (before each level of the decoder).
        alpha
            The strength of each transfer, 0..1.
        labels
            Pixels take the statistics of the pixels with the same label; None uses all pixels.

        Returns
        -------
        Tensor
            `[N, 3, H, W]`, not clipped.
        """
        if style is None:
            features, skips = self.encoder(content)
            decoded: Tensor = self.decoder(features[4], skips)
            return decoded
        encoded, style_skips = self.encoder(style)

        skips, x = Skips(), content
        for level in (1, 2, 3, 4):
            x = self.encoder.step(level, x, skips)
            if "e" in transfer:
                x = transfer_statistics(x, encoded[level], alpha, labels)
        if "s" in transfer:
            three = None if labels is None else LabelMaps(*(maps.repeat(3, 1, 1) for maps in labels))
            for level, bands in skips.bands.items():
                moved = transfer_statistics(bands.flatten(0, 1), style_skips.bands[level].flatten(0, 1), alpha, three)
                skips.bands[level] = moved.view_as(bands)
        target = encoded[4]
        for level in (4, 3, 2, 1):
            # At the deepest level, the encoder has already made this transfer.
            if "d" in transfer and (level < 4 or "e" not in transfer):
                x = transfer_statistics(x, target, alpha, labels)
            x = self.decoder.step(level, x, skips)
            if "d" in transfer and level > 1:
                target = self.decoder.step(level, target, style_skips)
        return x


class Encoder(nn.Module):
    """VGG-19 down to its fourth level, preceded by a 1 x 1 convolution, with Haar wavelets for its poolings."""

    def __init__(self, unpool: Unpool, width: int) -> None:
        super().__init__()
        self.pools_late = unpool == "sum"
        self.conv0 = nn.Conv2d(3, 3, 1)
        inputs = 3
        for level, count in CONVOLUTIONS.items():
            outputs = width << (level - 1)
            for place in range(1, count + 1):
                self.add_module(f"conv{level}_{place}", _convolution(inputs, outputs))
                inputs = outputs
            if level < 4:
                self.add_module(f"pool{level}", HaarBands(outputs))

    def forward(self, image: Tensor) -> tuple[dict[int, Tensor], Skips]:
        """Return the features of levels 1 to 4 for images `[N, 3, H, W]`, and the features that bypass the poolings.

        The images are over 0..1. Level 4 is `[N, C, H / 8, W / 8]`, not negative.
        """
        skips, features, x = Skips(), {}, image
        for level in CONVOLUTIONS:
            x = features[level] = self.step(level, x, skips)
        return features, skips

    def step(self, level: int, x: Tensor, skips: Skips) -> Tensor:
        """Return the features of a level from those of the previous level, or from the image; fill `skips`.

        With `cat5`, a level ends with its first convolution, and begins with the rest of the previous level and its
        pooling; with `sum`, it ends with its own pooling.
        """
        if level == 1:
            x = self.conv0(x)
        elif not self.pools_late:
            x = self._finish(level - 1, x, skips)
        x = F.relu(self.get_submodule(f"conv{level}_1")(x))
        return self._finish(level, x, skips) if self.pools_late and level < 4 else x

    def _finish(self, level: int, x: Tensor, skips: Skips) -> Tensor:
        for place in range(2, CONVOLUTIONS[level] + 1):
            x = F.relu(self.get_submodule(f"conv{level}_{place}")(x))
        pool = self.get_submodule(f"pool{level}")
        assert isinstance(pool, HaarBands)
        skips.before[level] = x
        low, *others = (F.conv2d(x, kernel, stride=2, groups=x.shape[1]) for kernel in pool.kernels())
        skips.bands[level] = torch.stack(others)
        return low


class Decoder(nn.Module):
    """The mirror of the encoder, with Haar wavelets for its unpoolings."""

    def __init__(self, unpool: Unpool, width: int) -> None:
        super().__init__()
        self.stacks = unpool == "cat5"
        for level in (4, 3, 2, 1):
            channels = width << (level - 1)
            for place in range(CONVOLUTIONS[level], 1, -1):
                joins = self.stacks and place == CONVOLUTIONS[level]
                self.add_module(
                    f"conv{level}_{place}_2" if joins else f"conv{level}_{place}",
                    _convolution(5 * channels if joins else channels, channels),
                )
            self.add_module(f"conv{level}_1", _convolution(channels, channels // 2 if level > 1 else 3))
            if level > 1:
                self.add_module(f"recon_block{level - 1}", HaarBands(channels // 2))

    def forward(self, x: Tensor, skips: Skips) -> Tensor:
        """Return the image `[N, 3, H, W]` of the features of level 4 `[N, C, H / 8, W / 8]`, not clipped."""
        for level in (4, 3, 2, 1):
            x = self.step(level, x, skips)
        return x

    def step(self, level: int, x: Tensor, skips: Skips) -> Tensor:
        """Decode one level and return the features of the level above, or the image."""
        x = self.get_submodule(f"conv{level}_1")(x)
        if level == 1:
            return x
        x = self._unpool(level - 1, F.relu(x), skips)
        for place in range(CONVOLUTIONS[level - 1], 1, -1):
            joins = self.stacks and place == CONVOLUTIONS[level - 1]
            x = F.relu(self.get_submodule(f"conv{level - 1}_{place}" + "_2" * joins)(x))
        return x

    def _unpool(self, level: int, low: Tensor, skips: Skips) -> Tensor:
        bands = self.get_submodule(f"recon_block{level}")
        assert isinstance(bands, HaarBands)
        full = [
            F.conv_transpose2d(band, kernel, stride=2, groups=low.shape[1])
            for band, kernel in zip((low, *skips.bands[level]), bands.kernels(), strict=True)
        ]
        return torch.cat([*full, skips.before[level]], dim=1) if self.stacks else torch.stack(full).sum(0)


class HaarBands(nn.Module):
    """The four Haar kernels of each channel, which are not trained."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        low, high = torch.tensor([1.0, 1.0]), torch.tensor([-1.0, 1.0])
        for name, rows, columns in (("LL", low, low), ("LH", low, high), ("HL", high, low), ("HH", high, high)):
            kernel = (torch.outer(rows, columns) / 2).expand(channels, 1, 2, 2)
            # We copy, because no checkpoint can be loaded into an expanded tensor, whose kernels share memory.
            self.add_module(name, nn.ParameterDict({"weight": nn.Parameter(kernel.clone(), requires_grad=False)}))

    def kernels(self) -> list[Tensor]:
        """Return LL, LH, HL and HH, `[channels, 1, 2, 2]` each."""
        return [self.get_parameter(f"{name}.weight") for name in ("LL", "LH", "HL", "HH")]


def _convolution(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1, padding_mode="reflect")
