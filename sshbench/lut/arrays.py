"""Apply packed LUTs to numpy arrays, by the native kernels or, if there are none, with torch.

These functions trust their arguments; `sshbench.lut.apply` checks the arguments of a caller.
"""

from __future__ import annotations

import warnings
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sshbench.lut import ranges
from sshbench.lut.kernels import cpu
from sshbench.lut.table import Lut

if TYPE_CHECKING:
    import torch

    from sshbench.lut.arguments import Interpolation


def through(lut: Lut, colours: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the colours `[..., 3]` after the LUT, by trilinear interpolation.

    Raises
    ------
    LutError
        The colours are most likely over 0..255 (`ranges.check_floats`).
    """
    batch = np.ascontiguousarray(colours).reshape(1, 1, -1, 3)
    ranges.check_floats(batch, lut)
    out = np.empty_like(batch)
    if batch.size:
        compute(batch, lut.packed, None, None, "trilinear", True, out)
    return out.reshape(colours.shape)


def compute(
    batch: NDArray[Any],
    packed: cpu.PackedLuts,
    index: NDArray[np.int32] | None,
    strength: NDArray[np.float32] | None,
    interpolation: Interpolation,
    channels_last: bool,
    out: NDArray[Any],
) -> None:
    """Apply the LUTs to a batch of images and write the result to `out`.

    Parameters
    ----------
    batch, out
        `[N, H, W, 3]` if `channels_last`, otherwise `[N, 3, H, W]`; C-contiguous, of one native type: uint8, uint16, or
        floats in which 1 is white.
    index, strength
        `[N]`: the LUT of each image, and how far it is applied (0..1). None means LUT 0 and a strength of 1.
    """
    dtype = batch.dtype.name
    if cpu.available() and packed.fits_kernels and dtype != "float64":
        count, *sides = batch.shape
        height, width = sides[:2] if channels_last else sides[1:]
        cpu.apply(
            batch, packed, index, strength, shape=(count, height, width), dtype=dtype,
            layout="NHWC" if channels_last else "NCHW", interpolation=interpolation, out=out,
        )  # fmt: skip
        return
    if not cpu.available():
        say_once_that_kernels_are_missing()
        if dtype == "uint8" and cpu.apply_plain(batch, packed, index, strength, interpolation, channels_last, out):
            return
    planar = np.ascontiguousarray(batch.transpose(0, 3, 1, 2) if channels_last else batch)
    if dtype.startswith("uint"):
        top = np.iinfo(batch.dtype).max
        values = computed_by_torch(planar / np.float64(top), packed, index, strength, interpolation)
        values = np.floor(np.clip(values * top, 0, top) + 0.5)
    else:
        values = computed_by_torch(planar, packed, index, strength, interpolation)
    out[...] = values.transpose(0, 2, 3, 1) if channels_last else values


def computed_by_torch(
    planar: NDArray[Any],
    packed: cpu.PackedLuts,
    index: NDArray[np.int32] | None,
    strength: NDArray[np.float32] | None,
    interpolation: str,
) -> NDArray[Any]:
    """Return float images `[N, 3, H, W]` after their LUTs, by the reference implementation in torch."""
    import torch

    from sshbench.lut import reference

    def tensor(array: NDArray[Any] | None) -> torch.Tensor | None:
        return None if array is None else torch.from_numpy(array.copy())

    images = tensor(planar)
    assert images is not None
    result = reference.apply(
        images, tensor(packed.values), tensor(packed.shaper), tensor(index), tensor(strength), domain=packed.domain,
        shaper_domain=packed.shaper_domain, interpolation=interpolation,
    )  # fmt: skip
    values: NDArray[Any] = result.numpy()
    return values


@cache
def say_once_that_kernels_are_missing() -> None:
    """Warn at the first call in a process that the package lacks its native kernels."""
    warnings.warn(
        "sshbench was installed without its native kernels (no C++ compiler was found), so LUTs are applied with plain "
        "torch, which is slower; install a compiler and then sshbench again",
        RuntimeWarning,
        stacklevel=5,
    )
