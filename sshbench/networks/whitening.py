"""Whitening and colouring: give features the mean and covariance of other features.

Li, Fang, Yang, Wang, Lu and Yang, "Universal Style Transfer via Feature Transforms", NeurIPS 2017, in the form of WCT2
(`sshbench.networks.wct2`): the identity is added to both covariances, so that they have a root and an inverse, and the
result is clamped to the range of the input features.
"""

from __future__ import annotations

from itertools import accumulate
from typing import NamedTuple

import torch
from torch import Tensor

SMALLEST_AREA = 10  # labels with at most this number of pixels in one of the maps are left unchanged
LARGEST_RATIO = 100  # labels with this many times more pixels in one map than in the other are left unchanged


class LabelMaps(NamedTuple):
    """Labels of pixels: content pixels take the statistics of the style pixels with the same label.

    Attributes
    ----------
    content
        Integers `[N, H, W]`, of the content image's size.
    style
        Integers `[N, h, w]`, of the style image's size.
    """

    content: Tensor
    style: Tensor


class _Region(NamedTuple):
    """A set of pixels of one image that take their statistics from a set of pixels of one style image."""

    image: int
    content: Tensor | slice
    style: Tensor | slice


def transfer_statistics(content: Tensor, style: Tensor, alpha: float = 1.0, labels: LabelMaps | None = None) -> Tensor:
    """Return features with the statistics of other features, as a whole or label by label.

    Parameters
    ----------
    content, style
        `[N, C, H, W]` and `[N, C, h, w]`, float32.
    alpha
        The share of the transferred features in the result; 0 keeps the content unchanged.
    labels
        None transfers over all pixels at once. Otherwise each label with enough pixels in both maps is transferred by
        itself, and all other pixels stay unchanged.

    Returns
    -------
    Tensor
        `[N, C, H, W]`.
    """
    regions = _regions(content, style, labels)
    content_flat, style_flat = content.flatten(2), style.flatten(2)
    pairs = [(content_flat[r.image][:, r.content], style_flat[r.image][:, r.style]) for r in regions]
    if not pairs:
        return content
    moments = [_moments(pixels) for pair in pairs for pixels in pair]
    values, vectors = torch.linalg.eigh(torch.stack([covariance for _, covariance in moments]))
    roots = values.clamp(min=1).sqrt()  # the identity is added, so only rounding gives eigenvalues below 1
    whiten = (vectors[::2] / roots[::2, None]) @ vectors[::2].mT
    maps = (vectors[1::2] * roots[1::2, None]) @ vectors[1::2].mT @ whiten
    result = torch.empty_like(content_flat) if labels is None else content_flat.clone()
    for n, (region, (pixels, _)) in enumerate(zip(regions, pairs, strict=True)):
        (content_mean, _), (style_mean, _) = moments[2 * n], moments[2 * n + 1]
        moved = torch.addmm(style_mean, maps[n], pixels - content_mean).clamp_(*pixels.aminmax())
        result[region.image][:, region.content] = moved if alpha == 1 else torch.lerp(pixels, moved, alpha)
    return result.view_as(content)


def _moments(pixels: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean `[C, 1]`, and the covariance plus the identity `[C, C]`, of `[C, P]`."""
    mean = pixels.mean(1, keepdim=True)
    centred = pixels - mean
    identity = torch.eye(len(pixels), dtype=pixels.dtype, device=pixels.device)
    # The variance of a single pixel is 0; dividing by 0 would give NaN.
    return mean, torch.addmm(identity, centred, centred.T, alpha=1 / max(pixels.shape[1] - 1, 1))


def _regions(content: Tensor, style: Tensor, labels: LabelMaps | None) -> list[_Region]:
    if labels is None:
        return [_Region(image, slice(None), slice(None)) for image in range(len(content))]
    regions = []
    content_maps, style_maps = shrink(labels.content, content), shrink(labels.style, style)
    for image, chosen in enumerate(matched_labels(labels)):
        for label in chosen:
            inside = [torch.nonzero(maps[image].flatten() == label)[:, 0] for maps in (content_maps, style_maps)]
            if all(len(pixels) for pixels in inside):
                regions.append(_Region(image, *inside))
    return regions


def matched_labels(labels: LabelMaps) -> list[list[int]]:
    """Return the labels that have enough pixels in both maps, in ascending order, for each image of the batch."""
    matched = []
    for content, style in zip(labels.content, labels.style, strict=True):
        areas = {int(label): int(area) for label, area in zip(*content.unique(return_counts=True), strict=True)}
        chosen = []
        for label, area in sorted(areas.items()):
            other = int((style == label).sum())
            small, large = sorted((area, other))
            if small > SMALLEST_AREA and large < LARGEST_RATIO * small:
                chosen.append(label)
        matched.append(chosen)
    return matched


def shrink(maps: Tensor, features: Tensor) -> Tensor:
    """Return label maps `[N, H, W]` at the size of features `[N, C, h, w]`, sampled at the centres as PIL's nearest."""
    for axis, size in ((1, features.shape[2]), (2, features.shape[3])):
        step = maps.shape[axis] / size
        middles = [int(place) for place in accumulate([step / 2] + [step] * (size - 1))]  # PIL's sums round like this
        maps = maps.index_select(axis, torch.tensor(middles, device=maps.device))
    return maps
