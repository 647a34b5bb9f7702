"""LUT interpolation in plain torch: differentiable, on any device, for installations without the native kernels."""

from __future__ import annotations

import torch
from torch import Tensor

from sshbench.lut.table import Domain


def apply(
    images: Tensor,
    table: Tensor | None,
    shaper: Tensor | None,
    index: Tensor | None,
    strength: Tensor | None,
    *,
    domain: Domain,
    shaper_domain: Domain,
    interpolation: str,
) -> Tensor:
    """Apply LUTs to floating-point images.

    Parameters
    ----------
    images
        `[N, 3, H, W]`; values outside the domain are clamped to it, NaN stays NaN.
    table, shaper
        `[K, B, G, R, 3]` and `[K, S, 3]`; either may be None.
    index
        `[N]` integers in 0..K-1; None takes LUT 0.
    strength
        `[N]`, 0 keeps the image and 1 replaces it; None is 1.
    """
    chosen = torch.zeros(len(images), dtype=torch.long, device=images.device) if index is None else index.long()
    # The coordinate needs more than float32, so that the fraction within a cell is exact to 1e-7.
    values = images.double()
    if shaper is not None:
        values = _shape(values, shaper, chosen, shaper_domain)
    if table is not None:
        values = _interpolate(values, table, chosen, domain, interpolation)
    if strength is not None:
        values = torch.lerp(images.double(), values, strength.double().view(-1, 1, 1, 1))
    return values.to(images.dtype)


def _locate(values: Tensor, lower: float, upper: float, size: int) -> tuple[Tensor, Tensor]:
    place = (values.clamp(lower, upper) - lower) * ((size - 1) / (upper - lower))
    cell = place.detach().nan_to_num(0.0).floor().clamp(0, size - 2)
    return cell.long(), place - cell


def _shape(values: Tensor, shaper: Tensor, chosen: Tensor, domain: Domain) -> Tensor:
    channels = []
    size = shaper.shape[1]
    start = chosen.view(-1, 1, 1) * size
    for c in range(3):
        cell, fraction = _locate(values[:, c], domain.lower[c], domain.upper[c], size)
        curve = shaper[..., c].reshape(-1).double()
        channels.append(torch.lerp(curve[start + cell], curve[start + cell + 1], fraction))
    return torch.stack(channels, dim=1)


def _interpolate(values: Tensor, table: Tensor, chosen: Tensor, domain: Domain, interpolation: str) -> Tensor:
    size = table.shape[1]
    points = table.reshape(-1, 3).double()
    places = [_locate(values[:, c], domain.lower[c], domain.upper[c], size) for c in range(3)]
    (red, fr), (green, fg), (blue, fb) = places
    corner = ((chosen.view(-1, 1, 1) * size + blue) * size + green) * size + red
    steps = (1, size, size * size)
    if interpolation == "tetrahedral":
        # The path from the lowest corner to the highest follows the axes in the order of their fractions.
        fractions, order = torch.stack([fr, fg, fb], dim=-1).sort(dim=-1, descending=True, stable=True)
        step = torch.tensor(steps, device=values.device)[order]
        weights = [1 - fractions[..., 0], *(-fractions.diff(dim=-1)).unbind(-1), fractions[..., 2]]
        total = weights[0].unsqueeze(-1) * points[corner]
        for k in range(3):
            corner = corner + step[..., k]
            total = total + weights[k + 1].unsqueeze(-1) * points[corner]
    else:
        total = torch.zeros((), dtype=torch.float64, device=values.device)
        for b, wb in ((0, 1 - fb), (steps[2], fb)):
            for g, wg in ((0, 1 - fg), (steps[1], fg)):
                for r, wr in ((0, 1 - fr), (steps[0], fr)):
                    total = total + (wb * wg * wr).unsqueeze(-1) * points[corner + b + g + r]
    return total.movedim(-1, 1)
