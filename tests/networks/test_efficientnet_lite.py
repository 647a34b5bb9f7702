"""EfficientNet-Lite0: the network as published, with its batch norms, is the oracle."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from sshbench.networks.efficientnet_lite import EfficientNetLite, folded
from sshbench.networks.efficientnet_lite_numpy import EfficientNetLiteArrays, shapes

# Table 1 of the paper: expansion, channels, blocks, stride of the first block, and side of the kernels of each stage.
PUBLISHED = [
    (1, 16, 1, 1, 3), (6, 24, 2, 2, 3), (6, 40, 2, 2, 5), (6, 80, 3, 2, 3), (6, 112, 3, 1, 5), (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
]  # fmt: skip


def convolved(state: dict[str, Tensor], x: Tensor, names: tuple[str, str], stride: int, *, ends: bool = True) -> Tensor:
    """A convolution with TensorFlow's padding SAME, a batch norm and ReLU6."""
    weight = state[f"{names[0]}.weight"]
    padding = []
    for extent in (x.shape[3], x.shape[2]):
        both = max((-(-extent // stride) - 1) * stride + weight.shape[-1] - extent, 0)
        padding += [both // 2, both - both // 2]
    x = functional.conv2d(functional.pad(x, padding), weight, stride=stride, groups=x.shape[1] // weight.shape[1])
    norm = [state[f"{names[1]}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")]
    x = functional.batch_norm(x, *norm, eps=1e-3)
    return functional.relu6(x) if ends else x


def published(state: dict[str, Tensor], images: Tensor) -> list[Tensor]:
    x, found, k = convolved(state, (images * 255 - 127) / 128, ("_conv_stem", "_bn0"), 2), [], 0
    for wider, channels, blocks, first, _ in PUBLISHED:
        for stride in (first, *[1] * (blocks - 1)):
            name, y = f"_blocks.{k}.", x
            if wider > 1:
                y = convolved(state, y, (f"{name}_expand_conv", f"{name}_bn0"), 1)
            y = convolved(state, y, (f"{name}_depthwise_conv", f"{name}_bn1"), stride)
            y = convolved(state, y, (f"{name}_project_conv", f"{name}_bn2"), 1, ends=False)
            x, k = (x + y if stride == 1 and x.shape[1] == channels else y), k + 1
        found.append(x)
    return [found[2], found[4], found[6]]


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    """Weights of the published network, drawn at random."""
    generator = torch.Generator().manual_seed(3)
    found: dict[str, Tensor] = {}

    def convolution(name: str, norm: str, *shape: int) -> None:
        fan = float(np.prod(shape[1:]))
        found[f"{name}.weight"] = torch.randn(*shape, generator=generator) * (2 / fan) ** 0.5
        for part, low in (("weight", 0.8), ("running_var", 0.5), ("bias", -0.2), ("running_mean", -0.2)):
            found[f"{norm}.{part}"] = low + 0.4 * torch.rand(shape[0], generator=generator)

    convolution("_conv_stem", "_bn0", 32, 3, 3, 3)
    before, k = 32, 0
    for wider, channels, blocks, _, side in PUBLISHED:
        for _ in range(blocks):
            wide = before * wider
            if wider > 1:
                convolution(f"_blocks.{k}._expand_conv", f"_blocks.{k}._bn0", wide, before, 1, 1)
            convolution(f"_blocks.{k}._depthwise_conv", f"_blocks.{k}._bn1", wide, 1, side, side)
            convolution(f"_blocks.{k}._project_conv", f"_blocks.{k}._bn2", channels, wide, 1, 1)
            before, k = channels, k + 1
    return found


@pytest.mark.parametrize("size", [(128, 128), (64, 96)])
def test_it_is_the_published_network_in_torch_and_in_numpy(state: dict[str, Tensor], size: tuple[int, int]) -> None:
    images = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(1))
    network = EfficientNetLite()
    network.load_state_dict(folded(state))
    arrays = EfficientNetLiteArrays({name: value.numpy() for name, value in network.state_dict().items()})
    with torch.inference_mode():
        expected, here = published(state, images), network(images)
    there = arrays.features(images.permute(0, 2, 3, 1).contiguous().numpy())
    for one, other, truth in zip(here, there, expected, strict=True):
        scale = float(truth.abs().max())
        torch.testing.assert_close(one, truth, atol=1e-4 * scale, rtol=1e-3)
        np.testing.assert_allclose(other.transpose(0, 3, 1, 2), truth, atol=1e-4 * scale, rtol=1e-3)


def test_the_names_and_shapes_of_the_weights_are_those_of_torch() -> None:
    assert shapes() == {name: tuple(value.shape) for name, value in EfficientNetLite().state_dict().items()}
