"""The number that stands for white: 255 in uint8, 65535 in uint16, 1 in floats, or the number that a caller gives."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from sshbench.colour.polynomial import as_numbers
from sshbench.lut.table import UNIT, Domain, Lut, LutError

if TYPE_CHECKING:
    import torch

_MAGNITUDE = 0x7FFF  # all bits of a float16 except its sign


def check_floats(images: Any, luts: Any) -> None:
    """Refuse a float image that is most likely over 0..255, since the LUT expects 0..1.

    Single values may lie anywhere: a highlight is clamped to the domain. Do not pass images on a device, because the
    check would wait for them.

    Raises
    ------
    LutError
        More finite values lie above both 2 and the LUT's domain (by more than its width) than inside. A value is inside
        if it lies between black and the larger of 1 and the upper end of the domain.
    """
    domain = _input_domain(luts)
    lower, upper = min(domain.lower), max(domain.upper)
    largest = _far_above(images, lower, upper)
    if largest is not None:
        raise LutError(
            f"the images hold values up to {largest:.5g}, far above the LUT's domain {lower:.5g} to {upper:.5g}: in "
            "floats, 1 is white; give data_range=255 for floats over 0..255, or clip the images"
        )


def unit_colours(colours: Any) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return colours as float64 in which 1 is white: uint8 divided by 255, uint16 by 65535, floats unchanged.

    Raises
    ------
    LutError
        The floats are most likely over 0..255 (see `check_floats`), or the colours have another type.
    """
    array = as_numbers(colours, "colours")
    kind, width = array.dtype.kind, array.dtype.itemsize
    if kind == "u" and width <= 2:
        return array / float(np.iinfo(array.dtype).max)
    if kind not in "fiu" or (kind != "f" and array.size and (array.min() < 0 or array.max() > 1)):
        raise LutError(f"colours are uint8, uint16 or floats in which 1 is white, not {array.dtype}")
    wide = array.astype(np.float64)
    if (largest := _far_above(wide, 0.0, 1.0)) is not None:
        raise LutError(f"the colours hold values up to {largest:.5g}; in floats, 1 is white: divide them by 255")
    return wide


def _far_above(images: Any, lower: float, upper: float) -> float | None:
    """Return the largest finite value if more values lie far above the range and 0..1 than inside, or None."""
    upper = max(upper, 1.0)
    limit = upper + max(upper - lower, 1.0)
    if _largest(images) <= limit:
        return None
    values = images if isinstance(images, np.ndarray) else _array(images)
    if values.dtype == np.float16:
        values = values.astype(np.float32)
    beyond = values[(values > limit) & (values < np.inf)]
    inside = np.count_nonzero((values > lower) & (values <= upper))
    return float(beyond.max()) if len(beyond) > inside else None


def _largest(images: Any) -> float:
    """Return the largest value (for float16, the largest magnitude); NaN if any is NaN, -inf if there are no values."""
    if isinstance(images, np.ndarray):
        halves = images.dtype == np.float16
        bits = images.view(np.uint16) if halves else images
    else:
        import torch

        halves = images.dtype in (torch.float16, torch.bfloat16)
        bits = images.detach()
        bits = bits.view(torch.int16).numpy().view(np.uint16) if halves else bits.numpy()
    if bits.size == 0:
        return -math.inf
    if not halves:
        return float(bits.max())
    # We compare the bits of float16 values, because comparing the values takes longer than applying a LUT.
    largest = (bits & np.uint16(_MAGNITUDE)).max()
    if str(images.dtype).endswith("bfloat16"):
        return float((np.uint32(largest) << np.uint32(16)).view(np.float32))
    return float(largest.view(np.float16))


def _array(images: torch.Tensor) -> np.ndarray[Any, Any]:
    import torch

    wide = images.detach().to(torch.float64 if images.dtype == torch.float64 else torch.float32)
    array: np.ndarray[Any, Any] = wide.numpy()
    return array


def _input_domain(luts: Any) -> Domain:
    if not isinstance(luts, Lut):
        return UNIT
    return luts.domain if luts.shaper_values is None else luts.shaper_domain


def check_white(data_range: float) -> float:
    """Return `data_range`, the number that stands for white.

    Raises
    ------
    LutError
        `data_range` is not a finite number above 0.
    """
    if isinstance(data_range, bool) or not isinstance(data_range, int | float | np.number):
        raise LutError(f"data_range is the number that stands for white, not {data_range!r}")
    white = float(data_range)
    if not (math.isfinite(white) and white > 0):
        raise LutError(f"data_range is a finite number above 0, not {white:g}")
    return white


def to_unit(images: Any, white: float) -> Any:
    """Return the images as floats in which 1 is white, with at least float32 precision."""
    if isinstance(images, np.ndarray):
        wide = np.dtype(np.float64 if images.dtype.itemsize > 4 else np.float32)
        return images.astype(wide) / wide.type(white)
    import torch

    return images.to(torch.float64 if images.dtype == torch.float64 else torch.float32) / white


def from_unit(values: Any, white: float, like: Any) -> Any:
    """Return values in which 1 is white in the range and type of `like`; integers are rounded half up and clamped."""
    if isinstance(values, np.ndarray):
        scaled = values * values.dtype.type(white)
        if like.dtype.kind == "u":
            scaled = np.floor(np.clip(scaled, 0, min(white, np.iinfo(like.dtype).max)) + 0.5)
        return scaled.astype(like.dtype)
    import torch

    tensor: torch.Tensor = values * white
    if like.dtype == torch.uint8:
        tensor = tensor.clamp(0, min(white, 255)).add(0.5).floor()
    return tensor.to(like.dtype)
