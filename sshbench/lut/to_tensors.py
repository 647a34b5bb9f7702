"""`apply_lut` for torch tensors, also under autograd and `torch.compile`, by the kernels or by plain torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sshbench.lut import arguments, arrays, ranges
from sshbench.lut.arguments import Index, Interpolation, Strength
from sshbench.lut.bank import LutBank
from sshbench.lut.kernels import cpu
from sshbench.lut.table import Lut, LutError
from sshbench.lut.to_arrays import apply_to_array

if TYPE_CHECKING:
    import torch


def check_out(images: torch.Tensor, out: Any) -> None:
    """Raise `LutError` if `out` is not a tensor that can take the result."""
    import torch

    if not (isinstance(out, torch.Tensor) and out.shape == images.shape and out.dtype == images.dtype):
        raise LutError(f"out is a tensor of shape {tuple(images.shape)} and type {images.dtype}, as the images are")
    if out.device != images.device or not out.is_contiguous() or out.is_neg():
        raise LutError(f"out is contiguous and on {images.device}, where the images are")


def apply_to_tensor(
    images: torch.Tensor,
    luts: Any,
    index: Index,
    strength: Strength,
    interpolation: Interpolation,
    channels_last: bool,
    out: Any,
) -> Any:
    """Return a torch tensor after its LUTs; `apply_lut` documents the arguments."""
    import torch

    dtype = str(images.dtype).removeprefix("torch.")
    if images.layout != torch.strided:
        raise LutError("an image tensor is dense, not sparse")
    compiling = torch.compiler.is_compiling()
    learns = torch.is_grad_enabled() and any(
        isinstance(t, torch.Tensor) and t.requires_grad for t in (images, luts, strength)
    )
    if out is not None:
        if learns:
            raise LutError("out cannot be given if gradients are needed")
        check_out(images, out)
        if not compiling and images.device.type != "meta":
            images = arguments.separate(images, out)
    if not compiling and images.device.type == "cpu":
        images = (
            images.resolve_neg()
        )  # a lazily negated view, such as the imaginary part of x.conj(), has other numbers in memory
        if dtype == "uint8":
            arguments.check_table(luts)
        elif type(images) is torch.Tensor:
            ranges.check_floats(images, luts)
    batch = images.unsqueeze(0) if images.ndim == 3 else images
    count, height, width = arguments.extent(batch.shape, channels_last)

    plain = type(images) is torch.Tensor and images.device.type == "cpu" and not compiling
    kernels = cpu.available() and arguments.fit_kernels(luts)
    if plain and not learns and isinstance(luts, Lut | LutBank) and dtype != "float64" and kernels:
        packed = luts.packed
        indices, strengths = arguments.choices(index, strength, packed.count, count)
        as_last = not channels_last and out is None and _is_channels_last_memory(batch)
        source = batch.permute(0, 2, 3, 1) if as_last else batch.contiguous()
        result = torch.empty_like(source) if out is None else out
        if source.numel():
            cpu.apply(
                source, packed, indices, strengths, shape=(count, height, width), dtype=dtype,
                layout="NHWC" if channels_last or as_last else "NCHW", interpolation=interpolation, out=result,
            )  # fmt: skip
        if out is not None:
            return out
        result = result.permute(0, 3, 1, 2) if as_last else result
        return result.squeeze(0) if images.ndim == 3 else result

    if plain and dtype == "uint8" and isinstance(luts, Lut | LutBank) and not kernels:
        target = None if out is None else out.numpy()
        array = apply_to_array(images.numpy(), luts, index, strength, interpolation, channels_last, target)
        return torch.from_numpy(array) if out is None else out

    precision = torch.float64 if dtype == "float64" else torch.float32
    stages = arguments.stages(luts, images.device, precision)
    indices_t = arguments.index_tensor(index, stages.count, count, images.device)
    strengths_t = arguments.strength_tensor(strength, count, images.device, precision)
    has_kernel = images.device.type == "cuda" or (images.device.type == "cpu" and kernels)
    if has_kernel:
        from sshbench.lut import operator

        given = (stages.table, stages.shaper, indices_t, strengths_t, stages.domain, stages.shaper_domain)
        memory: cpu.Layout = "NHWC" if channels_last else "NCHW"
        if out is not None and images.device.type == "cuda":
            from sshbench.lut.kernels import cuda

            target = out.view(batch.shape)
            cuda.forward(batch.contiguous(), *given, layout=memory, interpolation=interpolation, out=target)
            return out
        result = operator.apply_lut(batch, *given, memory, interpolation)
    else:
        from sshbench.lut import reference

        if images.device.type == "cpu" and not cpu.available() and not compiling:
            arrays.say_once_that_kernels_are_missing()
        planar = batch.permute(0, 3, 1, 2) if channels_last else batch
        values = planar.to(precision) / (255.0 if dtype == "uint8" else 1.0)
        result = reference.apply(
            values, stages.table, stages.shaper, indices_t, strengths_t, domain=stages.domains[0],
            shaper_domain=stages.domains[1], interpolation=interpolation,
        )  # fmt: skip
        if dtype == "uint8":
            result = (result * 255.0).clamp(0, 255).add(0.5).floor()
        result = result.to(images.dtype)
        result = result.permute(0, 2, 3, 1) if channels_last else result
    result = result.squeeze(0) if images.ndim == 3 else result
    return result if out is None else out.copy_(result)


def _is_channels_last_memory(batch: torch.Tensor) -> bool:
    import torch

    return not batch.is_contiguous() and batch.is_contiguous(memory_format=torch.channels_last)
