"""The golden rule as tensors: networks filled by it, its images and masks, and comparisons with stored outputs."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from sshbench.networks.imagenet import normalised
from tests.golden.golden_helper import compare, fill_value, image_u8, nchw

HERE = Path(__file__).parent

Network = TypeVar("Network", bound=nn.Module)


def keys_of(name: str) -> list[tuple[str, tuple[int, ...]]]:
    """Names and shapes of a published state dict, in its order."""
    listed = json.loads((HERE / "keys" / f"{name}.keys.json").read_text())
    return [(key, tuple(shape)) for key, shape, _ in listed]


def fill(network: Network, gain: float | Callable[[str], float] = 2.0, keep: str = "mask_blurring") -> Network:
    """Give each entry of a network its value of the rule; entries whose names hold `keep` stay."""
    own = network.state_dict()
    values = {
        key: value
        if keep in key
        else torch.from_numpy(np.array(fill_value(key, value.shape, gain(key) if callable(gain) else gain)))
        for key, value in own.items()
    }
    network.load_state_dict({key: value.reshape(own[key].shape) for key, value in values.items()})
    return network.eval()


def harmonizer_gain(key: str) -> float:
    """With one gain for all of its weights its output would hardly depend on the image."""
    return 2.6 if key.startswith("backbone.") else 1.0


GAINS: dict[str, float | Callable[[str], float]] = {
    "pctnet_cnn": 2.0,
    "pctnet_vit": 1.0,
    "idih256": 1.0,
    "issam256": 2.0,
    "hrnet18s_idih256": 1.0,
    "harmonizer": harmonizer_gain,
    "hdnet": 0.25,
}


def assert_keys(network: nn.Module, name: str, parameters: int) -> None:
    """Names, shapes and order are those of the published state dict."""
    assert [(key, tuple(value.shape)) for key, value in network.state_dict().items()] == keys_of(name)
    assert sum(parameter.numel() for parameter in network.parameters()) == parameters


@cache
def stored(vector: str) -> dict[str, Any]:
    """A file of golden outputs."""
    with np.load(HERE / "vectors" / f"{vector}.npz") as file:
        return {key: file[key] for key in file.files}


def assert_golden(vector: str, atol: float, **outputs: Tensor) -> None:
    """Outputs are the stored ones, at every place that is stored."""
    for name, output in outputs.items():
        found = compare(stored(vector), name, output.detach().numpy())
        assert isinstance(found, dict), (vector, name, found)
        assert max(found.values()) <= atol, (vector, name, found)


def unit(image: np.ndarray) -> Tensor:
    """`[1, 3, H, W]` over 0..1."""
    return torch.from_numpy(nchw(image)) / 255


def signed(image: np.ndarray) -> Tensor:
    """`[1, 3, H, W]` over -1..1."""
    return unit(image) * 2 - 1


def imagenet(image: np.ndarray) -> Tensor:
    """`[1, 3, H, W]`, normalised as for ImageNet."""
    return normalised(unit(image))


def plane(mask: np.ndarray) -> Tensor:
    """`[1, 1, H, W]`."""
    return torch.from_numpy(np.ascontiguousarray(mask, np.float32))[None, None]


def rolled(mask: np.ndarray) -> np.ndarray:
    """A mask moved by half of its sides, so that it touches all four borders."""
    return np.roll(mask, (mask.shape[0] // 2, mask.shape[1] // 2), axis=(0, 1))


def given(image: Tensor, mask: np.ndarray) -> Tensor:
    """Image and mask as one tensor, `[1, 4, H, W]`."""
    return torch.cat([image, plane(mask)], 1)


def picture(seed: int, height: int = 256, width: int = 256) -> np.ndarray:
    """An image of the rule."""
    return image_u8(seed, height, width)
