"""Let one function serve arrays and tensors: metrics are written for batches over 0..255 and accept any images."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, Protocol, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from sshbench.errors import SshbenchError
from sshbench.threads import torch_in_one_thread

if TYPE_CHECKING:
    from torch import Tensor

Images = Any
"""A numpy array `[H, W, C]` or `[N, H, W, C]`, or a torch tensor `[C, H, W]` or `[N, C, H, W]`; C is 1 or 3."""
Masks = Any
"""A numpy array or torch tensor `[H, W]` or `[N, H, W]`."""
Layout = Literal["auto", "HWC", "CHW"]

_STRIP = 1 << 15
"""The number of pixels that are computed at once; their floats fit into the processor's cache."""
_WHITE = {"uint8": 255.0, "uint16": 65535.0, "float16": 1.0, "bfloat16": 1.0, "float32": 1.0, "float64": 1.0}
_LOWEST, _HIGHEST = -0.5, 2.0
"""The accepted range of floats, in multiples of white. The outputs of networks and filters may lie slightly outside
0..1, whereas images over -1..1 or 0..255 lie outside these bounds.
"""

P = ParamSpec("P")
Q = ParamSpec("Q")
R = TypeVar("R")


class MetricError(SshbenchError):
    """A metric cannot be computed for these images; the message says why."""


class ForArrays(Protocol[P]):
    """A metric for arrays and tensors, and the metric of batches that it calls, which neither checks nor scales."""

    __name__: str
    of_batches: Callable[P, Tensor]

    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...


def for_arrays(function: Callable[P, Tensor]) -> ForArrays[P]:
    """Extend a metric of batches `[N, C, H, W]` over 0..255 to single images, numpy arrays and other ranges.

    A numpy image gives a float, a numpy batch an array `[N]`, a tensor image a tensor without axes, and a tensor batch
    a tensor `[N]`. The first two arguments are images, the third is a mask. Two keywords are added to those of the
    function: `data_range`, the value of white (by default 255 for uint8, 65535 for uint16 and 1 for floats), and
    `layout`, `"HWC"` or `"CHW"` (by default channels last for numpy and first for torch).
    """
    signature = inspect.signature(function)
    keyword = functools.partial(inspect.Parameter, kind=inspect.Parameter.KEYWORD_ONLY)
    extra = [
        keyword("data_range", default=None, annotation="float | None"),
        keyword("layout", default="auto", annotation="Layout"),
    ]

    @functools.wraps(function)
    def call(*args: Any, data_range: float | None = None, layout: Layout = "auto", **kwargs: Any) -> Any:
        given = signature.bind(*args, **kwargs)
        names = list(given.arguments)
        first = given.arguments[names[0]]
        batches = [images(given.arguments[name], name, layout, data_range) for name in names[:2]]
        _check_pair(first, given.arguments[names[1]], *batches)
        given.arguments.update(zip(names, batches, strict=False))
        if "mask" in names:
            given.arguments["mask"] = masks(given.arguments["mask"], batches[0])
        result: Any = function(*given.args, **given.kwargs)
        single = first.ndim == 3
        if isinstance(first, np.ndarray):
            return float(result[0]) if single else result.detach().cpu().numpy()
        return result[0] if single else result

    call.__signature__ = signature.replace(parameters=[*signature.parameters.values(), *extra])  # type: ignore[attr-defined]
    call.of_batches = function  # type: ignore[attr-defined]
    return cast("ForArrays[P]", call)


