"""Whitening and colouring: moments by numpy, labels by the rules of the published algorithm."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from sshbench.networks.whitening import LabelMaps, matched_labels, shrink, transfer_statistics


def features(seed, channels, height, width, scale=1.0):
    generator = torch.Generator().manual_seed(seed)
    mix = torch.randn(channels, channels, generator=generator) * scale
    return (mix @ torch.randn(channels, height * width, generator=generator)).view(1, channels, height, width)


def by_svd(content, style, alpha=1.0):
    """The published algorithm in float64: both covariances plus the identity, roots by SVD, clamped."""
    c, s = content.astype(np.float64), style.astype(np.float64)
    mean_c, mean_s = c.mean(1, keepdims=True), s.mean(1, keepdims=True)
    identity = np.eye(len(c))
    uc, ec, _ = np.linalg.svd((c - mean_c) @ (c - mean_c).T / (c.shape[1] - 1) + identity)
    us, es, _ = np.linalg.svd((s - mean_s) @ (s - mean_s).T / (s.shape[1] - 1) + identity)
    whitened = uc @ np.diag(ec**-0.5) @ uc.T @ (c - mean_c)
    coloured = us @ np.diag(es**0.5) @ us.T @ whitened + mean_s
    return alpha * np.clip(coloured, c.min(), c.max()) + (1 - alpha) * c


@pytest.mark.parametrize("alpha", [1.0, 0.3])
def test_equals_the_published_algorithm(alpha):
    content, style = features(0, 12, 9, 11), features(1, 12, 7, 6, 0.4) + 1
    moved = transfer_statistics(content, style, alpha)
    expected = by_svd(content.flatten(2)[0].numpy(), style.flatten(2)[0].numpy(), alpha)
    np.testing.assert_allclose(moved.flatten(2)[0], expected, atol=2e-5)


@pytest.mark.parametrize("offset", [0.0, 1e3])
def test_float32_stays_near_float64_where_covariances_span_many_decades(offset):
    spread = torch.logspace(-3, 2, 64).view(1, 64, 1, 1)
    content, style = (features(seed, 64, 24, 24) * spread + offset for seed in (0, 1))
    moved = transfer_statistics(content, style)
    expected = transfer_statistics(content.double(), style.double())
    assert (moved - expected).abs().max() < 1e-4 * (expected - offset).abs().max() + 1e-6 * offset


def test_fewer_pixels_than_channels_give_finite_features():
    for size in ((1, 1), (1, 2), (3, 3)):
        moved = transfer_statistics(features(0, 64, *size), features(1, 64, 5, 5))
        assert moved.isfinite().all()


def test_each_label_takes_the_statistics_of_its_own_pixels_and_others_stay():
    content, style = features(0, 6, 12, 10), features(1, 6, 8, 16)
    maps = LabelMaps(torch.arange(120).view(1, 12, 10) // 40, torch.arange(128).view(1, 8, 16) // 64)
    moved = transfer_statistics(content, style, labels=maps).flatten(2)[0].numpy()
    flat_content, flat_style = content.flatten(2)[0].numpy(), style.flatten(2)[0].numpy()
    for label in (0, 1):
        c, s = slice(40 * label, 40 * label + 40), slice(64 * label, 64 * label + 64)
        np.testing.assert_allclose(moved[:, c], by_svd(flat_content[:, c], flat_style[:, s]), atol=2e-5)
    np.testing.assert_array_equal(moved[:, 80:], flat_content[:, 80:])  # the style has no label 2


def labels(*areas):
    return torch.cat([torch.full((area,), label) for label, area in enumerate(areas)]).view(1, 1, -1)


@pytest.mark.parametrize(
    ("content", "style", "matched"),
    [
        ((11, 11), (11, 11), [0, 1]),
        ((10, 11), (11, 11), [1]),
        ((11, 11), (11, 10), [0]),
        ((1100, 1099), (11, 11), [1]),
        ((11, 11), (1099, 1100), [0]),
        ((0, 20), (20, 20), [1]),
        ((20, 20), (20, 0), [0]),
    ],
)
def test_labels_need_more_than_ten_pixels_and_a_ratio_under_a_hundred(content, style, matched):
    assert matched_labels(LabelMaps(labels(*content), labels(*style))) == [matched]


def test_a_label_that_shrinks_to_nothing_is_left_alone():
    content, style = features(0, 4, 4, 4), features(1, 4, 4, 4)
    maps = torch.zeros(2, 64, 64, dtype=torch.long)
    maps[:, :4, :4] = 1  # 16 pixels, none at a sampled centre
    moved = transfer_statistics(content, style, labels=LabelMaps(maps[:1], maps[1:]))
    torch.testing.assert_close(moved, transfer_statistics(content, style))


@pytest.mark.parametrize("size", [(7, 5), (16, 12), (31, 64), (64, 64)])
def test_maps_shrink_as_pil_nearest(size):
    labels = np.random.default_rng(0).integers(0, 9, (64, 64), dtype=np.uint8)
    expected = np.asarray(Image.fromarray(labels).resize(size[::-1], Image.Resampling.NEAREST))
    np.testing.assert_array_equal(shrink(torch.from_numpy(labels)[None], torch.empty(1, 1, *size))[0], expected)
