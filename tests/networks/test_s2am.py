"""S2AM equals the authors' two variants, odd mask pooling and odd blur and all."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from sshbench.networks.s2am import S2AM, shrunk, start_at_identity
from tests.golden.golden_helper import compare, fill_value, image_u8, mask_soft, nchw

GOLDEN = Path(__file__).parent.parent / "golden"
KERNEL = np.load(GOLDEN / "vectors" / "s2am_gaussian_kernel_5x5.npy")
VARIANTS = {"rascv2": 67_003_051, "rascv1": 57_564_055}


def keys_of(variant):
    return json.loads((GOLDEN / "keys" / f"s2am_{variant}.keys.json").read_text())


def filled(variant):
    values = {
        k: KERNEL.reshape(shape) if k.endswith("gaussianMask.weight") else np.array(fill_value(k, shape))
        for k, shape, _ in keys_of(variant)
    }
    network = S2AM(variant)
    network.load_state_dict({key: torch.from_numpy(value) for key, value in values.items()})
    return network.eval()


@pytest.fixture(scope="module")
def rascv2():
    return filled("rascv2")


def batch_of(*seeds, height=256, width=256):
    mask = torch.from_numpy(mask_soft(height, width))[None, None]
    images = [torch.from_numpy(nchw(image_u8(seed, height, width))) / 255.0 for seed in seeds]
    return torch.cat([torch.cat([image, mask], 1) for image in images])


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_output_equals_the_authors(variant, request):
    network = request.getfixturevalue("rascv2") if variant == "rascv2" else filled(variant)
    given = batch_of(0)
    image, mask = given[:, :3], given[:, 3:]
    with torch.no_grad():
        output = network(given)
        network.residual = True
        residual = network(given)
        network.residual = False
    made = {
        "output": output,
        "composite": image * (1 - mask) + output * mask,
        "composite_res": image * (1 - mask) + residual * mask,
    }
    stored = np.load(GOLDEN / "vectors" / f"s2am_{variant}_256.npz")
    for name, value in made.items():
        found = compare(stored, name, value.numpy())
        assert max(found.values()) < 5e-5, (name, found)


@pytest.mark.parametrize("variant", VARIANTS)
def test_keys_stand_in_the_order_of_the_checkpoint(variant):
    with torch.device("meta"):
        network = S2AM(variant)
    listed = [[k, s] for k, s, _ in keys_of(variant)]
    assert [[key, list(value.shape)] for key, value in network.state_dict().items()] == listed
    assert sum(p.numel() for p in network.parameters()) == VARIANTS[variant]


def test_the_blur_is_the_published_kernel():
    for key, value in S2AM(width=16, depth=5).state_dict().items():
        if key.endswith("gaussianMask.weight"):
            np.testing.assert_allclose(value[0, 0], KERNEL, atol=1e-7)


def test_the_mask_shrinks_by_the_top_left_of_each_cell_and_half_rounds_to_even():
    mask = torch.zeros(1, 1, 8, 16)
    mask[..., 0:2, 0:2] = torch.tensor([[1.0, 1.0], [0.0, 0.0]])  # mean 0.5
    mask[..., 0:2, 4:6] = torch.tensor([[1.0, 1.0], [1.0, 0.0]])  # mean 0.75
    mask[..., 2:4, 8:12] = 1.0  # in the cell, but not in its top left
    assert shrunk(mask, torch.zeros(1, 1, 2, 4)).tolist() == [[[[0, 1, 0, 0], [0, 0, 0, 0]]]]


def test_a_batch_gives_what_its_images_give_alone(rascv2):
    with torch.no_grad():
        together = rascv2(batch_of(1, 2))
        alone = torch.cat([rascv2(batch_of(seed)) for seed in (1, 2)])
    torch.testing.assert_close(together, alone, atol=1e-4, rtol=0)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_smaller_one_takes_smaller_images_and_learns(variant):
    network = S2AM(variant, width=8, depth=6)
    assert network.multiple == 64
    output = network(batch_of(0, 1, height=64, width=128))
    assert output.shape == (2, 3, 64, 128)
    output.square().mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


def test_a_residual_network_may_start_by_adding_nothing():
    network = S2AM(residual=True, width=8, depth=5).eval()
    start_at_identity(network)
    given = batch_of(0, height=32, width=64)
    with torch.no_grad():
        assert torch.equal(network(given), given[:, :3])
    with pytest.raises(ValueError, match=r"needs network\.residual=true"):
        start_at_identity(S2AM(width=8, depth=5))
