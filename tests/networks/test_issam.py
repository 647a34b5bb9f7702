"""iSSAM equals the authors' network, blurred mask and blend and all."""

from __future__ import annotations

import pytest
import torch

from sshbench.networks.issam import ISSAM
from tests.golden.golden_helper import mask_soft
from tests.golden.rule import assert_golden, assert_keys, fill, given, imagenet, picture, rolled


def test_keys_stand_in_the_order_of_the_checkpoint() -> None:
    with torch.device("meta"):
        assert_keys(ISSAM(), "issam256", 2_185_340)


@pytest.mark.parametrize("vector", ["issam256_256", "issam256_256_rollmask"])
def test_the_output_equals_the_authors(vector: str) -> None:
    mask = mask_soft(256, 256)
    with torch.no_grad():
        made = fill(ISSAM())(given(imagenet(picture(0)), rolled(mask) if "roll" in vector else mask))
    assert_golden(vector, 1e-4, images=made.image, attention=made.attention, rgb=made.rgb)


def test_the_blur_is_a_gaussian_that_fades_at_the_border() -> None:
    blur = ISSAM(width=8).decoder.up_blocks[-1].attention.mask_blurring
    assert blur.weight.sum().item() == pytest.approx(1)
    assert (blur.weight[0, 0, 3, 3] / blur.weight[0, 0, 3, 4]).item() == pytest.approx(2.718281828**0.5)
    full = blur(torch.ones(1, 1, 9, 9))
    assert full[0, 0, 4, 4].item() == pytest.approx(1)
    assert full[0, 0, 0, 0].item() < 0.6


def test_a_batch_gives_what_its_images_give_alone() -> None:
    network = fill(ISSAM(width=8))
    images = [given(imagenet(picture(seed, 32, 48)), mask_soft(32, 48)) for seed in (0, 1)]
    with torch.no_grad():
        together = network(torch.cat(images)).image
        alone = torch.cat([network(image).image for image in images])
    torch.testing.assert_close(together, alone, atol=1e-4, rtol=0)


def test_a_smaller_one_takes_smaller_images_and_learns() -> None:
    network = ISSAM(width=8, depth=3)
    assert network.multiple == 4
    output = network(given(imagenet(picture(0, 12, 20)), mask_soft(12, 20)).repeat(2, 1, 1, 1)).image
    assert output.shape == (2, 3, 12, 20)
    output.square().mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())
