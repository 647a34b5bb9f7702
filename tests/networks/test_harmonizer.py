"""Harmonizer equals the authors' network and filters, one by one and in a chain."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from sshbench.networks.harmonizer import Harmonizer
from sshbench.networks.harmonizer_filters import FILTERS, RANGES, contrast_factor, disturbed, restored
from tests.golden.golden_helper import mask_hard, mask_soft, style_u8
from tests.golden.rule import assert_golden, assert_keys, fill, given, harmonizer_gain, picture, plane, stored, unit


def test_keys_stand_in_the_order_of_the_checkpoint() -> None:
    with torch.device("meta"):
        assert_keys(Harmonizer(), "harmonizer", 4_726_882)


@pytest.mark.parametrize(
    ("vector", "image"),
    [("harmonizer_256", picture(0)), ("harmonizer_203x309", style_u8(2, 203, 309))],
)
def test_the_output_equals_the_authors(vector: str, image: np.ndarray) -> None:
    network = fill(Harmonizer(), harmonizer_gain)
    full = given(unit(image), mask_hard(*image.shape[:2]))
    with torch.no_grad():
        small = F.interpolate(full, size=(256, 256), mode="bilinear", align_corners=False)
        features, arguments = network.backbone(small), network(small)
        stages = restored(full[:, :3], full[:, 3:], arguments)
    assert_golden(vector, 2e-5, arguments=arguments)
    means = {f"enc{i}_mean": one.mean((2, 3)) for i, one in enumerate(features, 1)}
    assert_golden(vector, 2e-4, enc5_slice=features[-1][:, ::16], net_mask=small[:, 3:], **means)
    assert_golden(vector, 1e-4, **{f"stage_{name}": one for name, one in zip(FILTERS, stages, strict=True)})


@pytest.mark.parametrize("name", FILTERS)
def test_each_filter_equals_the_authors(name: str) -> None:
    known = stored("harmonizer_filters")
    image = torch.from_numpy(known["image"])
    for i, x in enumerate(known["arguments"]):
        found = FILTERS[name](image, torch.tensor([x], dtype=torch.float32))[0].numpy()
        far = name == "brightness" and x == 1  # all values times a million
        np.testing.assert_allclose(found, known[f"{name}.{i}"], atol=1e-2 if far else 5e-6, rtol=0)


def test_chains_equal_the_authors() -> None:
    known = stored("harmonizer_filters")
    image, mask = torch.from_numpy(known["image"]), plane(mask_soft(16, 24))
    raw = torch.from_numpy(known["chain.raw_arguments"]).float().reshape(1, 6)
    for i, stage in enumerate(restored(image, mask, raw)):
        np.testing.assert_allclose(stage[0].numpy(), known[f"restore.{i}"], atol=5e-6, rtol=0)
    assert pytest.approx(known["chain.ranges"]) == RANGES
    made = disturbed(image, mask, raw.clamp(-1, 1) * torch.tensor(RANGES))
    for i, stage in enumerate(reversed(made)):
        np.testing.assert_allclose(stage[0].numpy(), known[f"adjust.{i}"], atol=5e-6, rtol=0)


def test_arguments_beyond_one_are_clamped_when_they_are_applied() -> None:
    image, mask = unit(picture(0, 8, 8)), torch.ones(1, 1, 8, 8)
    far, near = (restored(image, mask, torch.full((1, 6), x))[-1] for x in (7.0, 1.0))
    assert torch.equal(far, near)


def test_contrast_passes_its_argument_s_gradient_on() -> None:
    x = torch.tensor([-0.5, 0.5], requires_grad=True)
    contrast_factor(x).sum().backward()
    assert x.grad is not None
    assert x.grad[0] == 1
    assert x.grad[1] > 1


def test_a_narrow_one_takes_small_images_and_learns() -> None:
    network = Harmonizer(width=0.25)
    image, mask = unit(picture(0, 64, 64)).repeat(2, 1, 1, 1), plane(mask_soft(64, 64)).repeat(2, 1, 1, 1)
    restored(image, mask, network(torch.cat([image, mask], 1)))[-1].square().mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())
