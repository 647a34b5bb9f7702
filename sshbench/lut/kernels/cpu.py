"""The native CPU kernels, as functions on arrays whose shapes and types the caller has checked.

A wheel built without a compiler lacks them; `available()` says so, and `sshbench.lut.reference` computes instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sshbench.devices import processors
from sshbench.lut.domain import Domain
from sshbench.lut.kernels import plain

try:
    from sshbench.lut.kernels import _cpu  # type: ignore[attr-defined]
except ImportError:
    _cpu = None

Layout = Literal["NCHW", "NHWC"]
LAYOUTS = {"NCHW": 0, "NHWC": 1}
TYPES = {"uint8": 0, "uint16": 1, "float16": 2, "bfloat16": 3, "float32": 4}


def available() -> bool:
    """Return whether the native kernels were built."""
    return _cpu is not None


def kernels() -> list[str]:
    """Return the names of the kernels that this processor can run; the first is the fastest and is used."""
    return list(_cpu.kernels()) if _cpu is not None else []


def address(array: Any) -> int:
    """Return the address of an array's or tensor's data; 0 for None."""
    if array is None:
        return 0
    if isinstance(array, np.ndarray):
        return int(array.__array_interface__["data"][0])
    return int(array.data_ptr())


_threads: int | None = None


def set_threads(count: int | None) -> None:
    """Set the number of threads that a call in this process may use; None restores the default."""
    global _threads
    if count is not None and count < 1:
        raise ValueError(f"a call needs at least one thread, not {count}")
    _threads = count


def default_threads() -> int:
    """Return the number of threads that a call may use.

    It is the number that `set_threads` set. Otherwise it is torch's setting if torch is loaded, or else the number of
    processors that this process may run on.
    """
    if _threads is not None:
        return _threads
    import sys

    torch = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "get_num_threads"):
        return int(torch.get_num_threads())
    return processors()


def coordinates(
    size: int, domain: Domain, shaper: NDArray[np.float32] | None, shaper_domain: Domain
) -> NDArray[np.uint8]:
    """Return the place of each of the 256 values of a channel in a table with `size` points on each axis.

    Returns
    -------
    `[3, 3, 256]` uint8: for R, G and B the cell, and the low and the high byte of the fraction in 1/32768.
    """
    out = np.empty((3, 3, 256), np.uint8)
    for channel in range(3):
        x = np.arange(256) / 255.0
        if shaper is not None:
            nodes = np.linspace(shaper_domain.lower[channel], shaper_domain.upper[channel], len(shaper))
            x = np.interp(x, nodes, shaper[:, channel].astype(np.float64))
        lower, upper = domain.lower[channel], domain.upper[channel]
        place = (np.clip(x, lower, upper) - lower) / (upper - lower) * (size - 1)
        steps = np.round(place * 32768).astype(np.int64)
        out[channel] = steps >> 15, steps & 255, (steps & 32767) >> 8
    return out


@dataclass(frozen=True, eq=False)
class PackedLuts:
    """K LUTs of one size and domain, in the forms that the kernels read. Each form is made when it is first needed.

    Parameters
    ----------
    values
        `[K, N, N, N, 3]` float32, or None.
    shaper
        `[K, S, 3]` float32, or None.
    """

    values: NDArray[np.float32] | None
    shaper: NDArray[np.float32] | None
    domain: Domain
    shaper_domain: Domain

    @property
    def count(self) -> int:
        """The number of LUTs, K."""
        stage = self.values if self.values is not None else self.shaper
        assert stage is not None
        return len(stage)

    @property
    def fits_kernels(self) -> bool:
        """Whether the kernels, which compute in float32, can resolve the domains."""
        return self.domain.fits_kernels and self.shaper_domain.fits_kernels

    @property
    def size(self) -> int:
        """The number of points on each axis, N; 0 without a 3D table."""
        return 0 if self.values is None else self.values.shape[1]

    @cached_property
    def bytes_table(self) -> tuple[NDArray[np.int16], list[int]]:
        """The table for uint8 images, and the fraction bits of each LUT (0 if its values do not fit)."""
        assert self.values is not None
        n = self.size
        try:
            packed = np.empty((self.count, n**3 + n**2 + n + 1, 8), np.int16)
            bits = _cpu.pack_bytes(address(self.values), self.count, n, address(packed), default_threads())
        except MemoryError as error:
            raise MemoryError(f"the memory does not suffice to prepare {self.count} LUTs of {n}^3 points") from error
        return packed, list(bits)

    @cached_property
    def bytes_coordinates(self) -> NDArray[np.uint8]:
        """`[K or 1, 3, 3, 256]`, see `coordinates`."""
        shapers = [None] if self.shaper is None else list(self.shaper)
        return np.stack([coordinates(self.size, self.domain, s, self.shaper_domain) for s in shapers])

    @cached_property
    def float_table(self) -> NDArray[np.float32] | None:
        """The table as floats, `[K, N, N, N, 4]`, or None."""
        if self.values is None:
            return None
        packed = np.zeros((*self.values.shape[:4], 4), np.float32)
        packed[..., :3] = self.values
        return packed

    @cached_property
    def float_shaper(self) -> NDArray[np.float32] | None:
        """The shaper as floats, `[K, 3, S]`, or None."""
        return None if self.shaper is None else np.ascontiguousarray(self.shaper.transpose(0, 2, 1))


def apply(
    images: Any,
    luts: PackedLuts,
    index: NDArray[np.int32] | None,
    strength: NDArray[np.float32] | None,
    *,
    shape: tuple[int, int, int],
    dtype: str,
    layout: Layout,
    interpolation: str,
    out: Any,
    out_dtype: str | None = None,
    affine: NDArray[np.float32] | None = None,
) -> None:
    """Apply LUTs to contiguous images and write `out`.

    Parameters
    ----------
    images, out
        Arrays or CPU tensors with `shape` = (images, height, width), in the layout `layout`, of the types `dtype` and
        `out_dtype`. With `affine`, `out` is NCHW.
    index
        `[images]`, in 0..K-1; None takes LUT 0.
    strength
        `[images]`, 0..1; None is 1.
    affine
        `[2, 3]`: the scale and offset of each channel, applied to values clamped to 0..1.
    """
    count, pixels = shape[0], shape[1] * shape[2]
    threads = default_threads()
    if dtype == "uint8" and affine is None and luts.values is not None and interpolation == "trilinear":
        packed, bits = luts.bytes_table
        if all(bits[k] for k in (range(len(bits)) if index is None else np.unique(index))):
            _cpu.apply_bytes(
                address(images), address(out), count, pixels, LAYOUTS[layout], address(packed), luts.size, bits,
                address(luts.bytes_coordinates), len(luts.bytes_coordinates) > 1, address(index), address(strength),
                threads,
            )  # fmt: skip
            return
    target_layout = LAYOUTS[layout] if affine is None else LAYOUTS["NCHW"]
    table, shaper = luts.float_table, luts.float_shaper
    _cpu.apply_floats(
        _native_luts(table, shaper, luts.domain, luts.shaper_domain, index, strength, interpolation),
        address(images), address(out), count, pixels, TYPES[dtype], TYPES[out_dtype or dtype], LAYOUTS[layout],
        target_layout, address(affine), threads,
    )  # fmt: skip


def apply_plain(
    images: NDArray[np.uint8],
    luts: PackedLuts,
    index: NDArray[np.int32] | None,
    strength: NDArray[np.float32] | None,
    interpolation: str,
    channels_last: bool,
    out: NDArray[np.uint8],
) -> bool:
    """Do what `apply` does for uint8 batches, in numpy; return False, and do nothing, if the LUTs need floats."""
    if luts.values is None or interpolation != "trilinear":
        return False
    chosen = np.zeros(len(images), np.int32) if index is None else index
    tables = {k: plain.pack(luts.values[k]) for k in np.unique(chosen)}
    if not all(bits for _, bits in tables.values()):
        return False
    places = luts.bytes_coordinates
    for i, k in enumerate(chosen):
        pixels = images[i] if channels_last else images[i].transpose(1, 2, 0)
        done = np.empty((pixels.shape[0] * pixels.shape[1], 3), np.uint8)
        share = 1.0 if strength is None else float(strength[i])
        plain.apply(pixels.reshape(-1, 3), *tables[k], places[k % len(places)], share, done)
        done = done.reshape(pixels.shape)
        out[i] = done if channels_last else done.transpose(2, 0, 1)
    return True


def apply_doubles(
    images: Any,
    table: Any,
    shaper: Any,
    index: Any,
    strength: Any,
    *,
    domain: Domain,
    shaper_domain: Domain,
    interpolation: str,
    out: Any,
) -> None:
    """Apply LUTs to float64 images `[N, 3, H, W]`; table `[K, B, G, R, 3]` and shaper `[K, 3, S]` float64 or None."""
    luts = _native_luts(table, shaper, domain, shaper_domain, index, strength, interpolation)
    pixels = images.shape[2] * images.shape[3]
    _cpu.apply_doubles(luts, address(images), address(out), images.shape[0], pixels, default_threads())


def backward(
    grad: Any,
    images: Any,
    table: Any,
    shaper: Any,
    index: Any,
    strength: Any,
    *,
    domain: Domain,
    shaper_domain: Domain,
    interpolation: str,
    grad_images: Any,
    grad_table: Any,
    grad_shaper: Any,
    grad_strength: Any,
) -> None:
    """Write the derivatives of an `apply` whose output has the gradient `grad` `[N, 3, H, W]`.

    All arrays are of one type, float32 or float64; those of the results that are None are not computed, and
    `grad_table` and `grad_shaper` must hold zeros.
    """
    luts = _native_luts(table, shaper, domain, shaper_domain, index, strength, interpolation)
    stage = table if table is not None else shaper
    function = _cpu.backward_float if images.element_size() == 4 else _cpu.backward_double
    function(
        luts, address(grad), address(images), images.shape[0], images.shape[2] * images.shape[3], stage.shape[0],
        address(grad_images), address(grad_table), address(grad_shaper), address(grad_strength), default_threads(),
    )  # fmt: skip


def _native_luts(
    table: Any, shaper: Any, domain: Domain, shaper_domain: Domain, index: Any, strength: Any, interpolation: str
) -> Any:
    luts = _cpu.Luts()
    if table is not None:
        luts.table, luts.size = address(table), table.shape[1]
    if shaper is not None:
        luts.shaper, luts.shaper_size = address(shaper), shaper.shape[2]
    luts.domain = [*domain.lower, *domain.upper]
    luts.shaper_domain = [*shaper_domain.lower, *shaper_domain.upper]
    luts.index, luts.strength = address(index), address(strength)
    luts.tetrahedral = interpolation == "tetrahedral"
    return luts
