"""iDIH, alone and with HRNet, equals the authors' network."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from sshbench.networks.hrnet import gathered
from sshbench.networks.idih import IDIH
from tests.golden.golden_helper import mask_soft
from tests.golden.rule import GAINS, assert_golden, assert_keys, fill, given, imagenet, picture

NETWORKS = {"idih256": ("none", 8_301_284), "hrnet18s_idih256": ("hrnet18s", 12_811_093)}


def outputs_of(network: IDIH) -> dict[str, torch.Tensor]:
    with torch.no_grad():
        image, attention, rgb = network(given(imagenet(picture(0)), mask_soft(256, 256)))
    return {"images": image, "attention": attention, "rgb": rgb}


@pytest.mark.parametrize("name", NETWORKS)
def test_keys_stand_in_the_order_of_the_checkpoint(name: str) -> None:
    backbone, parameters = NETWORKS[name]
    with torch.device("meta"):
        assert_keys(IDIH(backbone), name, parameters)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_output_equals_the_authors(name: str) -> None:
    network = fill(IDIH(NETWORKS[name][0]), GAINS[name])
    assert_golden(f"{name}_256", 5e-5, **outputs_of(network))


def test_what_the_backbone_gathers_equals_the_authors() -> None:
    network = fill(IDIH("hrnet18s"), 1.0)
    seen: dict[str, torch.Tensor] = {}

    def note(name: str) -> object:
        def hook(module: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
            seen[name] = output
            seen[f"{name}, given"] = inputs[-1]

        return hook

    head = network.backbone["hrnet"].ocr_distri_head
    for name in ("f_pixel", "f_object", "f_down"):
        head.object_context_block[name].register_forward_hook(note(name))
    head.register_forward_hook(note("backbone"))
    outputs_of(network)
    assert_golden(
        "hrnet18s_idih256_256",
        5e-4,
        ocr_context=seen["f_object, given"],
        ocr_query_8_4_4=seen["f_pixel"][:, ::8, ::4, ::4],
        ocr_key=seen["f_object"],
        ocr_value=seen["f_down"],
        backbone_8_4_4=seen["backbone"][:, ::8, ::4, ::4],
    )


@pytest.mark.parametrize(("backbone", "parameters"), [("hrnet18", 18_512_633), ("hrnet32", 38_497_829)])
def test_larger_backbones_have_as_many_entries_and_parameters_as_the_published_ones(backbone, parameters) -> None:
    with torch.device("meta"):
        network = IDIH(backbone)
    assert len(network.state_dict()) == 1974
    assert sum(parameter.numel() for parameter in network.parameters()) == parameters


def test_contexts_are_means_that_the_mask_hardly_weights() -> None:
    features = torch.tensor([[[[0.0, 0.0, 4.0, 4.0]]]])
    mask = torch.tensor([[[[0.0, 0.0, 1.0, 1.0]]]])
    e = torch.e
    expected = 4 * e / (1 + e)
    assert gathered(features, torch.cat([mask, 1 - mask], 1)).flatten().tolist() == pytest.approx(
        [expected, 4 - expected]
    )


def test_the_blend_weighs_the_input() -> None:
    network = fill(IDIH(width=8, depth=3), 1.0)
    image = given(imagenet(picture(0, 16, 24)), mask_soft(16, 24))
    with torch.no_grad():
        network.decoder.conv_attention.bias.fill_(50.0)
        assert torch.equal(network(image).image, image[:, :3])


@pytest.mark.parametrize("size", [(16, 16), (24, 40)])
def test_a_smaller_one_takes_smaller_images_and_learns(size) -> None:
    network = IDIH(width=8, depth=3)
    assert (network.padded, network.multiple) == (16, 8)
    image = given(imagenet(picture(0, *size)), mask_soft(*size)).repeat(2, 1, 1, 1)
    output = network(image).image
    assert output.shape == (2, 3, *size)
    output.square().mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())
