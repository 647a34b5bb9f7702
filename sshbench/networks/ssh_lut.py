"""SSH-LUT: from a foreground and a background to one 3D LUT for the foreground.

Both are seen at 64 x 64. Strided convolutions make 4 x 4 tokens of each, attention lets foreground and background look
at each other, and what comes out, with the statistics of the colours, weighs maps that are known in closed form and
learned ones. The sum of these is the LUT: a result at any size, without any harm to texture.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from sshbench.networks.closed_form import closed_form_maps, statistics
from sshbench.networks.limits import check_size

SIDE = 64
_TOKENS = SIDE // 16
_CLOSED_FORMS = 4
_FAINT = 1e-4


class SshLutOutput(NamedTuple):
    """The LUTs `[B, N, N, N, 3]` in the order of `.cube` (blue, green, red), over 0..1 and not clipped, and styles.

    `content_style` and `reference_style` `[B, channels]` are the means of the convolutions' features where the masks
    are: the appearance that the disentanglement loss compares.
    """

    table: Tensor
    content_style: Tensor
    reference_style: Tensor


class SshLut(nn.Module):
    """The network.

    Parameters
    ----------
    width, channels
        Channels of the first convolution, which double twice, and of the tokens.
    attention
        Layers of attention among the tokens of both images; 0 for none.
    mixtures
        Learned maps.
    size
        Points an axis of the LUT.
    mixture_size
        Points an axis of a learned map, which is brought to `size`.
    hidden
        Width of the layers that weigh the maps.
    quantiles
        Of each channel, that the network is given and that one of the closed-form maps matches.
    """

    grid: Tensor

    def __init__(
        self,
        width: int = 24,
        channels: int = 128,
        attention: int = 2,
        mixtures: int = 64,
        size: int = 17,
        mixture_size: int = 9,
        hidden: int = 256,
        quantiles: int = 17,
    ) -> None:
        super().__init__()
        for name, value in (("width", width), ("channels", channels), ("mixtures", mixtures), ("hidden", hidden)):
            check_size(name, value)
        for name, value in (("size", size), ("mixture_size", mixture_size), ("quantiles", quantiles)):
            check_size(name, value, 2, 65)
        check_size("attention", attention, 0, 16)
        self.size, self.mixture_size, self.quantiles = size, mixture_size, quantiles
        widths = (4, width, 2 * width, 4 * width, channels)
        self.encoder = nn.Sequential(*(_Convolution(one, other) for one, other in pairwise(widths)))
        numbers = 2 * (9 + 4 * quantiles) + 12
        self.numbers = nn.Linear(numbers, channels) if attention else None
        self.places = nn.Parameter(0.1 * torch.randn(2, _TOKENS**2, channels)) if attention else None
        self.layers = nn.ModuleList(_Attention(channels, heads=4) for _ in range(attention))
        self.weigh = nn.Sequential(
            nn.Linear(2 * channels + numbers, hidden), nn.GELU(), nn.Linear(hidden, hidden), nn.GELU()
        )
        self.closed = nn.Linear(hidden, _CLOSED_FORMS)
        nn.init.zeros_(self.closed.weight)
        nn.init.constant_(self.closed.bias, 1 / (_CLOSED_FORMS + 1))
        self.mixed = nn.Linear(hidden, mixtures)
        self.maps = nn.Parameter(0.01 * torch.randn(mixtures, 3, mixture_size, mixture_size, mixture_size))
        axis = torch.linspace(0, 1, size)
        blue, green, red = torch.meshgrid(axis, axis, axis, indexing="ij")
        self.register_buffer("grid", torch.stack([red, green, blue], -1), persistent=False)

    def forward(
        self,
        content: Tensor,
        reference: Tensor,
        content_mask: Tensor | None = None,
        reference_mask: Tensor | None = None,
    ) -> SshLutOutput:
        """Find the LUTs that give each content the appearance of its reference.

        Parameters
        ----------
        content, reference
            `[B, 3, 64, 64]`, 0..1, sRGB-encoded.
        content_mask, reference_mask
            `[B, 1, 64, 64]`, 0..1: how far a pixel counts; None where all do.
        """
        count = len(content)
        content_mask = torch.ones_like(content[:, :1]) if content_mask is None else content_mask
        reference_mask = torch.ones_like(reference[:, :1]) if reference_mask is None else reference_mask
        images, masks = torch.cat([content, reference]), torch.cat([content_mask, reference_mask])
        with torch.no_grad(), torch.autocast(content.device.type, enabled=False):
            of_content, of_reference = (
                statistics(image.float(), mask.float() + _FAINT, self.quantiles)
                for image, mask in ((content, content_mask), (reference, reference_mask))
            )
            known, matrix = closed_form_maps(self.grid, of_content, of_reference)
            turn = (matrix - torch.eye(3, device=matrix.device)).flatten(1)
            relation = torch.cat([turn, of_reference.mean - of_content.mean], 1).clamp(-3, 3)
            numbers = torch.cat([of_content.flat(), of_reference.flat(), relation], 1)
        features = self.encoder(torch.cat([(images * 2 - 1) * masks, masks * 2 - 1], 1))
        tokens = features.flatten(2).transpose(1, 2)  # [2 B, 16, channels]
        shares = functional.adaptive_avg_pool2d(masks, _TOKENS).flatten(1)
        style = _pooled(tokens, shares)
        seen = [style[:count], style[count:]]
        if self.numbers is not None and self.places is not None:
            both = [tokens[:count] + self.places[0], tokens[count:] + self.places[1]]
            sequence = torch.cat([self.numbers(numbers)[:, None], *both], 1)
            open_to = torch.cat([shares.new_ones(count, 1), shares[:count], shares[count:]], 1)
            bias = (open_to + _FAINT).log()[:, None, None]
            for layer in self.layers:
                sequence = layer(sequence, bias)
            left, right = sequence[:, 1:].chunk(2, 1)
            seen = [_pooled(left, shares[:count]), _pooled(right, shares[count:]) + sequence[:, 0]]
        hidden = self.weigh(torch.cat([*seen, numbers], 1))
        moved = torch.einsum("bk,bk...->b...", self.closed(hidden), known)
        learned = (self.mixed(hidden) @ self.maps.flatten(1)).view(count, *self.maps.shape[1:])
        if self.mixture_size != self.size:
            learned = functional.interpolate(learned, size=(self.size,) * 3, mode="trilinear", align_corners=True)
        table = self.grid + moved + learned.permute(0, 2, 3, 4, 1)
        return SshLutOutput(table, style[:count], style[count:])


class _Convolution(nn.Module):
    """To half the size."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(channels, out, 3, stride=2, padding=1)
        self.norm = nn.GroupNorm(max(1, out // 16), out)

    def forward(self, x: Tensor) -> Tensor:
        return functional.gelu(self.norm(self.convolution(x)))


class _Attention(nn.Module):
    """A layer of a transformer: attention, then two linear layers, each after a norm and beside the identity."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.first_norm, self.second_norm = nn.LayerNorm(channels), nn.LayerNorm(channels)
        self.questions = nn.Linear(channels, 3 * channels)
        self.answer = nn.Linear(channels, channels)
        self.think = nn.Sequential(nn.Linear(channels, 3 * channels), nn.GELU(), nn.Linear(3 * channels, channels))

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        count, tokens, channels = x.shape
        parts = self.questions(self.first_norm(x)).view(count, tokens, 3, self.heads, channels // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        found = functional.scaled_dot_product_attention(query, key, value, attn_mask=bias.to(query.dtype))
        x = x + self.answer(found.transpose(1, 2).reshape(count, tokens, channels))
        out: Tensor = x + self.think(self.second_norm(x))
        return out


def _pooled(tokens: Tensor, shares: Tensor) -> Tensor:
    """The mean `[B, channels]` of tokens `[B, T, channels]` by their shares `[B, T]` of a mask."""
    shares = shares + _FAINT
    return (tokens * shares[..., None]).sum(1) / shares.sum(1, keepdim=True)
