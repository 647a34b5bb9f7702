"""The arguments of `apply_lut`: check them, and convert them to the forms that kernels and operators take."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sshbench.lut.bank import LutBank
from sshbench.lut.files import read_lut
from sshbench.lut.kernels import cpu
from sshbench.lut.table import MAX_SIZE_3D, MIN_SIZE, UNIT, Domain, Lut, LutError

if TYPE_CHECKING:
    import torch

Interpolation = Literal["trilinear", "tetrahedral"]
Layout = Literal["auto", "HWC", "CHW"]
Luts: TypeAlias = "Lut | LutBank | torch.Tensor | str | os.PathLike[str]"
Index: TypeAlias = "int | str | Sequence[int] | Sequence[str] | NDArray[Any] | torch.Tensor | None"
Strength: TypeAlias = "float | Sequence[float] | NDArray[Any] | torch.Tensor"

_OUTSIDE_STRENGTH = "strength is a number from 0 to 1"


def channels_last(shape: Sequence[int], layout: Layout, *, prefer_last: bool) -> bool:
    """Return whether images of this shape have their channels last."""
    if layout not in ("auto", "HWC", "CHW"):
        raise LutError(f"layout is 'auto', 'HWC' or 'CHW', not {layout!r}")
    if len(shape) not in (3, 4):
        raise LutError(f"images have shape [H, W, 3], [3, H, W] or a batch of those, not {list(shape)}")
    last, first = shape[-1] == 3, shape[-3] == 3
    if layout != "auto":
        last, first = last and layout == "HWC", first and layout == "CHW"
    if not (last or first):
        raise LutError(f"images have three channels, but the shape {list(shape)} with layout {layout} does not")
    return prefer_last if last and first else last


def extent(shape: Sequence[int], channels_last: bool) -> tuple[int, int, int]:
    """Return the number of images, the height and the width of a batch."""
    return (shape[0], shape[1], shape[2]) if channels_last else (shape[0], shape[2], shape[3])


def named(luts: Luts, index: Index) -> tuple[Lut | LutBank | torch.Tensor, Index]:
    """Return the LUTs, read if `luts` names a look or a file, and `index` with the number of each named LUT."""
    if isinstance(luts, str) or hasattr(luts, "__fspath__"):
        luts = read_lut(luts)
    words = index.tolist() if isinstance(index, np.ndarray) and index.dtype.kind in "OU" else index
    names = [words] if isinstance(words, str) else words
    if not isinstance(names, list | tuple) or not any(isinstance(name, str) for name in names):
        return luts, index
    if not isinstance(luts, LutBank):
        raise LutError(f"a name, {next(n for n in names if isinstance(n, str))!r}, chooses one of a LutBank's LUTs")
    places = [luts.position(name) if isinstance(name, str) else name for name in names]
    return luts, places[0] if isinstance(words, str) else places


def separate(images: Any, out: Any) -> Any:
    """Return the images, or a copy of the images if writing `out` would overwrite pixels before they are read.

    A copy is needed if the memory of images and `out` overlaps with a shift. Both are arrays, or both are tensors;
    `out` is contiguous and has the images' shape and type.
    """
    if isinstance(images, np.ndarray):
        same = cpu.address(images) == cpu.address(out) and images.strides == out.strides
        return images.copy() if np.may_share_memory(images, out) and not same else images
    (first, last), (start, end) = _span(images), _span(out)
    same = first == start and images.stride() == out.stride()
    return images.clone() if first < end and start < last and not same else images


def _span(tensor: torch.Tensor) -> tuple[int, int]:
    """Return the address of a tensor's first byte, and the address after its last byte."""
    if tensor.numel() == 0:
        return 0, 0
    last = sum((length - 1) * step for length, step in zip(tensor.shape, tensor.stride(), strict=True))
    start = tensor.data_ptr()
    return start, start + (last + 1) * tensor.element_size()


def _host(tensor: Any, dtype: torch.dtype) -> NDArray[Any]:
    """Return a tensor as an array of `dtype`."""
    array: NDArray[Any] = tensor.detach().to("cpu", dtype).resolve_neg().contiguous().numpy()
    return array


def packed(luts: Luts) -> cpu.PackedLuts:
    """Return the LUTs in the form that the CPU kernels read."""
    if isinstance(luts, Lut | LutBank):
        return luts.packed
    import torch

    return cpu.PackedLuts(_host(_table_tensor(luts), torch.float32), None, UNIT, UNIT)


def check_table(luts: Any) -> None:
    """Refuse a table tensor with NaN or infinities for integer images, which cannot represent such values.

    A `Lut` or a `LutBank` cannot have such values. A table on a device is not checked, because the check would wait for
    the device.
    """
    if hasattr(luts, "data_ptr") and luts.device.type == "cpu" and not bool(luts.isfinite().all()):
        raise LutError("the table contains NaN or infinity, which integer images cannot represent")


def fit_kernels(luts: Any) -> bool:
    """Return whether the kernels, which compute in float32, can resolve the domains of the LUTs."""
    return not isinstance(luts, Lut) or (luts.domain.fits_kernels and luts.shaper_domain.fits_kernels)


def _check_one_each(luts: int, count: int) -> None:
    if luts != count:
        raise LutError(f"{luts} LUTs for {count} images need an index, one for each image")


def choices(
    index: Index, strength: Strength, luts: int, count: int
) -> tuple[NDArray[np.int32] | None, NDArray[np.float32] | None]:
    """Return the results of `index_array` and `strength_array`."""
    return index_array(index, luts, count), strength_array(strength, count)


