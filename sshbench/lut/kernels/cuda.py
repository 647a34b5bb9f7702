"""What the torch operator calls for CUDA tensors: fills in one kernel's struct and launches it once a batch.

All tensors are contiguous and on one device; the operator sees to that. A float image in `channels_last` memory is a
contiguous NHWC tensor after `permute(0, 2, 3, 1)`, so it needs no copy either.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from sshbench.lut.kernels import nvrtc

if TYPE_CHECKING:
    import torch

Layout = Literal["NCHW", "NHWC"]
Interpolation = Literal["trilinear", "tetrahedral"]

THREADS = 256  # as in cuda.cu
_BLOCKS_A_PROCESSOR = 2  # what the registers allow
_PIXELS = {
    "uint8": "unsigned char",
    "float16": "sshbench::Half",
    "bfloat16": "sshbench::Bfloat16",
    "float32": "float",
    "float64": "double",
}


def forward(
    images: torch.Tensor,
    table: torch.Tensor | None,
    shaper: torch.Tensor | None,
    index: torch.Tensor | None,
    strength: torch.Tensor | None,
    domain: Sequence[float],
    shaper_domain: Sequence[float],
    *,
    layout: Layout,
    interpolation: Interpolation,
    out: torch.Tensor,
) -> None:
    """Apply one LUT an image to a batch.

    Parameters
    ----------
    images, out
        `[N, 3, H, W]` or `[N, H, W, 3]`, uint8, float16, bfloat16, float32 or float64, both of one dtype. `out` may be
        `images`.
    table
        `[K, B, G, R, 3]`, or packed by `pack_table` to save doing so at each call; None for a 1D LUT.
    shaper
        `[K, S, 3]` or None.
    index
        int32 `[N]`, the LUT of each image, or None where there is one LUT. The kernel clamps it to 0..K-1, so a wrong
        index gives a wrong colour and never a read outside the bank.
    strength
        `[N]` or None: `out = x + strength * (lut(x) - x)`, before rounding.
    domain, shaper_domain
        Lower r, g, b and upper r, g, b.

    Raises
    ------
    CudaKernelError
        NVRTC or the driver is missing or refuses.

    Notes
    -----
    Inputs clamp to the domain; a NaN in one channel makes all three NaN where there is a table, and that one where
    there is a shaper only. uint8 is `x / 255` in and is rounded half up and clamped; floats are not clamped.
    """
    kind = _pixel(out)
    _forward(
        f"{kind}, {kind}", images, table, shaper, index, strength, domain, shaper_domain, layout, interpolation, out
    )


def normalize(
    images: torch.Tensor,
    table: torch.Tensor | None,
    shaper: torch.Tensor | None,
    index: torch.Tensor | None,
    strength: torch.Tensor | None,
    domain: Sequence[float],
    shaper_domain: Sequence[float],
    mean: Sequence[float],
    std: Sequence[float],
    *,
    layout: Layout,
    interpolation: Interpolation,
    out: torch.Tensor,
) -> None:
    """From uint8 images to a training tensor in one launch: LUT, clamp to 0..1, then `(value - mean) / std`.

    `images` is uint8 in `layout`; `out` is `[N, 3, H, W]`, float16, bfloat16 or float32. The value is not rounded to 8
    bits on the way: the tensor is closer to the LUT than one decoded from a rendered file. Other arguments are as in
    `forward`.
    """
    extra = {"mean": tuple(mean), "inverse_deviation": tuple(1.0 / value for value in std)}
    types = f"unsigned char, {_pixel(out)}"
    _forward(types, images, table, shaper, index, strength, domain, shaper_domain, layout, interpolation, out, **extra)


def backward(
    grad_out: torch.Tensor,
    images: torch.Tensor,
    table: torch.Tensor | None,
    shaper: torch.Tensor | None,
    index: torch.Tensor | None,
    strength: torch.Tensor | None,
    domain: Sequence[float],
    shaper_domain: Sequence[float],
    *,
    interpolation: Interpolation,
    needs: tuple[bool, bool, bool, bool],
) -> tuple[torch.Tensor | None, torch.Tensor | None, torch.Tensor | None, torch.Tensor | None]:
    """Gradients by images, table, shaper and strength; None where not needed or not there.

    Images are `[N, 3, H, W]` floats. The gradient by the images has their dtype, the others are float32, or float64 for
    float64 images. They are summed with atomic adds, so their last bits vary between runs. Other arguments are as in
    `forward`.
    """
    import torch

    job, keep = _job(images, table, shaper, index, strength, domain, shaper_domain)
    value = _value_dtype(images)
    grads: list[torch.Tensor | None] = [None] * 4
    if needs[0]:
        grads[0] = torch.empty_like(images)
    if needs[1] and table is not None:
        grads[1] = torch.zeros((*table.shape[:4], 4), dtype=value, device=images.device)
    if needs[2] and shaper is not None:
        grads[2] = torch.zeros(shaper.shape, dtype=value, device=images.device)
    if needs[3] and strength is not None:
        grads[3] = torch.zeros(strength.shape, dtype=value, device=images.device)
    job.grad_out = grad_out.data_ptr()
    for name, grad in zip(_GRADS, grads, strict=True):
        setattr(job, name, 0 if grad is None else grad.data_ptr())
    job.count, job.pixels = images.shape[0], images.shape[2] * images.shape[3]
    _launch(f"sshbench::backward<{_pixel(images)}, sshbench::{interpolation.upper()}>", job, 1, images.device)
    del keep
    return grads[0], None if grads[1] is None else grads[1][..., :3].contiguous(), grads[2], grads[3]


def pack_table(table: torch.Tensor) -> torch.Tensor:
    """`[..., 3]` to `[..., 4]`: a point of a packed table is one 16-byte load (32 bytes for float64)."""
    import torch

    return table if table.shape[-1] == 4 else torch.nn.functional.pad(table, (0, 1))


def kernel_expressions() -> tuple[str, ...]:
    """The names of all kernels there are, as `nvrtc.compile_kernels` takes them."""
    floats = [kind for name, kind in _PIXELS.items() if name != "uint8"]
    names = []
    for method in ("TRILINEAR", "TETRAHEDRAL"):
        for layout in ("NCHW", "NHWC"):
            pairs = [(kind, kind) for kind in _PIXELS.values()]
            pairs += [("unsigned char", kind) for kind in floats if kind != "double"]
            names += [f"sshbench::forward<{a}, {b}, sshbench::{layout}, sshbench::{method}>" for a, b in pairs]
        names += [f"sshbench::backward<{kind}, sshbench::{method}>" for kind in floats]
    return tuple(names)


def _forward(
    types: str,
    images: torch.Tensor,
    table: torch.Tensor | None,
    shaper: torch.Tensor | None,
    index: torch.Tensor | None,
    strength: torch.Tensor | None,
    domain: Sequence[float],
    shaper_domain: Sequence[float],
    layout: Layout,
    interpolation: Interpolation,
    out: torch.Tensor,
    **extra: tuple[float, ...],
) -> None:
    job, keep = _job(images, table, shaper, index, strength, domain, shaper_domain)
    for name, values in extra.items():
        getattr(job, name)[:] = values
    planar, normalizes = layout == "NCHW", out.dtype != images.dtype
    job.out = out.data_ptr()
    job.count, job.pixels = images.shape[0], math.prod(images.shape[2:] if planar else images.shape[1:3])
    if not planar and not normalizes and index is None and strength is None:
        job.count, job.pixels = 1, job.pixels * job.count  # one long image, so that none has a remainder
    tile = 16 // out.element_size()
    job.aligned = _is_aligned(images, tile, job, planar) and _is_aligned(out, tile, job, planar or normalizes)
    method = f"sshbench::{layout}, sshbench::{interpolation.upper()}"
    _launch(f"sshbench::forward<{types}, {method}>", job, tile if job.aligned else 1, images.device)
    del keep


def _is_aligned(tensor: torch.Tensor, tile: int, job: Any, planar: bool) -> bool:
    """Whether every row of every tile begins at a multiple of the width it is read or written with."""
    size = tensor.element_size()
    row = job.pixels if planar else 3 * job.pixels if job.count > 1 else 0
    return bool(tensor.data_ptr() % (tile * size) == 0 and row % tile == 0)


def _launch(expression: str, job: Any, tile: int, device: torch.device) -> None:
    if not job.count or not job.pixels:
        return
    rows = min(job.count, 65535)
    # A few blocks for each place there is, so that all processors end at about the same time.
    places = 4 * _BLOCKS_A_PROCESSOR * nvrtc.multiprocessors(device)
    columns = min(-(-job.pixels // (tile * THREADS)), -(-places // rows))
    nvrtc.launch(expression, (columns, rows), THREADS, 0, job, device)


def _job(
    images: torch.Tensor,
    table: torch.Tensor | None,
    shaper: torch.Tensor | None,
    index: torch.Tensor | None,
    strength: torch.Tensor | None,
    domain: Sequence[float],
    shaper_domain: Sequence[float],
) -> tuple[Any, list[torch.Tensor | None]]:
    """The struct with all that forward and backward share, and the tensors that must live until the launch."""
    import torch

    value = _value_dtype(images)
    table = None if table is None else pack_table(table.to(value))
    shaper = None if shaper is None else shaper.to(value)
    strength = None if strength is None else strength.to(value)
    job = (_Job64 if value == torch.float64 else _Job32)()
    keep = [images, table, shaper, index, strength]
    for name, tensor in zip(("images", "table", "shaper", "index", "strength"), keep, strict=True):
        setattr(job, name, 0 if tensor is None else tensor.data_ptr())
    stages = [stage for stage in (table, shaper) if stage is not None]
    job.tables = stages[0].shape[0]
    for c in range(3):
        if table is not None:
            _fill(job.axis[c], domain[c], domain[c + 3], table.shape[3 - c])
        if shaper is not None:
            _fill(job.curve[c], shaper_domain[c], shaper_domain[c + 3], shaper.shape[1])
    return job, keep


def _fill(axis: Any, lower: float, upper: float, size: int) -> None:
    axis.lower, axis.upper, axis.size = lower, upper, size
    axis.scale, axis.scale_low = _scale(axis.real, axis.lower, axis.upper, size)


@cache
def _scale(real: Callable[[float], Any], lower: float, upper: float, size: int) -> tuple[float, float]:
    """(size - 1) / (upper - lower), as the kernel's real number and what that leaves over."""
    exact = Fraction(size - 1) / (Fraction(upper) - Fraction(lower))
    scale = float(real(float(exact)).value)
    return scale, float(exact - Fraction(scale))


