"""The rule that fills golden networks and images: values follow from names, shapes and seeds alone."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import nn


def fill(network: nn.Module, constants: tuple[str, ...] = (), *, gain: float = 2, prefix: str = "") -> nn.Module:
    """Set every weight and statistic of a network by the rule, and return the network in evaluation mode.

    Parameters
    ----------
    constants
        Parts of names; values whose names contain one of them stay unchanged.
    gain
        The variance of a kernel's or matrix's values, times the number of products that one output sums.
    prefix
        Text before the names, for a part of a network.
    """
    import torch

    own = network.state_dict()
    values = {
        name: value
        if any(one in name for one in constants)
        else torch.from_numpy(filled(prefix + name, tuple(value.shape), gain))
        for name, value in own.items()
    }
    network.load_state_dict({name: value.reshape(own[name].shape) for name, value in values.items()})
    return network.eval()


def filled(name: str, shape: tuple[int, ...], gain: float = 2) -> NDArray[Any]:
    """Return the values of one entry of a state dict: normal numbers seeded by its name, scaled by its kind."""
    noise = np.random.RandomState(zlib.crc32(name.encode())).standard_normal(shape)
    kind = name.rpartition(".")[2]
    if kind == "num_batches_tracked":
        return np.zeros(shape, np.int64)
    if kind == "running_var":
        values = 1 + np.abs(0.1 * noise)
    elif len(shape) >= 2:
        values = noise * np.sqrt(gain / float(np.prod(shape[1:])))
    elif kind in ("weight", "running_mean"):
        values = (kind == "weight") + 0.1 * noise
    else:
        values = 0.05 * noise
    return np.asarray(values, np.float32)


def filled_variable(name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Return the values of a TensorFlow variable as `filled` does; its kernels have the output channels last."""
    noise = np.random.RandomState(zlib.crc32(name.encode())).standard_normal(shape)
    kind = name.rpartition("/")[2]
    if kind == "moving_variance":
        values = 1 + np.abs(0.1 * noise)
    elif kind == "weights":
        values = noise * np.sqrt(1 / float(np.prod(shape[:-1])))
    elif kind in ("gamma", "moving_mean"):
        values = (kind == "gamma") + 0.1 * noise
    else:
        values = 0.05 * noise
    return np.asarray(values, np.float32)


def image(seed: int, height: int = 256, width: int = 256, block: int = 16) -> NDArray[np.uint8]:
    """Return noisy squares of random colours, uint8 `[height, width, 3]`."""
    random = np.random.RandomState(seed)
    colours = random.randint(24, 232, (-(-height // block), -(-width // block), 3))
    squares = colours.repeat(block, 0).repeat(block, 1)[:height, :width]
    noisy: NDArray[np.uint8] = np.clip(squares + random.randint(-24, 25, (height, width, 3)), 0, 255).astype(np.uint8)
    return noisy


def style(seed: int, height: int, width: int) -> NDArray[np.uint8]:
    """Return an `image`, uint8 `[height, width, 3]`, with other colours: red raised, green dimmed, blue inverted."""
    red, green, blue = np.moveaxis(image(seed, height, width, block=32).astype(np.int64), -1, 0)
    return np.stack([red // 2 + 96, green * 3 // 4, 255 - blue // 3], axis=-1).astype(np.uint8)


def ellipse(height: int = 256, width: int = 256) -> NDArray[np.float32]:
    """Return a mask of 0 and 1, float32 `[height, width]`."""
    y, x = np.mgrid[:height, :width]
    down, across = height // 4, width // 5
    inside = ((y - 9 * height // 16) * across) ** 2 + ((x - 7 * width // 16) * down) ** 2 <= (down * across) ** 2
    return np.asarray(inside, np.float32)


def soft_ellipse(height: int = 256, width: int = 256) -> NDArray[np.float32]:
    """Return `ellipse` with a soft edge, float32 `[height, width]` over 0..1 in steps of 1/16."""
    fine = ellipse(4 * height, 4 * width).reshape(height, 4, width, 4)
    return np.asarray(fine.mean((1, 3)), np.float32)
