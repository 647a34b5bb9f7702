"""`apply_lut` for numpy arrays, by the native kernels or, if there are none, by plain torch."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sshbench.lut import arguments, arrays, ranges
from sshbench.lut.arguments import Index, Interpolation, Strength
from sshbench.lut.table import LutError


def check_out(images: NDArray[Any], out: Any) -> None:
    """Raise `LutError` if `out` is not an array that can take the result."""
    if not (isinstance(out, np.ndarray) and out.shape == images.shape and out.dtype == images.dtype):
        raise LutError(f"out is a numpy array of shape {images.shape} and type {images.dtype}, as the images are")
    if not (out.flags.c_contiguous and out.flags.writeable):
        raise LutError("out is C-contiguous and writeable")


def apply_to_array(
    images: NDArray[Any],
    luts: Any,
    index: Index,
    strength: Strength,
    interpolation: Interpolation,
    channels_last: bool,
    out: Any,
) -> Any:
    """Return a numpy array after its LUTs; `apply_lut` documents the arguments."""
    dtype = images.dtype.name
    if out is None:
        out = np.empty(images.shape, images.dtype)
    else:
        check_out(images, out)
        images = arguments.separate(images, out)
    count = len(images) if images.ndim == 4 else 1
    packed = arguments.packed(luts)
    indices, strengths = arguments.choices(index, strength, packed.count, count)
    if images.size == 0:
        return out
    # Kernels need aligned numbers in the processor's byte order.
    batch = np.require(images, images.dtype.newbyteorder("="), ["C", "A", "E"]).reshape(count, *images.shape[-3:])
    if dtype.startswith("float"):
        ranges.check_floats(batch, luts)
    else:
        arguments.check_table(luts)
    in_place = out.dtype.isnative and out.flags.aligned
    result = out.reshape(batch.shape) if in_place else np.empty_like(batch)
    arrays.compute(batch, packed, indices, strengths, interpolation, channels_last, result)
    if not in_place:
        out[...] = result.reshape(out.shape)
    return out