def _pixel(tensor: torch.Tensor) -> str:
    return _PIXELS[str(tensor.dtype).removeprefix("torch.")]


def _value_dtype(images: torch.Tensor) -> torch.dtype:
    """What the kernels compute in."""
    import torch

    return torch.float64 if images.dtype == torch.float64 else torch.float32


def _job_type(real: Any) -> Any:
    """`Job<T>` of cuda.cu as a ctypes struct."""
    axis: Any = type(
        "Axis", (ctypes.Structure,), {"_fields_": [*((n, real) for n in _AXIS), ("size", ctypes.c_int)], "real": real}
    )
    fields: list[Any] = [(name, ctypes.c_void_p) for name in (*_INPUTS, *_GRADS)]
    fields += [("pixels", ctypes.c_longlong), *((name, ctypes.c_int) for name in _INTEGERS)]
    fields += [("axis", axis * 3), ("curve", axis * 3), ("mean", real * 3), ("inverse_deviation", real * 3)]
    return type("Job", (ctypes.Structure,), {"_fields_": fields})


_AXIS = ("lower", "upper", "scale", "scale_low")
_INPUTS = ("images", "out", "table", "shaper", "index", "strength", "grad_out")
_GRADS = ("grad_images", "grad_table", "grad_shaper", "grad_strength")
_INTEGERS = ("count", "tables", "aligned", "unused")
_Job32, _Job64 = _job_type(ctypes.c_float), _job_type(ctypes.c_double)
