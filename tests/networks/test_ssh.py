"""SSH equals the authors' network: golden vectors of their code on deterministic weights and inputs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from sshbench.networks.ssh import SSH, start_at_identity
from tests.golden.golden_helper import compare, fill_value, image_u8, nchw

GOLDEN = Path(__file__).parent.parent / "golden"
KEYS = json.loads((GOLDEN / "keys" / "ssh.keys.json").read_text())
NAMES = {"image": "output", "content": "content", "reference_style": "style", "content_style": "content_style",
         "output_style": "target_style"}  # fmt: skip


@pytest.fixture(scope="module")
def ssh():
    network = SSH().eval()
    network.load_state_dict({key: torch.from_numpy(np.array(fill_value(key, shape))) for key, shape, _ in KEYS})
    return network


def x11(seed, height, width):
    return torch.from_numpy(nchw(image_u8(seed, height, width))) / 255.0 * 2.0 - 1.0


CASES = {
    "ssh_ref_256": ((0, 256, 256), (1, 256, 256)),
    "ssh_noref_203x309": ((2, 203, 309), None),
}


@pytest.mark.parametrize("vector", CASES)
def test_every_output_equals_the_authors(ssh, vector):
    content, reference = CASES[vector]
    with torch.no_grad():
        output = ssh(x11(*content), None if reference is None else x11(*reference))
    stored = np.load(GOLDEN / "vectors" / f"{vector}.npz")
    for field, name in NAMES.items():
        differences = compare(stored, name, getattr(output, field).numpy())
        assert max(differences.values()) < 5e-5, (name, differences)


def test_keys_stand_in_the_order_of_the_checkpoint(ssh):
    assert [[key, list(value.shape)] for key, value in ssh.state_dict().items()] == [[k, s] for k, s, _ in KEYS]
    assert sum(p.numel() for p in ssh.parameters()) == 15_193_315


def test_a_batch_gives_what_its_images_give_alone(ssh):
    content, reference = (torch.cat([x11(seed, 64, 80) for seed in seeds]) for seeds in ((0, 1), (2, 3)))
    with torch.no_grad():
        together = ssh(content, reference).image
        alone = torch.cat([ssh(content[i : i + 1], reference[i : i + 1]).image for i in range(2)])
    torch.testing.assert_close(together, alone, atol=2e-5, rtol=0)


def test_one_encoding_serves_two_appearances(ssh):
    content, references = x11(4, 48, 64), (x11(5, 64, 64), x11(6, 32, 48))
    with torch.no_grad():
        encoded = ssh.encode_content(content)
        for reference in references:
            fused = ssh.fuse(*encoded, ssh.encode_style(reference))
            torch.testing.assert_close(fused, ssh(content, reference).image, atol=1e-5, rtol=0)


def test_bfloat16_and_channels_last_stay_near(ssh):
    content, reference = x11(0, 96, 96), x11(1, 96, 96)
    with torch.no_grad():
        exact = ssh(content, reference).image
        with torch.autocast("cpu", torch.bfloat16):
            fast = ssh(content.to(memory_format=torch.channels_last), reference).image.float()
    assert (fast - exact).abs().mean() < 0.02 * exact.abs().mean() + 0.02


def test_compiled_it_gives_the_same(ssh):
    content, reference = x11(0, 64, 64), x11(1, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(
            torch.compile(ssh, backend="aot_eager", dynamic=True)(content, reference).image,
            ssh(content, reference).image,
            atol=1e-4,
            rtol=0,
        )


def test_a_start_at_the_identity_is_nearly_a_copy():
    network = SSH(width=4)
    start_at_identity(network)
    images = torch.cat([x11(seed, 32, 32) for seed in range(4)])
    with torch.no_grad():
        result = network(images, images).image
    for channel in range(3):
        both = torch.stack([images[:, channel].flatten(), result[:, channel].flatten()])
        assert torch.corrcoef(both)[0, 1] > 0.9
