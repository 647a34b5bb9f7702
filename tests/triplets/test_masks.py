"""Generated masks cover what they are asked to, softly, and the same everywhere."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from scipy import ndimage, stats

from sshbench.triplets.masks import generate_mask, mask_part

SEEDS = [i * 2**52 + 17 for i in range(400)]


def test_the_part_covered_is_uniform_within_the_bounds() -> None:
    parts = np.array([mask_part(generate_mask(seed, 96, (0.05, 0.5))) for seed in SEEDS])
    assert parts.min() >= 0.04
    assert parts.max() <= 0.51
    assert stats.kstest(parts, stats.uniform(0.05, 0.45).cdf).pvalue > 1e-3


@pytest.mark.parametrize("area", [(0.02, 0.02), (0.2, 0.2), (0.9, 0.9)])
def test_a_fixed_part_is_met(area: tuple[float, float]) -> None:
    for seed in SEEDS[:30]:
        assert mask_part(generate_mask(seed, 224, area)) == pytest.approx(area[0], abs=0.01)


def test_shapes_are_few_pieces_with_a_soft_edge() -> None:
    for seed in SEEDS[:100]:
        mask = generate_mask(seed, 224, (0.05, 0.5))
        assert mask.dtype == np.uint8
        assert {0, 255} <= set(np.unique(mask))
        assert ndimage.label(mask > 127)[1] <= 4
        edge = (mask > 0) & (mask < 255)
        outline = (mask > 127) & ~ndimage.binary_erosion(mask > 127, border_value=1)
        assert 1.0 <= edge.sum() / outline.sum() <= 5.0


def test_shapes_have_no_favourite_side() -> None:
    mean = np.mean([generate_mask(seed, 64, (0.05, 0.5)) for seed in SEEDS], axis=0) / 255
    for axis in (0, 1):
        assert mean.mean(axis=axis) == pytest.approx(mean.mean(axis=axis)[::-1], abs=0.08)


def test_bytes_are_what_they_were_when_this_was_written() -> None:
    whole = hashlib.sha256(b"".join(generate_mask(seed, 224, (0.05, 0.5)).tobytes() for seed in SEEDS[:50]))
    assert whole.hexdigest() == "2ca0fe1b2c7f67dab5889340c2dd5f3f66a6ef1829de09bba561f1a4bc4fadf7"


def test_the_part_of_a_mask() -> None:
    assert mask_part(np.array([[255, 0], [0, 255]], np.uint8)) == 0.5
