"""The later networks equal plain functions at sizes and masks that no stored output has."""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle

import numpy as np
import pytest
import torch
from torch import Tensor

from sshbench.networks import imagenet
from sshbench.networks.harmonizer import Harmonizer
from sshbench.networks.harmonizer_filters import restored
from sshbench.networks.hdnet import HDNet
from sshbench.networks.idih import IDIH
from sshbench.networks.issam import ISSAM
from sshbench.networks.pct_net import PCTNetCNN, PCTNetViT, enlarged, mapped
from tests.golden.golden_helper import mask_hard, mask_soft
from tests.golden.rule import GAINS, fill, picture, plane, rolled, unit
from tests.networks import plain


def one_pixel(height: int, width: int) -> np.ndarray:
    mask = np.zeros((height, width), np.float32)
    mask[height // 3, width // 2] = 1
    return mask


def corner(height: int, width: int) -> np.ndarray:
    mask = np.zeros((height, width), np.float32)
    mask[: height // 4, -width // 3 :] = 1
    return mask


MASKS: dict[str, Callable[[int, int], np.ndarray]] = {
    "soft": mask_soft,
    "hard": mask_hard,
    "at the borders": lambda h, w: rolled(mask_hard(h, w)),
    "one pixel": one_pixel,
    "corner": corner,
    "full": lambda h, w: np.ones((h, w), np.float32),
    "empty": lambda h, w: np.zeros((h, w), np.float32),
}


def batch(mask: str, size: tuple[int, int], *seeds: int) -> tuple[Tensor, Tensor]:
    """Images over 0..1 and masks, the second of which is moved to the borders."""
    made = [MASKS[mask](*size), rolled(MASKS[mask](*size))]
    images = torch.cat([unit(picture(seed, *size)) for seed in seeds])
    return images, torch.cat([plane(made[i % 2]) for i in range(len(seeds))])


def state_of(network: torch.nn.Module) -> dict[str, Tensor]:
    return {name: value.double() for name, value in network.state_dict().items()}


def assert_near(found: Tensor, expected: Tensor, atol: float) -> None:
    assert expected.dtype == torch.float64
    torch.testing.assert_close(found.double(), expected, atol=atol, rtol=0)


@pytest.mark.parametrize(("mask", "size"), [*zip(MASKS, cycle([(144, 48), (40, 120)]), strict=False)])
@torch.inference_mode()
def test_issam(mask: str, size: tuple[int, int]) -> None:
    network = fill(ISSAM())
    images, masks = batch(mask, size, 3, 4)
    x = imagenet.normalised(images)
    made = network(torch.cat([x, masks], 1))
    expected = plain.issam(state_of(network), imagenet.normalised(images.double()), masks.double())
    for name, tensor in expected.items():
        assert_near(getattr(made, name), tensor, 1e-4)


@pytest.mark.parametrize(
    ("backbone", "mask", "size"),
    [
        ("none", "soft", (256, 384)),
        ("none", "one pixel", (256, 256)),
        ("hrnet18s", "at the borders", (384, 256)),
        ("hrnet18s", "full", (256, 256)),
    ],
)
@torch.inference_mode()
def test_idih(backbone, mask: str, size: tuple[int, int]) -> None:
    network = fill(IDIH(backbone), 1.0)
    images, masks = batch(mask, size, 5, 6)
    made = network(torch.cat([imagenet.normalised(images), masks], 1))
    expected = plain.idih(state_of(network), imagenet.normalised(images.double()), masks.double())
    for name, tensor in expected.items():
        assert_near(getattr(made, name), tensor, 5e-5)


@pytest.mark.parametrize(
    ("mask", "size"),
    [("soft", (317, 106)), ("at the borders", (90, 271)), ("one pixel", (35, 33)), ("full", (64, 64))],
)
@pytest.mark.parametrize("variant", ["cnn", "vit"])
@torch.inference_mode()
def test_pct_net(variant: str, mask: str, size: tuple[int, int]) -> None:
    network = fill(PCTNetCNN() if variant == "cnn" else PCTNetViT(), GAINS[f"pctnet_{variant}"])
    low, low_mask = batch(mask, (64, 64), 7, 8)
    image, full_mask = batch(mask, size, 9, 10)
    found = enlarged(network(torch.cat([network.encode(low), low_mask], 1)), size)
    weight = full_mask if found.attention is None else found.attention
    made = mapped(image, network.of_plain_colours(found.parameters), weight).clamp(0, 1)
    given = (one.double() for one in (image, full_mask, low, low_mask))
    assert_near(made, plain.pct_image(state_of(network), *given), 2e-4)


@pytest.mark.parametrize("mask", MASKS)
@torch.inference_mode()
def test_harmonizer_s_arguments(mask: str) -> None:
    network = fill(Harmonizer(), GAINS["harmonizer"])
    images, masks = batch(mask, (256, 256), 11, 12)  # the padding is that of TensorFlow at this size
    made = network(torch.cat([images, masks], 1))
    assert_near(made, plain.harmonizer_arguments(state_of(network), images.double(), masks.double()), 2e-5)


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize(
    "arguments",
    [
        (0.8, -0.5, 0.9, 0.7, -0.6, 0.4),
        (-0.7, 0.4, -0.5, -0.8, 0.6, -0.9),
        (0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
        (1.7, -0.3, -2.5, 1.0, -1.0, 1.0),
    ],
)
def test_harmonizer_s_filters(mask: str, arguments: tuple[float, ...]) -> None:
    image, weight = picture(13, 57, 19), MASKS[mask](57, 19)
    made = restored(unit(image), plane(weight), torch.tensor([arguments]))[-1]
    expected = plain.harmonizer_image(image / 255, weight, np.array(arguments))
    np.testing.assert_allclose(made[0].permute(1, 2, 0).numpy(), expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ("mask", "size"), [*zip([one for one in MASKS if one != "soft"], cycle([(32, 96), (120, 40)]), strict=False)]
)
@torch.inference_mode()
def test_hdnet(mask: str, size: tuple[int, int]) -> None:
    network = fill(HDNet(), 0.25)
    images, masks = batch(mask, size, 14, 15)
    made = network(torch.cat([images * 2 - 1, masks], 1))
    expected = plain.hdnet(state_of(network), images.double() * 2 - 1, masks.double())
    for name in ("output", "image"):
        assert_near(getattr(made, name), expected[name], 2e-4)
