"""SSH-LUT: from a foreground and its new background to one 3D LUT for the foreground.

The network sees three views of 64 x 64 pixels: the foreground, the background, and the foreground in its place.
Strided convolutions make 4 x 4 tokens of each view, attention lets the views look at each other, and the result, with
the statistics of the colours, weighs maps that are known in closed form and maps that are learned. The first map is a
gain of each channel in linear light; the others are added to it. The sum is a LUT, which works at any size and cannot
harm texture.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from sshbench.networks.closed_form import (
    Statistics,
    closed_form_maps,
    decoded,
    encoded,
    extremes,
    light_ratio,
    of_own_channels,
    on_grid,
    statistics,
)
from sshbench.networks.closed_form_numpy import EXTREMES
from sshbench.networks.efficientnet_lite import EfficientNetLite
from sshbench.networks.limits import check_size
from sshbench.networks.ssh_lut_numpy import CLOSED_FORMS, FAINT, GAINS, HEADS, KNOWN, SIDE, STOPS, TOKENS, VIEWS

_AT_ONCE = 8  # number of images whose features fit into the processor's cache


class SshLutOutput(NamedTuple):
    """The LUTs and their parts.

    Attributes
    ----------
    table
        `[B, N, N, N, 3]` in the order of `.cube` (blue, green, red), over 0..1 and not clipped.
    gain
        `[B, 3]`: the part of the LUT that is a gain of R, G and B in linear light, in stops.
    content_style, reference_style
        `[B, channels]`: the means of the convolutions' features under the masks of foreground and background, which the
        disentanglement loss compares.
    """

    table: Tensor
    gain: Tensor
    content_style: Tensor
    reference_style: Tensor


class SshLut(nn.Module):
    """The network.

    Parameters
    ----------
    width, channels
        The channels of the first convolution, which double twice, and of the tokens.
    attention
        The number of attention layers among the tokens of all views; 0 for none.
    mixtures
        The number of learned maps.
    size
        The number of points on each axis of the LUT.
    mixture_size
        The number of points on each axis of a learned map, which is interpolated to `size`.
    hidden
        The width of the layers that weight the maps.
    quantiles
        The number of quantiles of each channel in the input; one of the closed-form maps matches them.
    dropout
        The share of the tokens and of the hidden features that training drops.
    things
        The width of the layer through which the tokens of foreground and background get the features of
        EfficientNet-Lite0, which sees both at 96 x 96; 0 for a network without these features. They require
        `attention` above 0.
    things_dropout
        The share of these features that training drops.
    extremes
        1 for a network that knows which share of foreground, background and surroundings is clipped or black
        (`closed_form.extremes`), and 0 for one that does not.
    """

    points: Tensor
    light: Tensor

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
        dropout: float = 0.0,
        things: int = 0,
        things_dropout: float = 0.2,
        extremes: int = 0,
    ) -> None:
        super().__init__()
        for name, value in (("width", width), ("channels", channels), ("mixtures", mixtures), ("hidden", hidden)):
            check_size(name, value)
        for name, value in (("size", size), ("mixture_size", mixture_size), ("quantiles", quantiles)):
            check_size(name, value, 2, 65)
        check_size("attention", attention, 0, 16)
        check_size("things", things, 0)
        check_size("extremes", extremes, 0, 1)
        if things and not attention:
            raise ValueError("things need attention")
        self.size, self.mixture_size, self.quantiles = size, mixture_size, quantiles
        widths = (5, width, 2 * width, 4 * width, channels)
        self.encoder = nn.Sequential(*(_Convolution(one, other) for one, other in pairwise(widths)))
        self.encoder.to(memory_format=torch.channels_last)  # convolves faster
        numbers = 3 * (9 + 4 * quantiles) + 12 + 6
        self.numbers = nn.Linear(numbers, channels) if attention else None
        self.places = nn.Parameter(0.1 * torch.randn(VIEWS, TOKENS**2, channels)) if attention else None
        self.layers = nn.ModuleList(_Attention(channels, heads=HEADS) for _ in range(attention))
        self.dropout = nn.Dropout(dropout)
        self.weigh = nn.Sequential(
            nn.Linear(VIEWS * channels + numbers, hidden), nn.GELU(), nn.Linear(hidden, hidden), nn.GELU()
        )
        self.extremes = nn.Linear(VIEWS * EXTREMES, hidden) if extremes else None
        if self.extremes is not None:  # the training of a network without them can continue with them
            nn.init.zeros_(self.extremes.weight)
            nn.init.zeros_(self.extremes.bias)
        self.gains = nn.Linear(hidden, GAINS + 3)
        self.closed = nn.Linear(hidden, CLOSED_FORMS)
        for layer, start in ((self.gains, 0.0), (self.closed, 0.0)):
            nn.init.zeros_(layer.weight)
            nn.init.constant_(layer.bias, start)
        with torch.no_grad():
            self.gains.bias[:2] = 0.25  # both estimates of the background's light together go half of the way
        self.things = _Things(things, channels, things_dropout) if things else None
        self.mixed = nn.Linear(hidden, mixtures)
        self.maps = nn.Parameter(0.01 * torch.randn(mixtures, 3, mixture_size, mixture_size, mixture_size))
        self.register_buffer("points", torch.linspace(0, 1, size), persistent=False)
        self.register_buffer("light", decoded(torch.linspace(0, 1, size)), persistent=False)

    def forward(
        self,
        content: Tensor,
        reference: Tensor,
        content_mask: Tensor | None = None,
        reference_mask: Tensor | None = None,
        placed: Tensor | None = None,
        placed_mask: Tensor | None = None,
        near_mask: Tensor | None = None,
    ) -> SshLutOutput:
        """Return the LUTs that give each content the appearance of its reference.

        Parameters
        ----------
        content, reference
            Foreground and background, `[B, 3, 128, 128]`, 0..1, sRGB-encoded, or `[B, 3, 64, 64]` for a network without
            `things`. All other images and masks have the same size. All parts of the network except `things` see images
            of 128 x 128 at half the size.
        content_mask, reference_mask
            `[B, 1, 128, 128]`, 0..1: the weight of each pixel; None if all pixels count.
        placed
            The foreground in its place with its surroundings, in the form of `content`; None if it has no place.
        placed_mask, near_mask
            `[B, 1, 128, 128]`, 0..1: the pixels of `placed` that are foreground, and those that are known background.
            If `near_mask` is 0 everywhere, the foreground has no place, and the reference stands for its surroundings.

        Returns
        -------
        SshLutOutput
            One LUT for each content.
        """
        count = len(content)
        full = torch.ones_like(content[:, :1])
        content_mask = full if content_mask is None else content_mask
        reference_mask = full if reference_mask is None else reference_mask
        if placed is None or placed_mask is None or near_mask is None:
            placed, placed_mask, near_mask = torch.zeros_like(content), torch.zeros_like(full), torch.zeros_like(full)
        things = None if self.things is None else self.things(content, reference, content_mask, reference_mask)
        ends: Tensor | float = 0.0
        if self.extremes is not None:
            ends = self.extremes(_extremes(content, reference, placed, content_mask, reference_mask, near_mask))
        if content.shape[-1] == 2 * SIDE:
            content, reference, placed, content_mask, placed_mask = (
                functional.avg_pool2d(one, 2) for one in (content, reference, placed, content_mask, placed_mask)
            )
            # A pixel of half the size counts as background only if its four pixels do.
            reference_mask, near_mask = (-functional.max_pool2d(-one, 2) for one in (reference_mask, near_mask))
        with torch.no_grad(), torch.autocast(content.device.type, enabled=False):
            is_placed = (near_mask.float().mean((1, 2, 3), keepdim=True) > 0.01).float()
            near = (placed * is_placed + reference * (1 - is_placed)).float()
            near_seen = near_mask * is_placed + reference_mask * (1 - is_placed)
            of_content, of_reference, of_near = (
                statistics(image.float(), _counting(mask.float()), self.quantiles)
                for image, mask in ((content, content_mask), (reference, reference_mask), (near, near_seen))
            )
            known, matrix = closed_form_maps(self.points, of_content, of_reference)
            known = torch.cat([known, closed_form_maps(self.points, of_content, of_near)[0][:, :2]], 1)
            ratios, relation = _ratios(of_content, of_reference, of_near)
            turn = (matrix - torch.eye(3, device=matrix.device)).flatten(1)
            relation = torch.cat([turn, of_reference.mean - of_content.mean, relation], 1).clamp(-3, 3)
            numbers = torch.cat([*(s.flat() for s in (of_content, of_reference, of_near)), relation], 1)
        images = torch.cat([content, reference, placed])
        foreground = torch.cat([content_mask, torch.zeros_like(reference_mask), placed_mask * is_placed])
        seen = torch.cat([content_mask, reference_mask, torch.maximum(near_mask, placed_mask) * is_placed])
        shown = torch.cat([(images * 2 - 1) * seen, foreground * 2 - 1, seen * 2 - 1], 1)
        features = self.encoder(shown.contiguous(memory_format=torch.channels_last))
        tokens = features.flatten(2).transpose(1, 2)  # [3 B, 16, channels]
        shares = functional.adaptive_avg_pool2d(seen, TOKENS).flatten(1)
        style = _pooled(tokens, shares)
        views = list(style.chunk(VIEWS))
        if self.numbers is not None and self.places is not None:
            both = [one + place for one, place in zip(tokens.chunk(VIEWS), self.places, strict=True)]
            if things is not None:
                both = [both[0] + things[0], both[1] + things[1], both[2]]
            sequence = torch.cat([self.numbers(numbers)[:, None], *both], 1)
            open_to = torch.cat([shares.new_ones(count, 1), *shares.chunk(VIEWS)], 1)
            bias = (open_to + FAINT).log()[:, None, None]
            for layer in self.layers:
                sequence = layer(self.dropout(sequence), bias)
            parts = zip(sequence[:, 1:].chunk(VIEWS, 1), shares.chunk(VIEWS), strict=True)
            views = [_pooled(one, share) for one, share in parts]
            views[1] = views[1] + sequence[:, 0]
        hidden = self.weigh[0](torch.cat([*views, numbers], 1)) + ends
        hidden = self.dropout(self.weigh[1:](hidden))
        weights = self.gains(hidden).float()
        gain = (torch.einsum("bk,bkc->bc", weights[:, :GAINS], ratios) + weights[:, GAINS:]).clamp(-STOPS, STOPS)
        curves = encoded(torch.exp2(gain)[:, None] * self.light[:, None])
        moved = torch.einsum("bk,bk...->b...", self.closed(hidden).float(), known) + of_own_channels(curves)
        learned = (self.mixed(hidden) @ self.maps.flatten(1)).float().view(count, *self.maps.shape[1:])
        if self.mixture_size != self.size:
            learned = functional.interpolate(learned, size=(self.size,) * 3, mode="trilinear", align_corners=True)
        table = on_grid(moved) + learned.permute(0, 2, 3, 4, 1)
        return SshLutOutput(table, gain, style[:count], style[count : 2 * count])


def _extremes(*views: Tensor) -> Tensor:
    """Return `[B, 21]`: the extremes of foreground, background and surroundings, from three images and their masks."""
    with torch.no_grad(), torch.autocast(views[0].device.type, enabled=False):
        pairs = zip(views[:VIEWS], views[VIEWS:], strict=True)
        return torch.cat([extremes(image.float(), mask.float()) for image, mask in pairs], 1)


def _ratios(content: Statistics, reference: Statistics, near: Statistics) -> tuple[Tensor, Tensor]:
    """Return the stops from the light of the content to that of the reference and of the surroundings.

    Returns
    -------
    Two tensors: `[B, 4, 3]` for each channel and for luminance alone, and `[B, 6]`, the stops of the channels as input
    of the network.
    """
    to_reference, to_near = light_ratio(content, reference), light_ratio(content, near)
    of_channels = torch.stack([to_reference[:, :3], to_near[:, :3]], 1)
    of_luminance = torch.stack([to_reference[:, 3:], to_near[:, 3:]], 1).expand_as(of_channels)
    return torch.cat([of_channels, of_luminance], 1), of_channels.flatten(1) / 2


class _Convolution(nn.Module):
    """A convolution that halves the size."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(channels, out, 3, stride=2, padding=1)
        self.norm = nn.GroupNorm(max(1, out // 16), out)

    def forward(self, x: Tensor) -> Tensor:
        """Return features `[B, out, H / 2, W / 2]`, not bounded, for `[B, C, H, W]`."""
        return functional.gelu(self.norm(self.convolution(x)))


class _Things(nn.Module):
    """Additions to the tokens of foreground and background, from the features of a network trained on ImageNet.

    The additions start at 0, so that the training of a network without them can continue with them. Pixels outside the
    masks are replaced by grey.
    """

    def __init__(self, width: int, channels: int, dropout: float) -> None:
        super().__init__()
        self.seen = EfficientNetLite().requires_grad_(False)
        self.norm = nn.LayerNorm(KNOWN)
        self.dropout = nn.Dropout(dropout)
        self.understand = nn.Sequential(nn.Linear(KNOWN, width), nn.GELU(), nn.Linear(width, channels))
        last = self.understand[2]
        assert isinstance(last, nn.Linear)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)

    def forward(self, content: Tensor, reference: Tensor, content_mask: Tensor, reference_mask: Tensor) -> list[Tensor]:
        """Return the additions `[B, 16, channels]` to the tokens of the content and of the reference.

        The images are `[B, 3, 128, 128]`, and the masks `[B, 1, 128, 128]`, all over 0..1.
        """
        masks = torch.cat([content_mask, reference_mask])
        shown = _three_quarters(torch.cat([content, reference]) * masks + 0.5 * (1 - masks))
        # The features are not trained, so the training tolerates the faster, lower precision.
        fast = self.training and shown.device.type == "cpu"
        with torch.no_grad(), torch.autocast(shown.device.type, torch.bfloat16, enabled=fast):
            tokens = torch.cat([self._known(some) for some in torch.split(shown, _AT_ONCE)])
        return list(self.understand(self.dropout(self.norm(tokens))).chunk(2))

    def _known(self, images: Tensor) -> Tensor:
        """Return the features of images as tokens `[B, 16, channels]`."""
        features = (functional.adaptive_avg_pool2d(one.float(), TOKENS) for one in self.seen(images))
        return torch.cat(list(features), 1).flatten(2).transpose(1, 2)


class _Attention(nn.Module):
    """A layer of a transformer: attention and then two linear layers, both with a norm before and a residual."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.first_norm, self.second_norm = nn.LayerNorm(channels), nn.LayerNorm(channels)
        self.questions = nn.Linear(channels, 3 * channels)
        self.answer = nn.Linear(channels, channels)
        self.think = nn.Sequential(nn.Linear(channels, 3 * channels), nn.GELU(), nn.Linear(3 * channels, channels))

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """Return tokens `[B, T, channels]`, not bounded; `bias` is added to the attention's scores."""
        count, tokens, channels = x.shape
        parts = self.questions(self.first_norm(x)).view(count, tokens, 3, self.heads, channels // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        found = functional.scaled_dot_product_attention(query, key, value, attn_mask=bias.to(query.dtype))
        x = x + self.answer(found.transpose(1, 2).reshape(count, tokens, channels))
        out: Tensor = x + self.think(self.second_norm(x))
        return out


def _counting(masks: Tensor) -> Tensor:
    """Return the weights of pixels `[B, 1, H, W]`: the masks, or equal weights if a mask is empty."""
    return masks + (masks.sum((1, 2, 3), keepdim=True) < 0.5)


def _three_quarters(images: Tensor) -> Tensor:
    """Return images `[B, C, H, W]`, whose sides are multiples of 4, at three quarters of the size.

    Each pixel is the mean of two neighbours along each axis; of four pixels, the three pairs of neighbours remain.
    """
    for axis in (2, 3):
        four = images.reshape(*images.shape[:axis], -1, 4, *images.shape[axis + 1 :])
        first, last = four.narrow(axis + 1, 0, 3), four.narrow(axis + 1, 1, 3)
        images = ((first + last) / 2).flatten(axis, axis + 1)
    return images


def _pooled(tokens: Tensor, shares: Tensor) -> Tensor:
    """Return the mean `[B, channels]` of tokens `[B, T, channels]` by their shares `[B, T]` of a mask."""
    shares = shares + FAINT
    return (tokens * shares[..., None]).sum(1) / shares.sum(1, keepdim=True)
