"""One body for arrays and tensors: metrics are written for batches of planes and called with either."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, ParamSpec

import numpy as np
from numpy.typing import NDArray

from sshbench.errors import SshbenchError

if TYPE_CHECKING:
    from torch import Tensor

Images = Any
"""A numpy array `[H, W, 3]` or `[N, H, W, 3]`, or a torch tensor `[3, H, W]` or `[N, 3, H, W]`."""
Masks = Any
"""A numpy array or torch tensor `[H, W]` or `[N, H, W]`."""

_STRIP = 1 << 15  # pixels that are worked on at once: they fit the cache, and full-size photographs memory

P = ParamSpec("P")


class MetricError(SshbenchError):
    """A metric that cannot be computed, and why."""


def for_arrays(function: Callable[P, Tensor]) -> Callable[P, Any]:
    """Let a metric of batches `[N, C, H, W] -> [N]` take single images and numpy arrays too.

    A numpy image gives a float, a numpy batch an array `[N]`, a tensor image a tensor without axes, a tensor batch
    a tensor `[N]`. Arguments with two or more axes are images (three channels) or masks.
    """

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> Any:
        first: Any = args[0]
        single = first.ndim == 3
        result = function(*map(_batch, args), **{key: _batch(value) for key, value in kwargs.items()})
        if isinstance(first, np.ndarray):
            return float(result[0]) if single else result.cpu().numpy()
        return result[0] if single else result

    return call


def _batch(value: Any) -> Any:
    """A batch of planes of an image or mask; anything else as it is."""
    import torch

    if isinstance(value, np.ndarray) and value.ndim >= 2:
        is_mask = value.shape[-1] != 3 or value.ndim == 2
        if is_mask:
            return planes(value).reshape(-1, 1, *value.shape[-2:])
        return planes(np.moveaxis(value, -1, -3)).reshape(-1, 3, *value.shape[-3:-1])
    if isinstance(value, torch.Tensor) and value.ndim >= 2:
        is_mask = value.ndim == 2 or value.shape[-3] != 3
        return value.reshape(-1, 1 if is_mask else 3, *value.shape[-2:])
    return value


def planes(array: NDArray[Any]) -> Tensor:
    """The array as a tensor in the order of its axes, copied where torch would hold on to memory it may not write."""
    import torch

    array = np.ascontiguousarray(array)
    return torch.from_numpy(array if array.flags.writeable else array.copy())


def strips(image: Tensor) -> Iterator[slice]:
    """Slices of rows, few enough at once."""
    height, width = image.shape[-2:]
    step = max(1, _STRIP // width)
    return (slice(start, min(start + step, height)) for start in range(0, height, step))


def working(values: Tensor, *others: Tensor) -> Any:
    """The type to filter and compare values in: bytes are exact in float32, and twice as fast as in float64."""
    import torch

    exact = all(one.dtype == torch.uint8 for one in (values, *others)) or values.device.type == "mps"
    return torch.float32 if exact else torch.float64


def precise(values: Tensor) -> Tensor:
    """The values in the widest float type the device has."""
    import torch

    return values.to(torch.float32 if values.device.type == "mps" else torch.float64)
