"""DoveNet equals the authors' generator, and its discriminator is the one whose keys they list."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from sshbench.networks.dovenet import DoveNetDiscriminator, DoveNetGenerator, _PartialConv2d, start_at_identity
from tests.golden.golden_helper import compare, fill_value, image_u8, mask_hard, nchw

GOLDEN = Path(__file__).parent.parent / "golden"


def keys_of(name):
    return json.loads((GOLDEN / "keys" / f"{name}.keys.json").read_text())


def filled(network, name):
    network.load_state_dict({k: torch.from_numpy(np.array(fill_value(k, shape))) for k, shape, _ in keys_of(name)})
    return network.eval()


@pytest.fixture(scope="module")
def batch_norm():
    return filled(DoveNetGenerator("batch"), "dovenet_bn")


@pytest.fixture(scope="module")
def instance_norm():
    return filled(DoveNetGenerator("instance"), "dovenet_in")


def batch_of(*seeds, height=256, width=256):
    mask = torch.from_numpy(mask_hard(height, width)).float()[None, None]
    images = [torch.from_numpy(nchw(image_u8(seed, height, width))) / 255.0 * 2.0 - 1.0 for seed in seeds]
    return torch.cat([torch.cat([image, mask], 1) for image in images])


def run(network, image):
    """Output, and what goes into the tanh, which is compared because the tanh's last digits depend on the library."""
    kept = {}
    hook = network.model.model[3].register_forward_hook(lambda *args: kept.update(before=args[-1]))
    with torch.no_grad():
        output = network(image)
    hook.remove()
    return {"output": output.numpy(), "pre_tanh": kept["before"].numpy()}


def differences(vector, made):
    stored = np.load(GOLDEN / "vectors" / f"{vector}.npz")
    return {name: max(compare(stored, name, made[name]).values()) for name in made}


@pytest.mark.parametrize(
    ("norm", "vector"), [("batch_norm", "dovenet_bn_eval_256"), ("instance_norm", "dovenet_in_256")]
)
def test_the_output_equals_the_authors(norm, vector, request):
    found = differences(vector, run(request.getfixturevalue(norm), batch_of(0)))
    assert found["pre_tanh"] < 5e-5
    assert found["output"] < 2e-4


def test_with_batch_statistics_and_no_dropout_too(batch_norm):
    network = DoveNetGenerator("batch", dropout=0.0)
    network.load_state_dict(batch_norm.state_dict())
    found = differences("dovenet_bn_batchstats_nodropout_256", run(network.train(), batch_of(0)))
    assert found["pre_tanh"] < 5e-5


@pytest.mark.parametrize(("norm", "parameters"), [("batch", 54_759_939), ("instance", 54_755_587)])
def test_keys_stand_in_the_order_of_the_checkpoint(norm, parameters):
    with torch.device("meta"):
        network = DoveNetGenerator(norm)
    listed = [[k, s] for k, s, _ in keys_of("dovenet_bn" if norm == "batch" else "dovenet_in")]
    assert [[key, list(value.shape)] for key, value in network.state_dict().items()] == listed
    assert sum(p.numel() for p in network.parameters()) == parameters


def test_a_batch_gives_what_its_images_give_alone(batch_norm):
    with torch.no_grad():
        together = batch_norm(batch_of(1, 2))
        alone = torch.cat([batch_norm(batch_of(seed)) for seed in (1, 2)])
    torch.testing.assert_close(together, alone, atol=1e-4, rtol=0)


def test_dropout_works_at_levels_4_to_6():
    with torch.device("meta"):
        network = DoveNetGenerator("batch")
    paths = [name.count("model.3") for name, module in network.named_modules() if isinstance(module, nn.Dropout)]
    assert sorted(paths) == [3, 4, 5]  # level 1 has none of the nested 3s


def test_a_smaller_one_takes_smaller_images():
    network = DoveNetGenerator("batch", width=8, depth=6)
    assert network.multiple == 64
    assert network(batch_of(0, 1, height=64, width=128)).shape == (2, 3, 64, 128)


@pytest.mark.parametrize(
    ("norm", "name", "parameters"), [("batch", "dovenet_D_bn", 17_789_954), ("instance", "dovenet_D_in", 17_787_138)]
)
def test_the_discriminator_has_the_listed_keys(norm, name, parameters):
    network = DoveNetDiscriminator(norm)
    listed = {k: s for k, s, _ in keys_of(name)}
    assert {key: list(value.shape) for key, value in network.state_dict().items()} == listed
    assert sum(p.numel() for p in network.parameters()) == parameters


def test_partial_convolution_is_the_mean_over_what_the_mask_shows():
    torch.manual_seed(0)
    conv = _PartialConv2d(2, 3, 3, 2)
    image, mask = torch.randn(1, 2, 9, 11), (torch.rand(1, 1, 9, 11) < 0.3).float()
    mask[..., :3, :3] = 0
    output, seen = conv(image, mask)
    for y in range(4):
        for x in range(5):
            window = (slice(2 * y, 2 * y + 3), slice(2 * x, 2 * x + 3))
            count = mask[0, 0][window].sum()
            expected = torch.zeros(3)
            if count:
                part = (image[0] * mask[0])[:, *window]
                expected = (conv.weight * part).sum((1, 2, 3)) * 9 / count + conv.bias
            torch.testing.assert_close(output[0, :, y, x], expected, atol=1e-5, rtol=1e-5)
            assert seen[0, 0, y, x] == bool(count)
    torch.testing.assert_close(conv(image, torch.ones_like(mask))[0], conv(image)[0], atol=1e-5, rtol=1e-5)


def test_the_two_domains_are_seen_apart():
    """What lies outside the mask does not reach the foreground's features, and the order of the two does not matter."""
    torch.manual_seed(0)
    network = DoveNetDiscriminator("instance", width=8, depth=5).eval()
    image, mask = torch.randn(1, 3, 64, 64), torch.from_numpy(mask_hard(64, 64)).float()[None, None]
    other = image * mask + 5 * (1 - mask)
    with torch.no_grad():
        torch.testing.assert_close(network.D(image, mask), network.D(other, mask))
        assert not torch.allclose(network.D(image, 1 - mask), network.D(other, 1 - mask))
        scores, swapped = network(image, mask), network(image, 1 - mask)
    torch.testing.assert_close(scores.domains, swapped.domains)
    assert scores.whole.shape == scores.domains.shape == (1,)


@pytest.mark.parametrize("norm", ["batch", "instance"])
def test_a_start_at_the_identity_is_a_copy_but_for_the_tanh(norm):
    network = DoveNetGenerator(norm, width=24, depth=5).eval()
    with torch.no_grad():
        network.model.model[3].weight.zero_()
        start_at_identity(network)
        given = batch_of(0, height=32, width=64)
        torch.testing.assert_close(network(given), torch.tanh(1.15 * given[:, :3]), atol=0.02, rtol=0)
    with pytest.raises(ValueError, match="width of 24"):
        start_at_identity(DoveNetGenerator(norm, width=16, depth=5))