def images(given: Any, name: str, layout: Layout, data_range: float | None) -> Tensor:
    """Return images of any kind as a batch `[N, C, H, W]` over 0..255: uint8, or the widest floats for other types."""
    is_array = isinstance(given, np.ndarray)
    if not is_array and not hasattr(given, "data_ptr"):
        raise MetricError(f"the {name} is {type(given).__name__}; give a numpy array or a torch tensor")
    if layout not in ("auto", "HWC", "CHW"):
        raise MetricError(f"layout is 'auto', 'HWC' or 'CHW', not {layout!r}")
    if "sparse" in str(getattr(given, "layout", "")):
        raise MetricError(f"the {name} is a sparse tensor; give a dense one")
    _check_filled(given, name)
    if given.ndim not in (3, 4) or 0 in given.shape[-3:]:
        raise MetricError(
            f"the {name} has the shape {list(given.shape)}; give an image or a batch: [H, W, 3] or [N, H, W, 3] of "
            "numpy, [3, H, W] or [N, 3, H, W] of torch"
        )
    last = is_array if layout == "auto" else layout == "HWC"
    channels = given.shape[-1] if last else given.shape[-3]
    if channels not in (1, 3):
        where, other = ("last", "CHW") if last else ("first", "HWC")
        raise MetricError(
            f"the {name} has the shape {list(given.shape)}, whose {where} axis has {channels} channels and not 1 or 3; "
            f"give layout={other!r} if they lie elsewhere"
        )
    white = _white(given, name, data_range)
    tensor = _tensor(given)
    if last:
        tensor = tensor.movedim(-1, -3)
    tensor = tensor.reshape(-1, *tensor.shape[-3:])
    if str(tensor.dtype) == "torch.uint8" and white == 255:
        return cast("Tensor", tensor)
    wide = precise(tensor)
    if data_range is None and white == 65535 and 1 < (peak := float(wide.max() if wide.numel() else 0)) <= 255:
        raise MetricError(
            f"the {name} is uint16 with no value above {peak:g}; give data_range=255 if its values are of 8 bits, or "
            "data_range=65535 if it is as dark as that"
        )
    _check_range(wide, name, white, str(given.dtype).removeprefix("torch."))
    return wide * (255.0 / white)


def _check_filled(given: Any, name: str) -> None:
    if isinstance(given, np.ma.MaskedArray) and np.ma.is_masked(given):
        raise MetricError(f"the {name} is a masked array with values left out; fill them")


def _white(images: Any, name: str, data_range: float | None) -> float:
    dtype = images.dtype.name if isinstance(images, np.ndarray) else str(images.dtype).removeprefix("torch.")
    if data_range is None:
        if dtype not in _WHITE:
            raise MetricError(
                f"the {name} is {dtype}, which says nothing of its range; give uint8, uint16, floats over 0..1, or "
                "data_range, the number that stands for white"
            )
        return _WHITE[dtype]
    number = isinstance(data_range, int | float | np.number) and not isinstance(data_range, bool)
    if not (number and math.isfinite(data_range) and data_range > 0):
        raise MetricError(f"data_range is the number that stands for white, finite and above 0, not {data_range!r}")
    if dtype in ("bool", "object") or dtype.startswith(("complex", "str", "q")):
        raise MetricError(f"the {name} is {dtype}; give numbers")
    return float(data_range)


def _tensor(array: Any) -> Any:
    """Return a tensor with the values of a tensor, or of an array of any byte order."""
    if not isinstance(array, np.ndarray):
        return array
    if array.dtype != np.uint8:
        array = array.astype(np.float64)
    return planes(np.asarray(array))


def _check_range(images: Tensor, name: str, white: float, dtype: str) -> None:
    if not images.numel():
        return
    low, high = (float(value) for value in images.detach().aminmax())
    if not (math.isfinite(low) and math.isfinite(high)):
        raise MetricError(f"the {name} holds values that are not finite (NaN or infinity)")
    if low > _LOWEST * white and high < _HIGHEST * white:
        return
    way_out = "give data_range, the value of white"
    if low <= _LOWEST * white and low >= -1.1 * white and high <= 1.1 * white:
        way_out = f"bring values over {-white:g}..{white:g} to 0..{white:g} first"
    elif white == 1 and low >= 0:
        way_out = "give data_range=255 if white is 255 in them"
    raise MetricError(
        f"the {name} is {dtype} with values from {low:.5g} to {high:.5g}, far outside of 0..{white:g}; {way_out}"
    )


