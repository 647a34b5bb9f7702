"""HDNet equals the authors' network on known weights; it has no released ones."""

from __future__ import annotations

import pytest
import torch

from sshbench.networks.hdnet import HDNet, start_at_identity
from tests.golden.golden_helper import mask_hard
from tests.golden.rule import assert_golden, assert_keys, fill, given, picture, plane, signed


def test_keys_stand_in_the_order_of_the_checkpoint() -> None:
    with torch.device("meta"):
        assert_keys(HDNet(), "hdnet", 10_414_389)
        assert sum(parameter.numel() for parameter in HDNet(width=8).parameters()) == 652_893  # HDNet-lite


@pytest.mark.parametrize(
    ("vector", "size", "seeds"), [("hdnet_256", (256, 256), (0, 1)), ("hdnet_200x304", (200, 304), (2, 3))]
)
def test_the_output_equals_the_authors(vector: str, size: tuple[int, int], seeds: tuple[int, int]) -> None:
    network = fill(HDNet(), 0.25)
    seen: dict[str, torch.Tensor] = {}
    layers = {
        "ld": "LD",
        "rain": "model_layer72norm",
        "11": "model_layer11att",
        "13": "model_layer13att",
        "pre": "model_out.1",
    }
    for name, layer in layers.items():
        network.get_submodule(layer).register_forward_hook(lambda m, i, output, name=name: seen.update({name: output}))
    mask = plane(mask_hard(*size))
    foreground, background = (signed(picture(seed, *size)) for seed in seeds)
    with torch.no_grad():
        made = network(given(foreground * mask + background * (1 - mask), mask_hard(*size)))
    assert_golden(
        vector,
        2e-4,
        pre_tanh=seen["pre"],
        output=made.output,
        attentioned=made.image,
        ld=seen["ld"][:, ::16, ::2, ::2],
        rain72=seen["rain"][:, ::16, ::2, ::2],
        drconv11=seen["11"][:, ::16, ::8, ::8],
        drconv13=seen["13"][:, ::8, ::16, ::16],
    )


@pytest.mark.parametrize("filled", [0.0, 1.0])
@pytest.mark.parametrize("side", [8, 32])  # 8 is a single place at the coarsest level
def test_empty_and_full_masks_stay_finite(filled: float, side: int) -> None:
    image = torch.cat([signed(picture(0, side, side)), torch.full((1, 1, side, side), filled)], 1)
    with torch.no_grad():
        assert fill(HDNet(width=4), 0.25)(image).output.isfinite().all()


def test_it_may_start_near_a_copy_which_only_the_tanh_bends() -> None:
    torch.manual_seed(0)
    network = HDNet(width=8)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, 0, 0.02)
    start_at_identity(network)
    image = given(signed(picture(0, 32, 48)), mask_hard(32, 48))
    with torch.no_grad():
        output = network(image).output
    torch.testing.assert_close(output, torch.tanh(1.15 * image[:, :3]), atol=0.1, rtol=0)
    with pytest.raises(ValueError, match=r"needs a network\.width of 6 or more"):
        start_at_identity(HDNet(width=5))


def test_the_background_stays_what_it_was() -> None:
    image = given(signed(picture(0, 32, 48)), mask_hard(32, 48))
    with torch.no_grad():
        made = fill(HDNet(width=4), 0.25)(image).image
    outside = (image[:, 3:] == 0).expand_as(made)
    assert torch.equal(made[outside], image[:, :3][outside])


def test_training_and_evaluation_are_one_function_that_learns() -> None:
    network = fill(HDNet(width=4), 0.25)
    image = torch.cat([given(signed(picture(seed, 24, 32)), mask_hard(24, 32)) for seed in (0, 1)])
    with torch.no_grad():
        evaluated = network(image).image
    made = network.train()(image).image
    torch.testing.assert_close(made, evaluated)
    made.square().mean().backward()
    used = {name: p for name, p in network.named_parameters() if "conv_guide" not in name}
    assert all(p.grad is not None and p.grad.isfinite().all() for p in used.values())
