"""The torch operators `sshbench::apply_lut` and its backward, on top of the CPU and the CUDA kernels.

Callers use `sshbench.lut.apply.apply_lut`. Autograd and `torch.compile` see these operators.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Optional

import torch
from torch import Tensor

from sshbench.lut.kernels import cpu
from sshbench.lut.kernels.cuda import Interpolation
from sshbench.lut.table import MAX_SIZE_1D, MAX_SIZE_3D, MIN_SIZE, Domain, LutError

_FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def _domain(values: Sequence[float]) -> Domain:
    return _domain_of(tuple(values))


@lru_cache(maxsize=64)
def _domain_of(values: tuple[float, ...]) -> Domain:
    domain = Domain(values[:3], values[3:])  # type: ignore[arg-type]
    if not domain.fits_kernels:
        raise LutError(f"domain {domain.lower} to {domain.upper} is too narrow or too wide for the kernels")
    return domain


def _check(
    images: Tensor,
    table: Tensor | None,
    shaper: Tensor | None,
    index: Tensor | None,
    strength: Tensor | None,
    domain: Sequence[float],
    shaper_domain: Sequence[float],
    layout: str,
    interpolation: str,
) -> None:
    """Refuse arguments that would make the kernels read beyond a tensor; a saved graph can hold any arguments."""
    if layout not in ("NCHW", "NHWC") or interpolation not in ("trilinear", "tetrahedral"):
        raise LutError(f"layout is NCHW or NHWC and interpolation trilinear or tetrahedral: {layout}, {interpolation}")
    if images.ndim != 4 or images.shape[1 if layout == "NCHW" else 3] != 3:
        raise LutError(f"images in {layout} have four axes and three channels, not the shape {list(images.shape)}")
    if images.dtype not in (torch.uint8, *_FLOATS) or images.device.type not in ("cpu", "cuda"):
        raise LutError(f"images are uint8 or floats on a CPU or CUDA device, not {images.dtype} on {images.device}")
    if table is None and shaper is None:
        raise LutError("a LUT needs a table, a shaper or both")
    precision = torch.float64 if images.dtype == torch.float64 else torch.float32
    count = len(images)
    luts = len(table if table is not None else shaper)  # type: ignore[arg-type]
    shapes: list[tuple[str, Tensor | None, torch.dtype, tuple[int, ...]]] = [
        ("index", index, torch.int32, (count,)), ("strength", strength, precision, (count,)),
    ]  # fmt: skip
    if table is not None:
        size = table.shape[1] if table.ndim == 5 else 0
        shapes.append(("table", table, precision, (luts, *(min(max(size, MIN_SIZE), MAX_SIZE_3D),) * 3, 3)))
        _domain(domain)
    if shaper is not None:
        size = shaper.shape[1] if shaper.ndim == 3 else 0
        shapes.append(("shaper", shaper, precision, (luts, min(max(size, MIN_SIZE), MAX_SIZE_1D), 3)))
        _domain(shaper_domain)
    for name, tensor, dtype, shape in shapes:
        if tensor is not None and (tensor.shape, tensor.dtype, tensor.device) != (shape, dtype, images.device):
            raise LutError(
                f"the {name} is {list(tensor.shape)}, {tensor.dtype}, on {tensor.device}; for these images it is "
                f"{list(shape)}, {dtype}, on {images.device}"
            )
    if luts == 0:
        raise LutError("there is no LUT to apply")
    check_index(index, luts)


def _layout(name: str) -> cpu.Layout:
    return "NCHW" if name == "NCHW" else "NHWC"


def _interpolation(name: str) -> Interpolation:
    return "tetrahedral" if name == "tetrahedral" else "trilinear"


def check_index(index: Tensor | None, count: int) -> None:
    """Refuse indices outside 0..count-1. On a CUDA device the kernel clamps them, because a check would wait for it."""
    if index is not None and index.device.type == "cpu" and index.numel():
        lowest, highest = int(index.min()), int(index.max())
        if lowest < 0 or highest >= count:
            raise LutError(f"LUT index {lowest if lowest < 0 else highest} is outside 0..{count - 1}")


@torch.library.custom_op("sshbench::apply_lut", mutates_args=())
def apply_lut(
    images: Tensor,
    table: Optional[Tensor],  # noqa: UP045
    shaper: Optional[Tensor],  # noqa: UP045
    index: Optional[Tensor],  # noqa: UP045
    strength: Optional[Tensor],  # noqa: UP045
    domain: Sequence[float],
    shaper_domain: Sequence[float],
    layout: str,
    interpolation: str,
) -> Tensor:
    """Apply LUTs to `images` `[N, 3, H, W]` or `[N, H, W, 3]`, see `sshbench.lut.apply.apply_lut`.

    `table` `[K, B, G, R, 3]` and `shaper` `[K, S, 3]` are float32, or float64 for float64 images; `index` is int32
    `[N]` and `strength` is `[N]` in the table's type. The domains are lower R, G, B, upper R, G, B.

    Raises
    ------
    LutError
        A shape, a type, a device, an index or a domain does not fit.
    """
    _check(images, table, shaper, index, strength, domain, shaper_domain, layout, interpolation)
    images = images.contiguous()
    out = torch.empty_like(images)
    if images.numel() == 0:
        return out
    if images.device.type == "cuda":
        from sshbench.lut.kernels import cuda

        cuda.forward(
            images, _contiguous(table), _contiguous(shaper), index, strength, tuple(domain), tuple(shaper_domain),
            layout=_layout(layout), interpolation=_interpolation(interpolation), out=out,
        )  # fmt: skip
        return out
    if images.dtype == torch.float64:
        planar = images if layout == "NCHW" else images.permute(0, 3, 1, 2).contiguous()
        result = torch.empty_like(planar)
        cpu.apply_doubles(
            planar, _contiguous(table), None if shaper is None else shaper.transpose(1, 2).contiguous(),
            _contiguous(index), _contiguous(strength), domain=_domain(domain), shaper_domain=_domain(shaper_domain),
            interpolation=interpolation, out=result,
        )  # fmt: skip
        return result if layout == "NCHW" else result.permute(0, 2, 3, 1).contiguous()
    packed = cpu.PackedLuts(
        None if table is None else table.contiguous().numpy(),
        None if shaper is None else shaper.contiguous().numpy(),
        _domain(domain),
        _domain(shaper_domain),
    )
    height, width = images.shape[2:] if layout == "NCHW" else images.shape[1:3]
    cpu.apply(
        images, packed, None if index is None else index.contiguous().numpy(),
        None if strength is None else strength.contiguous().numpy(), shape=(len(images), height, width),
        dtype=str(images.dtype).removeprefix("torch."), layout=_layout(layout),
        interpolation=interpolation, out=out,
    )  # fmt: skip
    return out


@apply_lut.register_fake
def _(images: Tensor, *_: Any) -> Tensor:
    return torch.empty_like(images, memory_format=torch.contiguous_format)


@torch.library.custom_op("sshbench::apply_lut_backward", mutates_args=())
def apply_lut_backward(
    grad: Tensor,
    images: Tensor,
    table: Optional[Tensor],  # noqa: UP045
    shaper: Optional[Tensor],  # noqa: UP045
    index: Optional[Tensor],  # noqa: UP045
    strength: Optional[Tensor],  # noqa: UP045
    domain: Sequence[float],
    shaper_domain: Sequence[float],
    layout: str,
    interpolation: str,
    needs: Sequence[bool],
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the gradients of `apply_lut` for images, table, shaper and strength; empty where `needs` is False."""
    _check(images, table, shaper, index, strength, domain, shaper_domain, layout, interpolation)
    if images.dtype not in _FLOATS or len(needs) != 4:
        raise LutError(f"images of {images.dtype} have no gradients, and `needs` has four entries, not {len(needs)}")
    if (grad.shape, grad.dtype, grad.device) != (images.shape, images.dtype, images.device):
        raise LutError(
            f"the gradient is {list(grad.shape)}, {grad.dtype}, on {grad.device}, and not as the images "
            f"{list(images.shape)}, {images.dtype}, on {images.device}"
        )
    if layout == "NHWC":
        grad, images = grad.permute(0, 3, 1, 2), images.permute(0, 3, 1, 2)
    grad, images = grad.contiguous(), images.contiguous()
    table, shaper = _contiguous(table), _contiguous(shaper)
    results: Sequence[Tensor | None]
    if images.numel() == 0:
        sources = (images, table, shaper, strength)
        results = [torch.zeros_like(s) if n and s is not None else None for s, n in zip(sources, needs, strict=True)]
    elif images.device.type == "cuda":
        from sshbench.lut.kernels import cuda

        results = cuda.backward(
            grad, images, table, shaper, index, strength, tuple(domain), tuple(shaper_domain),
            interpolation=_interpolation(interpolation), needs=(needs[0], needs[1], needs[2], needs[3]),
        )  # fmt: skip
    else:
        results = _cpu_backward(
            grad, images, table, shaper, index, strength, domain, shaper_domain, interpolation, needs
        )
    d_images, d_table, d_shaper, d_strength = (images.new_empty(0) if r is None else r for r in results)
    if layout == "NHWC" and needs[0]:
        d_images = d_images.permute(0, 2, 3, 1).contiguous()
    return d_images, d_table, d_shaper, d_strength