def _check_pair(one: Any, other: Any, first: Tensor, second: Tensor) -> None:
    if isinstance(one, np.ndarray) != isinstance(other, np.ndarray):
        raise MetricError(
            "one of the images is a numpy array and the other a torch tensor; give two arrays or two tensors"
        )
    if one.ndim != other.ndim or first.shape != second.shape:
        raise MetricError(f"the images differ in shape: {list(one.shape)} and {list(other.shape)}")
    if first.device != second.device:
        raise MetricError(f"one of the images is on {first.device} and the other on {second.device}")


def masks(given: Any, batch: Tensor) -> Tensor:
    """Return masks of any kind as float32 `[N, 1, H, W]` over 0..1, on the device of the batch `[N, C, H, W]`."""
    import torch

    from sshbench.images.masks import as_share, read_mask

    _check_filled(given, "mask")
    if hasattr(given, "data_ptr"):
        values = given.detach().cpu()
        values = (values.float() if values.dtype in (torch.bfloat16, torch.float16) else values).numpy()
    elif isinstance(given, np.ndarray):
        values = given
    else:
        raise MetricError(f"the mask is {type(given).__name__}; give a numpy array or a torch tensor")
    count, _, height, width = batch.shape
    shapes = [(height, width), (count, height, width), (count, 1, height, width), (count, height, width, 1)]
    if count == 1:
        shapes += [(1, height, width), (height, width, 1)]
    if values.shape not in shapes:
        raise MetricError(
            f"the mask has the shape {list(values.shape)}, and there are {count} images of {height} rows and {width} "
            "columns; give [H, W], or [N, H, W] with a mask for each image"
        )
    each = np.broadcast_to(values, (count, height, width)) if values.ndim == 2 else values.reshape(count, height, width)
    shares = [as_share(read_mask(mask, "the mask")) for mask in each]
    stacked = np.stack(shares) if shares else np.zeros((0, height, width), np.float32)
    return planes(stacked)[:, None].to(batch.device)


def planes(array: NDArray[Any]) -> Tensor:
    """Return the array as a tensor with the same axes; copy it if its memory is read-only."""
    import torch

    array = np.ascontiguousarray(array)
    return torch.from_numpy(array if array.flags.writeable else array.copy())


def in_one_thread(function: Callable[Q, R]) -> Callable[Q, R]:
    """Return a function that computes in the caller's thread if its first argument is on the CPU.

    Dividing small strips among threads costs more time than it saves, especially on a busy machine. Evaluation instead
    works on several images in parallel.
    """

    @functools.wraps(function)
    def call(*args: Q.args, **kwargs: Q.kwargs) -> R:
        images: Any = args[0]
        if images.device.type != "cpu":
            return function(*args, **kwargs)
        with torch_in_one_thread():
            return function(*args, **kwargs)

    return call


def strips(image: Tensor) -> Iterator[slice]:
    """Yield slices of the rows of `[..., H, W]` with about `_STRIP` pixels each, or 64 times as many on a GPU."""
    height, width = image.shape[-2:]
    return _parts(height, max(1, _at_once(image) // width))


def tiles(image: Tensor) -> Iterator[tuple[slice, slice]]:
    """Yield slices of the rows and columns of `[..., H, W]` with about as many pixels as `strips` has."""
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
    """Return the type in which to filter and compare values: float32 for bytes, which is exact and twice as fast."""
    import torch

    exact = all(one.dtype == torch.uint8 for one in (values, *others)) or values.device.type == "mps"
    return torch.float32 if exact else torch.float64


def precise(values: Tensor) -> Tensor:
    """Return the values in the widest float type of the device."""
    import torch

    return values.to(torch.float32 if values.device.type == "mps" else torch.float64)
