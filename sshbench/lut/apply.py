"""`apply_lut`: apply look-up tables to the pixels of numpy arrays and torch tensors.

Interpolation follows the Adobe Cube LUT specification 1.0: inputs outside the domain are clamped to it. The native
kernels compute numpy arrays and CPU tensors. The operator `sshbench::apply_lut` computes gradients, `torch.compile`
graphs and CUDA tensors. If there is no kernel, plain torch computes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

from sshbench.lut import arguments, arrays, ranges, to_arrays, to_tensors
from sshbench.lut.arguments import Index, Interpolation, Layout, Luts, Strength
from sshbench.lut.kernels import cpu
from sshbench.lut.table import LutError

if TYPE_CHECKING:
    import torch

ARRAY_TYPES = ("uint8", "uint16", "float16", "float32", "float64")
TENSOR_TYPES = ("uint8", "float16", "bfloat16", "float32", "float64")


@overload
def apply_lut(
    images: NDArray[Any],
    luts: Luts,
    index: Index = None,
    *,
    strength: Strength = 1.0,
    interpolation: Interpolation = "trilinear",
    layout: Layout = "auto",
    data_range: float | None = None,
    out: NDArray[Any] | None = None,
) -> NDArray[Any]: ...


@overload
def apply_lut(
    images: torch.Tensor,
    luts: Luts,
    index: Index = None,
    *,
    strength: Strength = 1.0,
    interpolation: Interpolation = "trilinear",
    layout: Layout = "auto",
    data_range: float | None = None,
    out: torch.Tensor | None = None,
) -> torch.Tensor: ...


def apply_lut(
    images: Any,
    luts: Luts,
    index: Index = None,
    *,
    strength: Strength = 1.0,
    interpolation: Interpolation = "trilinear",
    layout: Layout = "auto",
    data_range: float | None = None,
    out: Any = None,
) -> Any:
    """Return images after their lookup tables.

    Interpolation follows the Adobe Cube LUT specification 1.0: values outside the domain are clamped to it.

    Parameters
    ----------
    images
        A numpy array or a torch tensor: one image `[H, W, 3]` or `[3, H, W]`, or a batch `[N, ...]` of images. uint8
        and (numpy only) uint16 span their whole range for 0..1. float16, bfloat16 (torch), float32 and float64 keep
        their values: infinities are clamped to the domain, and a pixel with a NaN gives NaN.
    luts
        A `Lut`, a `LutBank`, the name of a look that ships with sshbench, the path of a LUT file, or tables over 0..1
        as a tensor `[B, G, R, 3]` or `[K, B, G, R, 3]`, whose gradients are then available.
    index
        The LUT of each image: its number 0..K-1 or its name in the bank; one for all images, or `[N]`. None takes LUT 0
        of a single LUT, and LUT i for image i if there are as many LUTs as images.
    strength
        The blend from the input (0) to the output of the LUT (1): one number for all images, or `[N]`.
    interpolation
        `"trilinear"` or `"tetrahedral"`, for the 3D table. 1D curves are always interpolated linearly.
    layout
        `"HWC"`, `"CHW"`, or `"auto"`, which takes the axis of length 3. If both axes have this length, `"auto"` means
        channels last for numpy arrays and uint8 tensors, and channels first for floating-point tensors.
    data_range
        The value of white in the images: 255 for floats over 0..255, 4095 for 12 bits in uint16. The default is 255 for
        uint8, 65535 for uint16, and 1 for floats.
    out
        The array or tensor that receives the result: contiguous, with the shape and type of the images. `out` may be
        `images` itself or overlap it.

    Returns
    -------
    array or tensor
        The result with the images' type (and byte order), shape, layout and range. uint8 and uint16 are rounded (half
        up) and clamped; floats are not clamped.

    Raises
    ------
    LutError
        A shape, type, index, name or strength does not fit; or the floats are most likely over 0..255, because more
        values lie far above the LUT's domain (by more than its width) than inside the domain. The range of images on a
        GPU, and in a graph of `torch.compile`, is not checked.
    CubeFormatError, HaldError, OSError
        `luts` is a name or a path, and `sshbench.lut.read_lut` cannot read the file.

    Examples
    --------
    >>> import numpy as np
    >>> from sshbench import LutBank, apply_lut
    >>> photo = np.full((4, 6, 3), 100, np.uint8)
    >>> apply_lut(photo, "golden-hour", strength=0.5)[0, 0].tolist()
    [116, 97, 79]
    >>> import torch
    >>> images = torch.full((2, 3, 4, 6), 0.4)
    >>> apply_lut(images, LutBank.of_looks(), [3, 14]).shape
    torch.Size([2, 3, 4, 6])
    """
    luts, index = arguments.named(luts, index)
    if interpolation not in ("trilinear", "tetrahedral"):
        raise LutError(f"interpolation is 'trilinear' or 'tetrahedral', not {interpolation!r}")
    is_array = isinstance(images, np.ndarray)
    if not is_array and not hasattr(images, "data_ptr"):
        raise LutError(f"images are a numpy array or a torch tensor, not {type(images).__name__}")
    dtype = images.dtype.name if is_array else str(images.dtype).removeprefix("torch.")
    types = ARRAY_TYPES if is_array else TENSOR_TYPES
    if dtype not in types:
        raise LutError(f"{'images' if is_array else 'image tensors'} are of type {', '.join(types)}, not {dtype}")
    channels_last = arguments.channels_last(images.shape, layout, prefer_last=is_array or dtype == "uint8")
    apply = to_arrays.apply_to_array if is_array else to_tensors.apply_to_tensor
    if data_range is None:
        return apply(images, luts, index, strength, interpolation, channels_last, out)
    white = ranges.check_white(data_range)
    if out is not None:
        (to_arrays.check_out if is_array else to_tensors.check_out)(images, out)
    unit = ranges.to_unit(images, white)
    result = ranges.from_unit(apply(unit, luts, index, strength, interpolation, channels_last, None), white, images)
    if out is None:
        return result
    out[...] = result
    return out


def apply_lut_normalized(
    images: Any,
    luts: Luts,
    index: Index = None,
    *,
    mean: Sequence[float] = (0.5, 0.5, 0.5),
    std: Sequence[float] = (0.5, 0.5, 0.5),
    dtype: Literal["float16", "bfloat16", "float32"] = "float32",
    strength: Strength = 1.0,
    interpolation: Interpolation = "trilinear",
    layout: Layout = "auto",
) -> Any:
    """Return uint8 images after their lookup tables, normalised as the input of a network, in one pass.

    Parameters
    ----------
    images
        uint8, one image or a batch, as for `apply_lut`.
    luts, index, strength, interpolation, layout
        As for `apply_lut`.
    mean, std
        Three numbers each, one for each channel, in values of 0..1. The defaults give -1..1.
    dtype
        The type of the result: `"float32"`, `"float16"`, or (tensors only) `"bfloat16"`.

    Returns
    -------
    array or tensor
        `[N, 3, H, W]` of `dtype`: (v - mean) / std, with v the LUT's value clamped to 0..1. The value is not rounded to
        8 bits in between.

    Raises
    ------
    LutError
        The images are not uint8, or the LUT, the index, the strength, `mean` or `std` do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from sshbench.lut import Lut, apply_lut_normalized
    >>> white = np.full((1, 4, 6, 3), 255, np.uint8)
    >>> batch = apply_lut_normalized(white, Lut.identity())
    >>> batch.shape, batch.dtype.name, float(batch.max())
    ((1, 3, 4, 6), 'float32', 1.0)
    """
    luts, index = arguments.named(luts, index)
    is_array = isinstance(images, np.ndarray)
    if not is_array and not hasattr(images, "data_ptr"):
        raise LutError(f"images are a numpy array or a torch tensor, not {type(images).__name__}")
    if str(images.dtype).removeprefix("torch.") != "uint8":
        raise LutError(f"apply_lut_normalized takes uint8 images, not {images.dtype}")
    if dtype not in ("float16", "bfloat16", "float32") or (is_array and dtype == "bfloat16"):
        raise LutError(f"the result cannot be {dtype}" + (" in a numpy array" if is_array else ""))
    affine = _affine(mean, std)
    channels_last = arguments.channels_last(images.shape, layout, prefer_last=True)
    batch = images[None] if images.ndim == 3 else images
    count, height, width = arguments.extent(batch.shape, channels_last)
    shape = (count, 3, height, width)
    if is_array:
        result: Any = np.empty(shape, dtype)
        batch = np.ascontiguousarray(batch)
    else:
        import torch

        result = torch.empty(shape, dtype=getattr(torch, dtype), device=batch.device)
        batch = batch.contiguous()
        if batch.device.type == "cuda":
            from sshbench.lut.kernels import cuda

            stages = arguments.stages(luts, batch.device, torch.float32)
            cuda.normalize(
                batch, stages.table, stages.shaper, arguments.index_tensor(index, stages.count, count, batch.device),
                arguments.strength_tensor(strength, count, batch.device, torch.float32), stages.domain,
                stages.shaper_domain, tuple(mean), tuple(std), layout="NHWC" if channels_last else "NCHW",
                interpolation=interpolation, out=result,
            )  # fmt: skip
            return result
    arguments.check_table(luts)
    packed = arguments.packed(luts)
    indices, strengths = arguments.choices(index, strength, packed.count, count)
    if 0 in shape:
        return result
    if cpu.available() and arguments.fit_kernels(luts):
        cpu.apply(
            batch, packed, indices, strengths, shape=(count, height, width), dtype="uint8",
            layout="NHWC" if channels_last else "NCHW", interpolation=interpolation, out=result, out_dtype=dtype,
            affine=affine,
        )  # fmt: skip
        return result
    pixels = np.asarray(batch)
    planar = np.ascontiguousarray(pixels.transpose(0, 3, 1, 2) if channels_last else pixels)
    values = arrays.computed_by_torch(
        planar.astype(np.float32) / np.float32(255), packed, indices, strengths, interpolation
    )
    values = np.clip(values, 0, 1) * affine[0].reshape(3, 1, 1) + affine[1].reshape(3, 1, 1)
    if is_array:
        return values.astype(dtype)
    return result.copy_(torch.from_numpy(values))


def _affine(mean: Sequence[float], std: Sequence[float]) -> NDArray[np.float32]:
    """Return the scale and the offset of each channel, `[2, 3]`."""
    try:
        offsets, widths = np.asarray(mean, np.float32), np.asarray(std, np.float32)
    except (TypeError, ValueError):
        offsets = widths = np.zeros(0, np.float32)
    if offsets.shape == widths.shape == (3,) and (widths != 0).all():
        with np.errstate(over="ignore", invalid="ignore"):
            scale = np.float32(1) / widths
            affine = np.stack([scale, -offsets * scale])
        if np.isfinite(affine).all():
            return affine
    raise LutError("mean and std have three finite numbers each, and no std is 0")
