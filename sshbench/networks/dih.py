"""The networks of Deep Image Harmonization, as published three times.

Tsai, Shen, Lin, Sunkavalli, Lu and Yang, "Deep Image Harmonization", CVPR 2017: an encoder of strided convolutions, a
bottleneck that sees the whole image, and a decoder whose steps add the encoder's features of the same size. A second
decoder parses the scene and lends its features to the first.

* `DIH`: the form that the iHarmony4 benchmark ran (github.com/bcmi/Image-Harmonization-Dataset-iHarmony4, commit
  0bdb51d, TensorFlow), with and without the second decoder, 256 x 256.
* `DIHCaffe`: the form of the paper's authors (github.com/wasidennis/DeepHarmonization, commit c1337f2, Caffe), with the
  second decoder, 512 x 512.
* `DIHSaic`: the variant of github.com/saic-vul/image_harmonization (commit 7f71cc1, PyTorch), with its keys.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sshbench.networks.limits import check_size, check_widths


class DihOutput(NamedTuple):
    """The output of one pass.

    Attributes
    ----------
    image
        `[N, 3, H, W]` in the channel order and range of the input, not clipped.
    labels
        The scores of the scene's classes (logits), `[N, classes, H, W]`; None without semantics.
    """

    image: Tensor
    labels: Tensor | None


class DIH(nn.Module):
    """Harmonize a composite (section 3.2 of the paper).

    Parameters
    ----------
    semantics
        Whether to add the decoder that parses the scene (the paper's joint model).
    widths
        The channels of the encoder's convolutions, each of which halves the size; the last leaves 4 x 4 pixels.
    bottleneck
        The number of channels between encoder and decoder.
    classes
        The number of classes of the parsing decoder.
    bias
        Whether convolutions have biases; the bottleneck always has.
    eps
        The epsilon of the norms.
    fixed_norm
        Whether the norms keep their statistics in training, so that each is a scale and a shift, as the published
        TensorFlow code trains them.
    """

    def __init__(
        self,
        semantics: bool = False,
        *,
        widths: Sequence[int] = (64, 64, 128, 128, 256, 256),
        bottleneck: int = 512,
        classes: int = 92,
        bias: bool = False,
        eps: float = 1e-3,
        fixed_norm: bool = False,
    ) -> None:
        super().__init__()
        check_widths(widths)
        check_size("bottleneck", bottleneck)
        check_size("classes", classes)
        self.fixed_norm = fixed_norm

        def down(inputs: int, outputs: int) -> Block:
            return Block(nn.Conv2d(inputs, outputs, 4, 2, 1, bias=bias), outputs, eps)

        def up(inputs: int, outputs: int, stride: int = 2) -> Block:
            return Block(nn.ConvTranspose2d(inputs, outputs, 4, stride, stride - 1, bias=bias), outputs, eps)

        def decoder(lent: int) -> nn.ModuleList:
            """Return the steps. Step i has the encoder's size and channels of step i, and `lent` times the inputs."""
            steps = [up(lent * deep, shallow) for shallow, deep in pairwise(widths)]
            return nn.ModuleList([*steps, up(bottleneck, widths[-1], stride=1)])

        self.encoder = nn.ModuleList(down(i, o) for i, o in pairwise((4, *widths)))
        self.fc7 = nn.Conv2d(widths[-1], bottleneck, 4)
        self.harmonize = decoder(2 if semantics else 1)
        self.output = nn.ConvTranspose2d(widths[0], 3, 4, 2, 1, bias=bias)
        self.parse = decoder(1) if semantics else nn.ModuleList()
        if semantics:
            self.parse_output = up(widths[0], widths[0])
            self.classify = nn.Conv2d(widths[0], classes, 1, bias=bias)

    def train(self, mode: bool = True) -> DIH:
        """Switch to training mode or back; with `fixed_norm`, the norms stay in evaluation mode."""
        super().train(mode)
        if self.fixed_norm:
            for module in self.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()
        return self

    def forward(self, x: Tensor) -> DihOutput:
        """Harmonize composites.

        Parameters
        ----------
        x
            `[N, 4, H, W]`: the composite in blue, green, red order and the mask, both in -1..1. The published size is
            256 x 256. Other sizes must be multiples of 2 to the number of widths, with at least 4 pixels left at the
            bottleneck.

        Returns
        -------
        DihOutput
            The image `[N, 3, H, W]`, -1..1 but not clipped, and the labels if there is a parsing decoder.
        """
        skips = []
        for block in self.encoder:
            x = block(x)
            skips.append(x)
        x = scene = self.fc7(x)
        for level in reversed(range(len(skips))):
            x = self.harmonize[level](x) + skips[level]
            if self.parse:
                scene = self.parse[level](scene) + skips[level]
                if level:  # the last step gets only the harmonized features
                    x = torch.cat([x, scene], dim=1)
        labels = self.classify(self.parse_output(scene)) if self.parse else None
        return DihOutput(self.output(x), labels)


class DIHCaffe(DIH):
    """The authors' own form: 512 x 512 and one level deeper, with semantics of 26 classes.

    Its input is blue, green, red in 0..255 minus the means 104.00699, 116.66877 and 122.67892, and the mask in 0..255
    minus 128; its output is the image minus the same means.
    """

    def __init__(self) -> None:
        widths = (64, 64, 128, 128, 256, 256, 512)
        super().__init__(True, widths=widths, bottleneck=1024, classes=26, bias=True, eps=1e-5)


class DIHSaic(nn.Module):
    """The form without semantics and without a fully connected bottleneck, with a 1 x 1 convolution to RGB; 512 x 512.

    Its input is RGB normalised by ImageNet's means and deviations, and a mask over 0..1; its output is normalised as
    its input.
    """

    def __init__(self) -> None:
        super().__init__()
        widths = (64, 64, 128, 128, 256, 256, 512, 512)
        paddings = (1, 1, 1, 1, 1, 1, 1, 0)
        down = {
            f"block{level}": SaicBlock(nn.Conv2d(inputs, outputs, 4, 2, padding), outputs)
            for level, (inputs, outputs, padding) in enumerate(zip((4, *widths), widths, paddings, strict=False))
        }
        connected = nn.ModuleDict({name: down.pop(name) for name in list(down)[2:]})
        self.encoder = nn.ModuleDict({**down, "blocks_connected": connected})  # these names are the checkpoint's
        up = [
            SaicBlock(nn.ConvTranspose2d(inputs, outputs, 4, 2, padding), outputs)
            for inputs, outputs, padding in zip(widths[::-1], (*widths[-2::-1], 32), paddings[::-1], strict=True)
        ]
        self.decoder = nn.ModuleDict({"deconv_blocks": nn.ModuleList(up), "to_rgb": nn.Conv2d(32, 3, 1)})

    def forward(self, x: Tensor) -> DihOutput:
        """Return the image `[N, 3, H, W]`, normalised as the input, for composites and masks `[N, 4, H, W]`.

        The image is not clipped, and `labels` is None.
        """
        skips = []
        for block in self.encoder.modules():
            if isinstance(block, SaicBlock):
                x = block(x)
                skips.append(x)
        skips.pop()
        for block in self.decoder.modules():
            if isinstance(block, SaicBlock):
                x = block(x)
                x = x + skips.pop() if skips else x
        image: Tensor = self.decoder["to_rgb"](x)
        return DihOutput(image, None)


class Block(nn.Module):
    """A convolution, a norm, and ELU."""

    def __init__(self, conv: nn.Module, channels: int, eps: float) -> None:
        super().__init__()
        self.conv = conv
        self.norm = nn.BatchNorm2d(channels, eps=eps)

    def forward(self, x: Tensor) -> Tensor:
        """Return features `[N, outputs, H', W']`, bounded below by -1, for `[N, inputs, H, W]`."""
        return F.elu(self.norm(self.conv(x)))


class SaicBlock(nn.Module):
    """A `Block` with the names of saic-vul's checkpoints."""

    def __init__(self, conv: nn.Module, channels: int) -> None:
        super().__init__()
        self.block = nn.Sequential(conv, nn.BatchNorm2d(channels), nn.ELU())

    def forward(self, x: Tensor) -> Tensor:
        """Return features `[N, outputs, H', W']`, bounded below by -1, for `[N, inputs, H, W]`."""
        features: Tensor = self.block(x)
        return features