@apply_lut_backward.register_fake
def _(
    grad: Tensor,
    images: Tensor,
    table: Tensor | None,
    shaper: Tensor | None,
    index: Tensor | None,
    strength: Tensor | None,
    domain: Sequence[float],
    shaper_domain: Sequence[float],
    layout: str,
    interpolation: str,
    needs: Sequence[bool],
) -> tuple[Tensor, ...]:
    sources = (images, table, shaper, strength)
    return tuple(
        torch.empty_like(s, memory_format=torch.contiguous_format) if n and s is not None else images.new_empty(0)
        for s, n in zip(sources, needs, strict=True)
    )


def _cpu_backward(
    grad: Tensor,
    images: Tensor,
    table: Tensor | None,
    shaper: Tensor | None,
    index: Tensor | None,
    strength: Tensor | None,
    domain: Sequence[float],
    shaper_domain: Sequence[float],
    interpolation: str,
    needs: Sequence[bool],
) -> list[Tensor | None]:
    half = images.dtype in (torch.float16, torch.bfloat16)
    values = images.float() if half else images
    planar_shaper = None if shaper is None else shaper.transpose(1, 2).contiguous()
    d_images = torch.empty_like(values) if needs[0] else None
    d_table = torch.zeros_like(table) if needs[1] and table is not None else None
    d_shaper = torch.zeros_like(planar_shaper) if needs[2] and planar_shaper is not None else None
    d_strength = torch.empty_like(strength) if needs[3] and strength is not None else None
    cpu.backward(
        grad.to(values.dtype), values, table, planar_shaper, _contiguous(index), _contiguous(strength),
        domain=_domain(domain), shaper_domain=_domain(shaper_domain), interpolation=interpolation, grad_images=d_images,
        grad_table=d_table, grad_shaper=d_shaper, grad_strength=d_strength,
    )  # fmt: skip
    if half and d_images is not None:
        d_images = d_images.to(images.dtype)
    return [d_images, d_table, None if d_shaper is None else d_shaper.transpose(1, 2).contiguous(), d_strength]


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    images, table, shaper, index, strength, *ctx.settings = inputs
    ctx.save_for_backward(images, table, shaper, index, strength)


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    images, table, shaper, index, strength = ctx.saved_tensors
    wanted = ctx.needs_input_grad
    needs = [wanted[0], wanted[1], wanted[2], wanted[4]]
    grads = apply_lut_backward(grad, images, table, shaper, index, strength, *ctx.settings, needs)
    d_images, d_table, d_shaper, d_strength = (g if n else None for g, n in zip(grads, needs, strict=True))
    return d_images, d_table, d_shaper, None, d_strength, None, None, None, None


apply_lut.register_autograd(_backward, setup_context=_setup_context)


def _contiguous(tensor: Tensor | None) -> Tensor | None:
    return None if tensor is None else tensor.contiguous()