def index_array(index: Index, luts: int, count: int) -> NDArray[np.int32] | None:
    """Return the checked LUT number of each image, `[count]`; None if there is one LUT."""
    if index is None:
        if luts == 1:
            return None
        _check_one_each(luts, count)
        return np.arange(count, dtype=np.int32)
    try:
        array = np.asarray(index.cpu() if hasattr(index, "cpu") else index)
    except ValueError:
        raise LutError(f"index is one integer or one for each image ({count}), not {index!r}") from None
    if array.shape not in ((), (count,)) or (array.size and array.dtype.kind not in "iu"):
        raise LutError(
            f"index is one integer or one for each image ({count}), not {array.dtype} of shape {list(array.shape)}"
        )
    if array.size and (array.min() < 0 or array.max() >= luts):
        raise LutError(f"LUT index {array.min() if array.min() < 0 else array.max()} is outside 0..{luts - 1}")
    return np.array(np.broadcast_to(array, (count,)), dtype=np.int32)


def strength_array(strength: Strength, count: int) -> NDArray[np.float32] | None:
    """Return the checked strength of each image, `[count]`; None if all are 1."""
    if isinstance(strength, float | int) and strength == 1:
        return None
    array = _strengths(strength)
    if array.shape not in ((), (count,)):
        raise LutError(f"strength is one number or one for each image ({count}), not of shape {list(array.shape)}")
    if not ((array >= 0) & (array <= 1)).all():
        raise LutError(_OUTSIDE_STRENGTH)
    if array.size and (array == 1).all():
        return None
    return np.ascontiguousarray(np.broadcast_to(array, (count,)), dtype=np.float32)


def _strengths(strength: Strength) -> NDArray[np.float64]:
    try:
        if hasattr(strength, "detach"):
            import torch

            return _host(strength, torch.float64)
        return np.asarray(strength, np.float64)
    except (TypeError, ValueError):
        raise LutError(f"{_OUTSIDE_STRENGTH} or one such number for each image, not {strength!r}") from None


class Stages:
    """The tables as tensors on the images' device."""

    def __init__(self, table: Any, shaper: Any, domain: Domain, shaper_domain: Domain) -> None:
        self.table, self.shaper = table, shaper
        self.domain = [*domain.lower, *domain.upper]
        self.shaper_domain = [*shaper_domain.lower, *shaper_domain.upper]
        self.domains = domain, shaper_domain
        self.count = len(table if table is not None else shaper)


def stages(luts: Luts, device: torch.device, precision: torch.dtype) -> Stages:
    """Return the LUTs as tensors on `device`, in `precision`."""
    if isinstance(luts, LutBank):
        return Stages(luts.tensor(device).to(precision), None, UNIT, UNIT)
    if isinstance(luts, Lut):
        table, shaper = luts.tensors(device)
        return Stages(_one(table, precision), _one(shaper, precision), luts.domain, luts.shaper_domain)
    table = _table_tensor(luts)
    if table.device != device:
        raise LutError(f"the table is on {table.device} and the images are on {device}")
    return Stages(table.to(precision), None, UNIT, UNIT)


def _one(stage: torch.Tensor | None, precision: torch.dtype) -> torch.Tensor | None:
    return None if stage is None else stage.to(precision).unsqueeze(0)


def _table_tensor(luts: Any) -> torch.Tensor:
    import torch

    if not isinstance(luts, torch.Tensor) or not luts.is_floating_point():
        raise LutError("LUTs are a Lut, a LutBank or a floating-point tensor [B, G, R, 3] or [K, B, G, R, 3]")
    if luts.layout != torch.strided:
        raise LutError("a table tensor is dense, not sparse")
    table = luts.unsqueeze(0) if luts.ndim == 4 else luts
    size = table.shape[1] if table.ndim == 5 else 0
    if table.ndim != 5 or tuple(table.shape[1:]) != (size, size, size, 3) or not MIN_SIZE <= size <= MAX_SIZE_3D:
        raise LutError(f"a table tensor has shape [B, G, R, 3] or [K, B, G, R, 3], not {list(luts.shape)}")
    return table


def index_tensor(index: Index, luts: int, count: int, device: torch.device) -> torch.Tensor | None:
    """Return `index_array` as int32. An index on a device is not checked, because the check would wait for it."""
    import torch

    from sshbench.lut.operator import check_index

    if index is None:
        if luts == 1:
            return None
        _check_one_each(luts, count)
        return torch.arange(count, dtype=torch.int32, device=device)
    if not isinstance(index, torch.Tensor) and not torch.compiler.is_compiling():
        return torch.from_numpy(index_array(index, luts, count)).to(device)
    tensor = torch.as_tensor(index)
    if tensor.shape not in ((), (count,)) or (count and tensor.is_floating_point()):
        raise LutError(f"index is one integer or one for each image ({count}), not {tensor.dtype} {list(tensor.shape)}")
    if not torch.compiler.is_compiling():
        check_index(tensor, luts)
    return tensor.to(device, torch.int32).expand(count)


def strength_tensor(
    strength: Strength, count: int, device: torch.device, precision: torch.dtype
) -> torch.Tensor | None:
    """Return `strength_array` as a tensor. A strength on a device or with a gradient is not checked."""
    import torch

    if isinstance(strength, float | int) and strength == 1:
        return None
    if not isinstance(strength, torch.Tensor) and not torch.compiler.is_compiling():
        strength = torch.from_numpy(_strengths(strength))
    tensor = torch.as_tensor(strength)
    if tensor.shape not in ((), (count,)):
        raise LutError(f"strength is one number or one for each image ({count}), not of shape {list(tensor.shape)}")
    on_host = tensor.device.type == "cpu" and not tensor.requires_grad and not torch.compiler.is_compiling()
    if on_host and not bool(((tensor >= 0) & (tensor <= 1)).all()):
        raise LutError(_OUTSIDE_STRENGTH)
    return tensor.to(device, precision).expand(count)
