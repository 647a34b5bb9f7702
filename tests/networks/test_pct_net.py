"""PCT-Net equals the authors' two variants, small and at the photograph's own size."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from sshbench.networks.colour_field import cubic_weights, each_tile
from sshbench.networks.pct_net import PCTNetCNN, PCTNetViT, enlarged, mapped
from tests.golden.golden_helper import mask_soft
from tests.golden.rule import GAINS, assert_golden, assert_keys, fill, given, picture, plane, unit

VARIANTS = {"cnn": (PCTNetCNN, 2_185_736, 1e-4), "vit": (PCTNetViT, 4_809_896, 5e-5)}


@pytest.mark.parametrize("variant", VARIANTS)
def test_keys_stand_in_the_order_of_the_checkpoint(variant: str) -> None:
    network, parameters, _ = VARIANTS[variant]
    with torch.device("meta"):
        assert_keys(network(), f"pctnet_{variant}", parameters)


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_output_equals_the_authors(variant: str) -> None:
    network, _, atol = VARIANTS[variant]
    network = fill(network(), GAINS[f"pctnet_{variant}"])
    low, high = unit(picture(0)), unit(picture(2, 203, 309))
    seen: list[torch.Tensor] = []
    if variant == "vit":
        network.encoder.register_forward_hook(lambda module, inputs, output: seen.append(output))
    with torch.no_grad():
        found = network(given(network.encode(low), mask_soft(256, 256)))
        large = enlarged(found, (203, 309))
        images = {}
        for name, image, maps in (("images", low, found), ("images_fullres", high, large)):
            weight = plane(mask_soft(*image.shape[2:])) if maps.attention is None else maps.attention
            images[name] = network.encode(mapped(image, network.of_plain_colours(maps.parameters), weight))
    vector = f"pctnet_{variant}_256_203x309"
    assert_golden(vector, atol, params=found.parameters)
    assert_golden(vector, atol if variant == "vit" else 3e-4, images=images["images"])
    full = 5e-4 if variant == "vit" else 1e-3
    assert_golden(vector, full, params_fullres=large.parameters, images_fullres=images["images_fullres"])
    if variant == "cnn":
        assert_golden(vector, atol, attention=found.attention)
    else:
        assert_golden(vector, atol, latent=seen[0])


@pytest.mark.parametrize(("source", "target"), [(8, 8), (8, 27), (8, 200), (30, 7)])
def test_weights_are_those_of_a_bicubic_resize(source: int, target: int) -> None:
    line = torch.rand(source, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    square = line.expand(1, 1, source, source)
    expected = F.interpolate(square, size=(source, target), mode="bicubic", align_corners=False)[0, 0, 0]
    torch.testing.assert_close(cubic_weights(source, target).double() @ line, expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("threads", [1, 2])
def test_tiles_are_the_enlarged_field(threads: int) -> None:
    field = torch.rand(3, 16, 20, dtype=torch.float32, generator=torch.Generator().manual_seed(0))
    made = torch.full((3, 150, 530), torch.nan)

    def keep(rows: slice, columns: slice, tile: torch.Tensor) -> None:
        assert made[:, rows, columns].isnan().all()
        made[:, rows, columns] = tile

    each_tile(field, (150, 530), keep, threads)
    expected = F.interpolate(field[None].double(), size=(150, 530), mode="bicubic", align_corners=False)[0]
    torch.testing.assert_close(made.double(), expected, atol=1e-5, rtol=0)


def test_maps_of_normalised_colours_become_maps_of_plain_ones() -> None:
    random = torch.Generator().manual_seed(0)
    image, parameters = torch.rand(1, 3, 4, 5, generator=random), torch.rand(1, 12, 4, 5, generator=random) / 4
    seen = PCTNetCNN.encode(image)
    matrix, offset = parameters[:, :9].unflatten(1, (3, 3)), parameters[:, 9:]
    expected = (torch.einsum("bijhw,bjhw->bihw", matrix, seen) + offset).clamp(0, 1)
    found = mapped(image, PCTNetCNN.of_plain_colours(parameters), torch.ones(1, 1, 4, 5))
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("network", [PCTNetCNN(width=8, depth=3), PCTNetViT(width=8, layers=1, hidden=8)])
def test_smaller_ones_take_smaller_images_and_learn(network: PCTNetCNN | PCTNetViT) -> None:
    image = torch.cat([unit(picture(seed, 16, 24)) for seed in (0, 1)])
    mask = plane(mask_soft(16, 24)).repeat(2, 1, 1, 1)
    found = enlarged(network(torch.cat([network.encode(image), mask], 1)), (16, 24))
    made = mapped(
        image, network.of_plain_colours(found.parameters), mask if found.attention is None else found.attention
    )
    made.square().mean().backward()
    learnt = {name for name, p in network.named_parameters() if p.grad is not None and p.grad.isfinite().all()}
    unused = {name for name, _ in network.named_parameters() if "to_rgb" in name}
    assert learnt == {name for name, _ in network.named_parameters()} - unused
