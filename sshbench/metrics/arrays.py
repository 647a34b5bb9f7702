"""One body for arrays and tensors: metrics are written for batches of planes and called with either."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from sshbench.errors import SshbenchError

if TYPE_CHECKING:
    from torch import Tensor

Images = Any
"""A numpy array `[H, W, 3]` or `[N, H, W, 3]`, or a torch tensor `[3, H, W]` or `[N, 3, H, W]`."""
Masks = Any
"""A numpy array or torch tensor `[H, W]` or `[N, H, W]`."""

_STRIP = 1 << 15
"""Pixels that are worked on at once: their floats fit the cache, and the memory for them stays with the process."""

P = ParamSpec("P")
Q = ParamSpec("Q")
R = TypeVar("R")


class MetricError(SshbenchError):
    """A metric that cannot be computed, and why."""


def for_arrays(function: Callable[P, Tensor]) -> Callable[P, Any]:
    """Let a metric of batches `[N, C, H, W] -> [N]` take single images and numpy arrays too.

    A numpy image gives a float, a numpy batch an array `[N]`, a tensor image a tensor without axes, a tensor batch
    a tensor `[N]`. The first two arguments are images, a third is a mask.
    """

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> Any:
        given = signature.bind(*args, **kwargs)
        first, *_ = given.arguments.values()
        for i, (name, value) in enumerate(given.arguments.items()):
            if i < 2:
                given.arguments[name] = _images(value)
            elif name == "mask":
                given.arguments[name] = _masks(value)
        result: Any = function(*given.args, **given.kwargs)
        single = first.ndim == 3
        if isinstance(first, np.ndarray):
            return float(result[0]) if single else result.cpu().numpy()
        return result[0] if single else result

    signature = inspect.signature(function)
    return call


def _images(images: Any) -> Tensor:
    if isinstance(images, np.ndarray):
        images = planes(np.moveaxis(images, -1, -3))
    return cast("Tensor", images.reshape(-1, *images.shape[-3:]))


def _masks(masks: Any) -> Tensor:
    if isinstance(masks, np.ndarray):
        masks = planes(masks)
    return cast("Tensor", masks.reshape(-1, 1, *masks.shape[-2:]))


def planes(array: NDArray[Any]) -> Tensor:
    """The array as a tensor in the order of its axes, copied where torch would hold on to memory it may not write."""
    import torch

    array = np.ascontiguousarray(array)
    return torch.from_numpy(array if array.flags.writeable else array.copy())


def in_one_thread(function: Callable[Q, R]) -> Callable[Q, R]:
    """Let a function of small strips work in the caller's thread alone where its first argument is on the CPU.

    Sharing each strip between threads costs more than it saves, and on a busy machine many times as much; evaluation
    works on several images in parallel instead.
    """

    @functools.wraps(function)
    def call(*args: Q.args, **kwargs: Q.kwargs) -> R:
        import torch

        images: Any = args[0]
        before = torch.get_num_threads()
        if images.device.type != "cpu" or before == 1:
            return function(*args, **kwargs)
        torch.set_num_threads(1)
        try:
            return function(*args, **kwargs)
        finally:
            torch.set_num_threads(before)

    return call


def strips(image: Tensor) -> Iterator[slice]:
    """Slices of rows, few enough at once."""
    height, width = image.shape[-2:]
    return _parts(height, max(1, _at_once(image) // width))


def tiles(image: Tensor) -> Iterator[tuple[slice, slice]]:
    """Slices of rows and of columns, few enough at once."""
    height, width = image.shape[-2:]
    side = max(1, math.isqrt(2 * _at_once(image)))
    for rows in _parts(height, max(1, side // 2)):
        for columns in _parts(width, side):
            yield rows, columns


def _at_once(image: Tensor) -> int:
    return _STRIP if image.device.type == "cpu" else 64 * _STRIP


def _parts(length: int, step: int) -> Iterator[slice]:
    return (slice(start, min(start + step, length)) for start in range(0, length, step))


def working(values: Tensor, *others: Tensor) -> Any:
    """The type to filter and compare values in: bytes are exact in float32, and twice as fast as in float64."""
    import torch

    exact = all(one.dtype == torch.uint8 for one in (values, *others)) or values.device.type == "mps"
    return torch.float32 if exact else torch.float64


def precise(values: Tensor) -> Tensor:
    """The values in the widest float type the device has."""
    import torch

    return values.to(torch.float32 if values.device.type == "mps" else torch.float64)
