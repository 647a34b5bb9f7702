"""The CUDA side of the torch operator: fill in the struct of one kernel and launch it once for each batch.

All tensors are contiguous and on one device; the operator ensures this. A float image in `channels_last` memory is a
contiguous NHWC tensor after `permute(0, 2, 3, 1)`, so it needs no copy either.
"""

from __future__ import annotations

import ctypes
import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from sshbench.lut.kernels import nvrtc

if TYPE_CHECKING:
    import torch

Layout = Literal["NCHW", "NHWC"]
Interpolation = Literal["trilinear", "tetrahedral"]

# These constants equal those of cuda.cu: the threads of a block by the place of the table, and the pixels that a thread
# reads at a time.
_THREADS = {"GLOBAL": 256, "SHARED": 768, "CODES": 768}
_PIXELS_A_THREAD = 2
_TYPES = {
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
    """Apply one LUT to each image of a batch and write the result to `out`.

    Parameters
    ----------
    images, out
        `[N, 3, H, W]` or `[N, H, W, 3]`, uint8, float16, bfloat16, float32 or float64, both of one dtype. `out` may be
        `images`.
    table
        `[K, B, G, R, 3]` or None for a 1D LUT. The packed form of the table is cached as long as its memory lives and
        torch sees no change. Torch does not see changes that are written through `.data`.
    shaper
        `[K, S, 3]` or None.
    index
        int32 `[N]`, the LUT of each image, or None if there is one LUT. The kernel clamps the index to 0..K-1, so a
        wrong index gives a wrong colour and never a read outside the bank.
    strength
        `[N]` or None: `out = x + strength * (lut(x) - x)`, before rounding.
    domain, shaper_domain
        Lower r, g, b and upper r, g, b.

    Raises
    ------
    CudaKernelError
        NVRTC or the driver is missing, or reports an error.

    Notes
    -----
    Inputs are clamped to the domain. With a table, a NaN in one channel makes all three channels NaN; with only a
    shaper, it makes this channel NaN. uint8 inputs are divided by 255, and uint8 results are rounded half up and
    clamped; floats are not clamped.
    """
    job, keep = _job(images, table, shaper, index, strength, domain, shaper_domain)
    _launch_forward(job, images, table, layout, interpolation, out)
    del keep


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
    """Convert uint8 images to a training tensor in one launch: LUT, clamp to 0..1, then `(value - mean) / std`.

    `images` is uint8 in `layout`; `out` is `[N, 3, H, W]`, float16, bfloat16 or float32. The value is not rounded to 8
    bits in between, so the tensor is closer to the LUT than one that is decoded from a rendered file. Other arguments
    are as in `forward`.
    """
    job, keep = _job(images, table, shaper, index, strength, domain, shaper_domain)
    job.mean[:] = mean
    job.inverse_deviation[:] = [1.0 / value for value in std]
    _launch_forward(job, images, table, layout, interpolation, out)
    del keep


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
    """Return the gradients of images, table, shaper and strength; None for those that are not needed or do not exist.

    Images are `[N, 3, H, W]` floats. The gradient of the images has their dtype; the others are float32, or float64 for
    float64 images. They are summed with atomic adds, so their last bits vary between runs. Other arguments are as in
    `forward`.
    """
    import torch

    job, keep = _job(images, table, shaper, index, strength, domain, shaper_domain)
    value = torch.float64 if images.dtype == torch.float64 else torch.float32
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
    job.pixels = images.shape[2] * images.shape[3]
    if job.count and job.pixels:
        name = f"sshbench::backward<{_type(images)}, sshbench::{interpolation.upper()}>"
        _launch(name, "GLOBAL", 0, job, images.device)
    del keep
    return grads[0], None if grads[1] is None else grads[1][..., :3].contiguous(), grads[2], grads[3]


def kernel_expressions() -> tuple[str, ...]:
    """Return the names of all kernels, as `nvrtc.compile_kernels` takes them."""
    names = ["sshbench::pack"]
    for method in ("TRILINEAR", "TETRAHEDRAL"):
        for source in _TYPES:
            for target in list(_TYPES)[:-1] if source == "uint8" else [source]:
                for store in ("GLOBAL", "SHARED", "CODES"):
                    if store == "GLOBAL" or _can_be_shared(store, source, target):
                        names += [_forward_name(source, target, lay, method, store) for lay in ("NCHW", "NHWC")]
        names += [f"sshbench::backward<{kind}, sshbench::{method}>" for kind in _TYPES.values() if kind[0] != "u"]
    return tuple(names)


def _can_be_shared(store: str, source: str, target: str) -> bool:
    """Return whether this kernel exists. Codes are exact enough for bytes, and for 16-bit tensors made from bytes."""
    if store == "CODES":
        return source == "uint8" and target in ("uint8", "float16", "bfloat16")
    return target != "float64"


def _forward_name(source: str, target: str, layout: str, method: str, store: str) -> str:
    tags = ", ".join(f"sshbench::{tag}" for tag in (layout, method, store))
    return f"sshbench::forward<{_TYPES[source]}, {_TYPES[target]}, {tags}>"


def _launch_forward(
    job: Any,
    images: torch.Tensor,
    table: torch.Tensor | None,
    layout: Layout,
    interpolation: Interpolation,
    out: torch.Tensor,
) -> None:
    job.out = out.data_ptr()
    job.pixels = math.prod(images.shape[2:] if layout == "NCHW" else images.shape[1:3])
    if not job.count or not job.pixels:
        return
    source, target = _dtype(images), _dtype(out)
    store, shared = "GLOBAL", 0
    if table is not None and target != "float64":
        points = math.prod(table.shape[1:4])
        room = nvrtc.shared_memory(_index(images.device))
        # A block reads the whole table before its first pixel, which pays off if it then treats several times as many.
        if 4 * job.count * job.pixels >= points * nvrtc.multiprocessors(_index(images.device)):
            if 16 * points <= room:
                store, shared = "SHARED", 16 * points
            elif job.codes and job.code_bytes <= room and _can_be_shared("CODES", source, target):
                store, shared = "CODES", job.code_bytes
    name = _forward_name(source, target, layout, interpolation.upper(), store)
    _launch(name, store, shared, job, images.device)


def _launch(expression: str, store: str, shared: int, job: Any, device: torch.device) -> None:
    rows = min(job.count, 65535)
    most = -(-job.pixels // (_THREADS[store] * _PIXELS_A_THREAD))
    # Without shared memory, two or three blocks run on a processor at a time; six places are whole rounds for both.
    places = nvrtc.multiprocessors(_index(device)) * (1 if shared else 6)
    columns = min(most, _columns(rows, places))
    nvrtc.launch(expression, (columns, rows), _THREADS[store], shared, job, device)


@cache
def _columns(rows: int, places: int) -> int:
    """Return the number of blocks for each image, so that few processors idle while the last blocks run."""

    def cost(columns: int) -> float:
        rounds = -(-rows * columns // places)
        return rounds / columns * (1 + 0.01 * columns * rows / places)

    return min(range(1, 4 * (places // rows + 2)), key=cost)


def _job(
    images: torch.Tensor,
    table: torch.Tensor | None,
    shaper: torch.Tensor | None,
    index: torch.Tensor | None,
    strength: torch.Tensor | None,
    domain: Sequence[float],
    shaper_domain: Sequence[float],
) -> tuple[Any, list[torch.Tensor | None]]:
    """Return the struct that forward and backward share, and the tensors that must live until the launch."""
    import torch

    value = torch.float64 if images.dtype == torch.float64 else torch.float32
    packed = None if table is None else _packed(table.to(value))
    shaper = None if shaper is None else shaper.to(value)
    strength = None if strength is None else strength.to(value)
    job = (_Job64 if value == torch.float64 else _Job32)()
    keep = [images, *(packed or (None,) * 3), shaper, index, strength]
    for name, tensor in zip(_INPUTS, keep, strict=True):
        setattr(job, name, 0 if tensor is None else tensor.data_ptr())
    stages = [stage for stage in (table, shaper) if stage is not None]
    job.count, job.tables = images.shape[0], stages[0].shape[0]
    if packed is not None and packed.codes is not None:
        job.code_bytes = packed.codes.shape[1]
    for c in range(3):
        if table is not None:
            _fill(job.axis[c], domain[c], domain[c + 3], table.shape[3 - c])
        if shaper is not None:
            _fill(job.curve[c], shaper_domain[c], shaper_domain[c + 3], shaper.shape[1])
    return job, keep


class _Packed(NamedTuple):
    """A table as the kernels read it: `[K, B, G, R, 4]`, and for float32 the codes and their ranges, see cuda.cu."""

    texels: torch.Tensor
    codes: torch.Tensor | None = None
    ranges: torch.Tensor | None = None


# The keys are memory, shape and stream; the values are the memory's owner, its version, and the packed table.
_PACKED: OrderedDict[tuple[Any, ...], tuple[Any, int, _Packed]] = OrderedDict()
_MOST_PACKED = 32


def _packed(table: torch.Tensor) -> _Packed:
    from torch.multiprocessing.reductions import StorageWeakRef

    stream, capturing = nvrtc.stream(table.device)
    # We do not cache these: a trained tensor changes at each step, a tensor of inference mode has no version, and the
    # memory of a captured graph belongs to the graph.
    if table.requires_grad or table.is_inference() or capturing:
        return _pack(table)
    key = (table.data_ptr(), table.shape, table.dtype, table.device, stream)
    with _LOCK:
        if key in _PACKED:
            owner, version, packed = _PACKED.pop(key)
            if not owner.expired() and version == table._version:
                _PACKED[key] = owner, version, packed
                return packed
        for other in [k for k, (owner, _, _) in _PACKED.items() if owner.expired()]:
            del _PACKED[other]
        if len(_PACKED) == _MOST_PACKED:
            _PACKED.popitem(last=False)
        packed = _pack(table)
        _PACKED[key] = StorageWeakRef(table.untyped_storage()), table._version, packed  # type: ignore[no-untyped-call]
        return packed


def _pack(table: torch.Tensor) -> _Packed:
    import torch

    if table.dtype == torch.float64:
        return _Packed(torch.nn.functional.pad(table, (0, 1)))
    count, points = table.shape[0], math.prod(table.shape[1:4])
    code_bytes = -(-6 * points // 16) * 16
    if code_bytes > nvrtc.shared_memory(_index(table.device)):
        code_bytes = 0
    texels = table.new_empty((*table.shape[:4], 4))
    codes = torch.empty((count, code_bytes), dtype=torch.uint8, device=table.device)
    ranges = table.new_empty((count, 2))
    job = _PackJob(table.data_ptr(), texels.data_ptr(), codes.data_ptr(), ranges.data_ptr(), points, code_bytes)
    threads = _THREADS["SHARED"]
    nvrtc.launch("sshbench::pack", (count, 1), threads, 8 * threads, job, table.device)
    return _Packed(texels, codes, ranges)


def _index(device: torch.device) -> int:
    import torch

    return device.index if device.index is not None else torch.cuda.current_device()


def _fill(axis: Any, lower: float, upper: float, size: int) -> None:
    axis.lower, axis.upper, axis.size = lower, upper, size
    axis.scale, axis.scale_low = _scale(axis.real, axis.lower, axis.upper, size)


@cache
def _scale(real: Callable[[float], Any], lower: float, upper: float, size: int) -> tuple[float, float]:
    """Return (size - 1) / (upper - lower) as the kernel's real number, and the rest that this number leaves over."""
    exact = Fraction(size - 1) / (Fraction(upper) - Fraction(lower))
    scale = float(real(float(exact)).value)
    return scale, float(exact - Fraction(scale))


def _dtype(tensor: torch.Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def _type(tensor: torch.Tensor) -> str:
    return _TYPES[_dtype(tensor)]


def _job_type(real: Any) -> Any:
    """Return `Job<T>` of cuda.cu as a ctypes struct."""
    axis: Any = type(
        "Axis", (ctypes.Structure,), {"_fields_": [*((n, real) for n in _AXIS), ("size", ctypes.c_int)], "real": real}
    )
    fields: list[Any] = [(name, ctypes.c_void_p) for name in (*_INPUTS, "grad_out", "out", *_GRADS)]
    fields += [(name, ctypes.c_longlong) for name in ("pixels", "code_bytes")]
    fields += [(name, ctypes.c_int) for name in ("count", "tables")]
    fields += [("axis", axis * 3), ("curve", axis * 3), ("mean", real * 3), ("inverse_deviation", real * 3)]
    return type("Job", (ctypes.Structure,), {"_fields_": fields})


class _PackJob(ctypes.Structure):
    """`PackJob` of cuda.cu."""

    _fields_ = [
        *((name, ctypes.c_void_p) for name in ("table", "texels", "codes", "ranges")),
        *((name, ctypes.c_longlong) for name in ("points", "code_bytes")),
    ]


_AXIS = ("lower", "upper", "scale", "scale_low")
_INPUTS = ("images", "table", "codes", "ranges", "shaper", "index", "strength")
_GRADS = ("grad_images", "grad_table", "grad_shaper", "grad_strength")
_Job32, _Job64 = _job_type(ctypes.c_float), _job_type(ctypes.c_double)
_LOCK = threading.RLock()
