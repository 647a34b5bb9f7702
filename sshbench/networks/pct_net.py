"""PCT-Net (Guerreiro et al., CVPR 2023): an affine colour map for each pixel, predicted small and applied at any size.

Module names follow the published code (github.com/rakutentech/PCT-Net-Image-Harmonization, commit 1572176), so that
`PCTNet_CNN.pth` and `PCTNet_ViT.pth` load by their own keys.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sshbench.networks import imagenet
from sshbench.networks.issam import Decoder, Encoder
from sshbench.networks.limits import DEEPEST, check_size

PARAMETERS = 12  # a 3 x 3 matrix, row by row, and an offset


class ColourTransform(NamedTuple):
    """The maps that the network predicts for a small composite.

    Parameters
    ----------
    parameters
        `[B, 12, h, w]`: for each pixel a 3 x 3 matrix, row by row, and an offset. They map colours that `encode` has
        been applied to.
    attention
        `[B, 1, h, w]`: the share of the mapped colour; None if the mask is that share.
    """

    parameters: Tensor
    attention: Tensor | None


def mapped(image: Tensor, parameters: Tensor, weight: Tensor) -> Tensor:
    """Return images with mapped colours, blended into the images themselves.

    Parameters
    ----------
    image
        `[..., 3, H, W]` over 0..1.
    parameters
        `[..., 12, H, W]`: maps of colours over 0..1, as `of_plain_colours` returns them.
    weight
        `[..., 1, H, W]`: the share of the mapped colour.

    Returns
    -------
    `[..., 3, H, W]`; values leave 0..1 where the weight does.
    """
    size = parameters.shape[-2:]
    matrix, offset = parameters[..., :9, :, :].reshape(*parameters.shape[:-3], 3, 3, *size), parameters[..., 9:, :, :]
    made = ((matrix * image[..., None, :, :, :]).sum(-3) + offset).clamp(0, 1)
    blended: Tensor = image + weight * (made - image)
    return blended


def enlarged(transform: ColourTransform, size: tuple[int, int]) -> ColourTransform:
    """Return maps, enlarged bicubically to a (height, width). Overshoot is not clamped, and gradients pass."""
    parameters, attention = (
        None if x is None else F.interpolate(x, size=size, mode="bicubic", align_corners=False) for x in transform
    )
    assert parameters is not None
    return ColourTransform(parameters, attention)


class PCTNetCNN(nn.Module):
    """The convolutional variant: iSSAM's encoder and decoder, with a predicted attention in place of the mask.

    Its colours are normalised as ImageNet's; the affine map takes them to 0..1.

    Parameters
    ----------
    width, depth
        As for `ISSAM`. Published: 32, 4.
    """

    def __init__(self, *, width: int = 32, depth: int = 4) -> None:
        super().__init__()
        check_size("width", width)
        check_size("depth", depth, 2, DEEPEST)
        self.encoder, self.decoder = Encoder(width, depth), Decoder(width, depth)
        self.get_params = nn.Conv2d(width, PARAMETERS, 1)
        self.multiple = 2 ** (depth - 1)

    def forward(self, image: Tensor) -> ColourTransform:
        """Return the maps for a batch.

        Parameters
        ----------
        image
            `[B, 4, h, w]`: the small composite after `encode`, and the soft mask, 0..1. h and w must be multiples of
            `multiple`; the authors use 256.

        Returns
        -------
        ColourTransform
            The maps `[B, 12, h, w]`, not bounded, and the attention `[B, 1, h, w]`, 0..1.
        """
        features = self.decoder(self.encoder(image), image[:, 3:])
        return ColourTransform(self.get_params(features), self.decoder.attention(features))

    @staticmethod
    def encode(image: Tensor) -> Tensor:
        """Return images `[B, 3, h, w]` over 0..1, normalised for the network and its loss."""
        return imagenet.normalised(image)

    @staticmethod
    def of_plain_colours(parameters: Tensor) -> Tensor:
        """Return maps `[B, 12, h, w]`, converted so that they apply to colours over 0..1, without `encode`."""
        matrix, offset = parameters[:, :9].reshape(-1, 3, 3, *parameters.shape[2:]), parameters[:, 9:]
        black = imagenet.normalised(matrix.new_zeros(3, 1, 1))
        scaled = matrix / matrix.new_tensor(imagenet.DEVIATION)[:, None, None]
        return torch.cat([scaled.flatten(1, 2), offset + (matrix * black).sum(2)], 1)


class PCTNetViT(nn.Module):
    """The transformer variant: 4 x 4 patches without position embeddings; the mask blends the result.

    Parameters
    ----------
    width, layers, heads, hidden
        Sizes of the transformer's encoder. Published: 256, 9, 2, 512.
    """

    def __init__(self, *, width: int = 256, layers: int = 9, heads: int = 2, hidden: int = 512) -> None:
        super().__init__()
        for name, value in (("width", width), ("heads", heads), ("hidden", hidden)):
            check_size(name, value)
        check_size("layers", layers, most=32)
        self.encoder = _PatchTransformer(width, layers, heads, hidden)
        self.get_params = nn.Conv2d(PARAMETERS, PARAMETERS, 1)
        self.multiple = _PATCH

    def forward(self, image: Tensor) -> ColourTransform:
        """Return the maps `[B, 12, h, w]` for a batch `[B, 4, h, w]`, as for `PCTNetCNN` but with colours over 0..1.

        There is no attention.
        """
        return ColourTransform(self.get_params(self.encoder(image)), None)

    @staticmethod
    def encode(image: Tensor) -> Tensor:
        """Return images over 0..1 unchanged."""
        return image

    @staticmethod
    def of_plain_colours(parameters: Tensor) -> Tensor:
        """Return the maps unchanged, since they already apply to colours over 0..1."""
        return parameters


@torch.no_grad()
def start_at_identity(network: PCTNetCNN | PCTNetViT) -> None:
    """Initialise the network with maps near the identity at every pixel. The authors start at random."""
    scale = imagenet.DEVIATION if isinstance(network, PCTNetCNN) else (1.0, 1.0, 1.0)
    offset = imagenet.MEAN if isinstance(network, PCTNetCNN) else (0.0, 0.0, 0.0)
    assert network.get_params.bias is not None
    network.get_params.weight.mul_(0.01)
    network.get_params.bias[:9] = torch.diag(torch.tensor(scale)).flatten()
    network.get_params.bias[9:] = torch.tensor(offset)


_PATCH = 4


class _PatchTransformer(nn.Module):
    def __init__(self, width: int, layers: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.patch_to_embedding = nn.Sequential(nn.Identity(), nn.Linear(4 * _PATCH**2, width))
        made = [nn.TransformerEncoderLayer(width, heads, hidden, 0.1, "gelu", batch_first=True) for _ in range(layers)]
        self.transformer_enc = nn.ModuleDict({"layers": nn.Sequential(*made)})
        self.dec = nn.Sequential(nn.ConvTranspose2d(width, PARAMETERS, _PATCH, _PATCH), nn.Tanh())

    def forward(self, image: Tensor) -> Tensor:
        """Return maps `[B, C, h, w]`, not bounded, for inputs `[B, 4, h, w]`."""
        batch, channels, height, width = image.shape
        rows, columns = height // _PATCH, width // _PATCH
        cut = image.view(batch, channels, rows, _PATCH, columns, _PATCH)
        x = self.patch_to_embedding(cut.permute(0, 2, 4, 3, 5, 1).reshape(batch, rows * columns, -1))
        x = self.transformer_enc["layers"](x)
        made: Tensor = self.dec(x.transpose(1, 2).reshape(batch, -1, rows, columns))
        return made
