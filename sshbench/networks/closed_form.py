"""Colour maps between two images in closed form, without learning, from the statistics of their colours."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sshbench.networks.closed_form_numpy import BLACK, DARK, LEVELS, LUMA, NOISE, WHITE


@dataclass(frozen=True, eq=False)
class Statistics:
    """Statistics of the colours of a batch of images under their masks.

    Parameters
    ----------
    mean
        `[B, 3]`, 0..1.
    covariance
        `[B, 3, 3]`.
    quantiles
        `[B, 4, Q]` of R, G, B and luma, 0..1: the quantiles at the shares (q + 1/2) / Q. The first and the last are
        those at 0.002 and 0.998.
    light
        `[B, 4]`: the mean linear light of R, G, B and their luminance, 0..1.
    """

    mean: Tensor
    covariance: Tensor
    quantiles: Tensor
    light: Tensor

    def flat(self) -> Tensor:
        """Return all statistics as `[B, 9 + 4 Q]`, with numbers of about -1..1."""
        upper = torch.triu_indices(3, 3, device=self.mean.device)
        covariance = self.covariance[:, upper[0], upper[1]] * 10
        return torch.cat([self.mean * 2 - 1, covariance, self.quantiles.flatten(1) * 2 - 1], 1)


def statistics(images: Tensor, masks: Tensor, count: int = 17) -> Statistics:
    """Return the statistics of the colours of images.

    Parameters
    ----------
    images
        `[B, 3, H, W]`, 0..1.
    masks
        `[B, 1, H, W]`: the weight of each pixel; the sum of each mask is above 0.
    count
        The number of quantiles of each channel.
    """
    pixels, weights = images.flatten(2), masks.flatten(2)
    total = weights.sum(2, keepdim=True)
    mean = (pixels * weights).sum(2, keepdim=True) / total
    centred = (pixels - mean) * weights.sqrt()
    covariance = centred @ centred.transpose(1, 2) / total
    luma = (pixels * pixels.new_tensor(LUMA)[None, :, None]).sum(1, keepdim=True)
    levels = (torch.cat([pixels, luma], 1) * (LEVELS - 1) + 0.5).long().clamp(0, LEVELS - 1)
    histogram = pixels.new_zeros(len(images), 4, LEVELS).scatter_add_(2, levels, weights.expand(-1, 4, -1))
    reached = histogram.cumsum(2) / total
    shares = (torch.arange(count, device=images.device) + 0.5) / count
    shares[0], shares[-1] = 0.002, 0.998
    shares = shares.to(pixels.dtype).expand(len(images), 4, count).contiguous()
    level = torch.searchsorted(reached, shares).clamp(max=LEVELS - 1)
    after = reached.gather(2, level)
    before = torch.where(level > 0, reached.gather(2, (level - 1).clamp(min=0)), torch.zeros_like(after))
    within = (shares - before) / (after - before).clamp(min=1e-6)
    quantiles = ((level - 0.5 + within) / (LEVELS - 1)).clamp(0, 1)
    light = (decoded(pixels) * weights).sum(2) / total.squeeze(2)
    light = torch.cat([light, light @ light.new_tensor(LUMA)[:, None]], 1)
    return Statistics(mean.squeeze(2), covariance, quantiles, light)


def extremes(images: Tensor, masks: Tensor) -> Tensor:
    """Return `[B, 7]` numbers of images `[B, 3, H, W]`, 0..1, under masks `[B, 1, H, W]`; 0 for an empty mask.

    They are the square roots of the shares of clipped pixels of R, G and B, those of black pixels, and the mean step of
    grey from one pixel to the next. Overexposure clips, and a faded look has no black, which quantiles hardly show. The
    numbers are about 0 to 20: their weights begin at 0 and then need not grow far. Every second row is enough.
    """
    images, masks = images[..., ::2, :], masks[..., ::2, :]
    at_ends = torch.cat([images >= WHITE, images <= BLACK], 1).to(images.dtype)
    shares = (at_ends * masks).sum((2, 3)) / masks.sum((1, 2, 3)).clamp(min=1e-6)[:, None]
    both = masks[..., ::2] * masks[..., 1::2]
    steps = ((images[..., 1::2] - images[..., ::2]).mean(1, keepdim=True).abs() * both).sum((1, 2, 3))
    return torch.cat([40 * shares.sqrt(), 400 * (steps / both.sum((1, 2, 3)).clamp(min=1))[:, None]], 1)


def decoded(values: Tensor) -> Tensor:
    """Return the linear light of sRGB-encoded values over 0..1, of any shape."""
    return torch.where(values <= 0.04045, values / 12.92, ((values.clamp(min=0.04045) + 0.055) / 1.055) ** 2.4)


def encoded(light: Tensor) -> Tensor:
    """Return the sRGB-encoded values of linear light of at least 0; light above 1 gives values above 1."""
    return torch.where(light <= 0.0031308, light * 12.92, 1.055 * light.clamp(min=0.0031308) ** (1 / 2.4) - 0.055)


def light_ratio(source: Statistics, target: Statistics) -> Tensor:
    """Return the stops `[B, 4]` from the light of `source` to that of `target`: R, G, B and luminance.

    Light below 0.001 counts as 0.001, and no ratio exceeds 6 stops, so black stays black.
    """
    return torch.log2(target.light.clamp(min=DARK) / source.light.clamp(min=DARK)).clamp(-6, 6)


def optimal_matrix(source: Tensor, target: Tensor) -> Tensor:
    """Return the symmetric matrix `[B, 3, 3]` from the covariance `source` to `target` that moves colours least.

    Pitie, Kokaram: "The linear Monge-Kantorovitch linear colour mapping for example-based colour transfer", CVMP 2007.
    A small multiple of the identity is added to both covariances `[B, 3, 3]`. Without this term, the map would stretch
    a uniform foreground without limit.
    """
    noise = torch.eye(3, dtype=source.dtype, device=source.device) * NOISE
    variances, axes = torch.linalg.eigh(source + noise)
    roots = variances.sqrt()[:, None]
    root, inverse = (axes * roots) @ axes.mT, (axes / roots) @ axes.mT
    inner, turns = torch.linalg.eigh(root @ (target + noise) @ root)
    found: Tensor = inverse @ ((turns * inner.clamp(min=0).sqrt()[:, None]) @ turns.mT) @ inverse
    return found


def closed_form_maps(points: Tensor, source: Statistics, target: Statistics) -> tuple[Tensor, Tensor]:
    """Return four maps from the colours of `source` to those of `target`, as displacements of a cube's grid.

    Each map is a sum of functions of one channel, so the functions suffice; `on_grid` fills the grid.

    Parameters
    ----------
    points
        `[P]`, the values along each axis of the grid.

    Returns
    -------
    `[B, 4, 3, P, 3]`: by map, channel of the input, its value, and channel of the output. The maps go to the mean, to
    mean and deviation of each channel, to mean and covariance (`optimal_matrix`), and to the quantiles of each channel.
    The second result is the matrix `[B, 3, 3]` of the third map.
    """
    means, others = source.mean[:, None], target.mean[:, None]  # [B, 1, 3]
    at = points[:, None]  # [P, 1]
    variances, aims = (s.covariance.diagonal(dim1=1, dim2=2)[:, None] + NOISE for s in (source, target))
    matrix = optimal_matrix(source.covariance, target.covariance)
    own = [
        (others - means).expand(-1, len(points), -1),
        (at - means) * (aims / variances).sqrt() + others - at,
        others - at,
        _matched(points, source.quantiles[:, :3], target.quantiles[:, :3]).transpose(1, 2) - at,
    ]
    maps = of_own_channels(torch.stack(own, 1))
    linear = (at - means).transpose(1, 2)[..., None] * matrix.mT[:, :, None]  # [B, input, P, output]
    maps[:, 2] += linear
    return maps, matrix


def of_own_channels(curves: Tensor) -> Tensor:
    """Return curves `[..., P, 3]`, which map each channel by itself, as `[..., 3, P, 3]`: input, value, output."""
    return torch.eye(3, dtype=curves.dtype, device=curves.device)[:, None] * curves[..., None, :, :]


def on_grid(maps: Tensor) -> Tensor:
    """Return the sums of maps `[..., 3, P, 3]` on a grid: `[..., B, G, R, 3]`, in the order of `.cube`."""
    red, green, blue = maps.unbind(-3)
    return red[..., None, None, :, :] + green[..., None, :, None, :] + blue[..., :, None, None, :]


def _matched(points: Tensor, source: Tensor, target: Tensor) -> Tensor:
    """Return the curves `[B, 3, P]` through the quantiles `[B, 3, Q]`; they map black to black and white to white."""
    count, size = len(source), len(points)
    rising = torch.arange(source.shape[2], device=source.device) * 1e-5  # gives equal quantiles an order
    low = torch.minimum(source[..., :1] - 0.02, source.new_tensor(-0.001))
    high = torch.maximum(source[..., -1:] + 0.02, source.new_tensor(1.001))
    x = torch.cat([low, source + rising, high], 2)
    y = torch.nn.functional.pad(target, (1, 0))
    y = torch.cat([y, torch.ones_like(y[..., :1])], 2)
    at = points.expand(count, 3, size).contiguous()
    right = torch.searchsorted(x, at).clamp(1, x.shape[2] - 1)
    x0, x1, y0, y1 = x.gather(2, right - 1), x.gather(2, right), y.gather(2, right - 1), y.gather(2, right)
    curves: Tensor = y0 + (y1 - y0) * ((at - x0) / (x1 - x0).clamp(min=1e-5))
    return curves
