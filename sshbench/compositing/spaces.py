"""The working colour space of a photograph: conversion to sRGB, which methods see, and back.

Profiles of curves and a matrix are computed exactly. LittleCMS converts the other profiles, which contain tables.
Pillow exposes only 8 bits per channel, so a table with 52 points on each axis is converted in 16 steps, which gives 12
bits.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sshbench.colour.srgb import decode, encode
from sshbench.images.profiles import (
    CODES,
    MatrixProfile,
    ProfileError,
    matrix_profile,
    name_of,
    srgb_matrix,
    with_curves,
    xyz_tag,
)
from sshbench.lut.apply import apply_lut
from sshbench.lut.table import Lut, identity_table

Floats = NDArray[np.float64]

_ALIKE, _NEVER = 0.25 / 255, 4 / 255  # largest mean and maximum difference of a profile that counts as sRGB
_POINTS = 52  # points on each axis of a profile's table; each is a whole code of 8 bits
_STEPS, _POWER = 16, 2.4  # steps of light in which LittleCMS is called, and their power curve
_NEWTON, _NEAR_ENOUGH = 24, 2e-5  # steps of the search, and the residual at which it ends
_WIDE = ((0.79767, 0.28804, 0.0), (0.13518, 0.71187, 0.0), (0.03134, 0.00009, 0.82491))  # primaries of ROMM RGB, XYZ
_ROWS = 1 << 18  # values converted at a time
_BAKED = 65  # smallest number of points on each axis of a LUT that is converted to another space


@dataclass(frozen=True, eq=False)
class Space:
    """An RGB colour space.

    Values are `[..., 3]` over 0..1. sRGB values of colours outside the sRGB gamut lie outside 0..1: the transfer
    function is extrapolated there, and mirrored below 0.

    Parameters
    ----------
    name
        The name in the profile.
    icc
        The profile; None for sRGB.
    matrix, table
        The profile as curves and a matrix, or as a table of sRGB values at points of the space, `[B, G, R, 3]`; both
        are None for sRGB.
    """

    name: str = "sRGB"
    icc: bytes | None = None
    matrix: MatrixProfile | None = None
    table: Lut | None = None

    @property
    def is_srgb(self) -> bool:
        """Whether the space is sRGB, so that no conversion is needed."""
        return self.matrix is None and self.table is None

    @cached_property
    def _to_linear(self) -> Floats:
        """Return the matrix `[3, 3]` from this space's linear light to sRGB's linear light."""
        assert self.matrix is not None
        return np.asarray(srgb_matrix().inverse @ self.matrix.matrix)

    def to_srgb(self, values: NDArray[Any]) -> Floats:
        """Convert values of this space, `[..., 3]`, to sRGB."""
        if self.matrix is not None:
            return _encode(self.matrix.decode(values) @ self._to_linear.T)
        if self.table is not None:
            return _through(self.table, values)
        return np.asarray(values, np.float64)

    def from_srgb(self, values: NDArray[Any], near: NDArray[Any] | None = None) -> Floats:
        """Convert sRGB values `[..., 3]` to this space, clipped to 0..1.

        Parameters
        ----------
        near
            The start of the search if the space has a table; by default the sRGB values. We do not use the inverse
            table of the profile, because it is no exact inverse: unchanged colours would change.
        """
        if self.matrix is not None:
            return self.matrix.encode(_decode(np.asarray(values)) @ np.linalg.inv(self._to_linear).T)
        if self.table is not None:
            return self._searched(np.asarray(values, np.float64), values if near is None else near)
        return np.asarray(np.clip(values, 0, 1), np.float64)

    def seen(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Convert an image `[H, W, 3]` of this space to sRGB; colours outside the gamut are clipped."""
        if self.is_srgb:
            return image
        return np.asarray(np.rint(255 * np.clip(self.to_srgb(image / 255), 0, 1)), np.uint8)

    def worked(self, function: Callable[[Floats], Floats], values: NDArray[Any]) -> Floats:
        """Apply a function of sRGB values over 0..1 to values of this space.

        A colour outside the sRGB gamut moves as far as the nearest colour inside, so that the identity stays the
        identity.
        """
        srgb = self.to_srgb(values)
        inside = np.clip(srgb, 0, 1)
        return self.from_srgb(srgb + (function(inside) - inside), values)

    def dimmed(self, values: NDArray[Any], part: NDArray[Any]) -> Floats:
        """Multiply the linear light of values `[..., 3]` of this space by `part`, `[..., 1]`, 0..1."""
        if self.matrix is not None:
            return self.matrix.encode(self.matrix.decode(values) * part)
        if self.table is not None:
            return self.worked(lambda srgb: encode(decode(srgb) * part), values)
        return encode(decode(values) * part)

    def baked(self, lut: Lut) -> Lut:
        """Convert a LUT of sRGB values to a LUT of this space's values."""
        if self.is_srgb:
            return lut
        grid = identity_table(max(lut.size, _BAKED)).astype(np.float64)
        return replace(lut, values=self.worked(lambda colours: _through(lut, colours), grid).astype(np.float32))

    def _searched(self, aims: Floats, near: NDArray[Any]) -> Floats:
        """Invert the table by damped Newton steps; return the nearest value found where they do not converge."""
        found = np.clip(np.asarray(near, np.float64).reshape(-1, 3), 0, 1)
        aim = aims.reshape(-1, 3)
        missing = aim - self.to_srgb(found)
        damping = np.full(len(found), 1e-6)
        for _ in range(_NEWTON):
            todo = np.flatnonzero((np.abs(missing).max(axis=1) > _NEAR_ENOUGH) & (damping < 10))
            if not len(todo):
                break
            here, slopes = found[todo], self._slopes(found[todo])
            turned = slopes.transpose(0, 2, 1)
            damped = turned @ slopes + damping[todo, None, None] * np.eye(3)
            move = np.linalg.solve(damped, turned @ missing[todo, :, None])[..., 0]
            there = np.clip(here + np.clip(move, -0.2, 0.2), 0, 1)
            left = aim[todo] - self.to_srgb(there)
            better = np.square(left).sum(axis=1) < np.square(missing[todo]).sum(axis=1)
            found[todo[better]], missing[todo[better]] = there[better], left[better]
            damping[todo] *= np.where(better, 0.2, 10)
        return found.reshape(aims.shape)

    def _slopes(self, values: Floats) -> Floats:
        """Return the Jacobian `[N, 3, 3]` of the sRGB values with respect to `values`, `[N, 3]`."""
        columns = []
        for channel in range(3):
            ahead, behind = values.copy(), values.copy()
            ahead[:, channel] = np.minimum(values[:, channel] + 0.5 / _POINTS, 1)
            behind[:, channel] = np.maximum(values[:, channel] - 0.5 / _POINTS, 0)
            run = ahead[:, channel] - behind[:, channel]
            columns.append((self.to_srgb(ahead) - self.to_srgb(behind)) / run[:, None])
        return np.stack(columns, axis=2)


SRGB = Space()


@lru_cache(maxsize=8)
def space_of(icc: bytes | None) -> Space:
    """Return the colour space of a profile; None is sRGB.

    Raises
    ------
    ProfileError
        The profile is damaged, or LittleCMS cannot convert it.
    """
    if not icc:
        return SRGB
    matrix = matrix_profile(icc)
    table = None if matrix is not None else Lut(values=_asked(icc).astype(np.float32))
    space = Space(name_of(icc), icc, matrix, table)
    grid = identity_table(9)
    off = np.abs(space.to_srgb(grid) - grid)
    if off.mean() < _ALIKE and off.max() < _NEVER:  # programs round the numbers of sRGB in many ways
        return Space(space.name, icc)
    return space


def converted(pixels: NDArray[Any], source: Space, target: Space) -> NDArray[Any]:
    """Convert pixels `[H, W, 3]`, uint8 or uint16, to another space (relative colorimetric), in the same type.

    Between matrix profiles, each pixel is converted within a code of 16 bits; otherwise a table of 65 points is used.
    """
    if source.table is not None or target.table is not None:
        grid = identity_table(65).astype(np.float64)
        values = target.from_srgb(source.to_srgb(grid), grid).astype(np.float32)
        found: NDArray[Any] = apply_lut(pixels, Lut(values=values), layout="HWC")
        return found
    one, other = (space.matrix or srgb_matrix() for space in (source, target))
    most = int(np.iinfo(pixels.dtype).max)
    light = one.curves[:, :: (CODES - 1) // most].astype(np.float32)
    turn = (other.inverse @ one.matrix).astype(np.float32)
    codes = np.rint(most * other.codes_by_root).astype(pixels.dtype)
    out = np.empty_like(pixels)
    step = max(1, _ROWS // pixels.shape[1])
    for top in range(0, len(pixels), step):
        block = pixels[top : top + step].reshape(-1, 3)
        linear = np.stack([light[c].take(block[:, c]) for c in range(3)], axis=1) @ turn.T
        at = np.sqrt(np.clip(linear, 0, 1, out=linear), out=linear)
        at *= CODES - 1
        at += 0.5
        index = at.astype(np.int32)
        for c in range(3):
            out[top : top + step].reshape(-1, 3)[:, c] = codes[c].take(index[:, c])
    return out


def _through(lut: Lut, values: NDArray[Any]) -> Floats:
    """Return values `[..., 3]` after a LUT is applied."""
    flat = np.ascontiguousarray(values, np.float32).reshape(1, -1, 3)
    return np.asarray(apply_lut(flat, lut, layout="HWC"), np.float64).reshape(np.shape(values))


def _decode(values: NDArray[Any]) -> Floats:
    return np.asarray(np.sign(values) * decode(np.abs(values)))


def _encode(linear: Floats) -> Floats:
    return np.asarray(np.sign(linear) * encode(np.abs(linear)))


def _asked(icc: bytes) -> Floats:
    """Return the sRGB values of a profile at the points of a table, `[B, G, R, 3]`, by LittleCMS."""
    from PIL import Image, ImageCms

    grid = np.rint(255 * identity_table(_POINTS)).astype(np.uint8)
    image = Image.fromarray(grid.reshape(_POINTS, -1, 3))
    wide = np.array(_WIDE)
    total = np.zeros((*image.size[::-1], 3))
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        for low, high in pairwise(np.linspace(0, 1, _STEPS + 1)):
            step = ImageCms.buildTransform(
                source, ImageCms.ImageCmsProfile(io.BytesIO(_window(low, high))), "RGB", "RGB",
                ImageCms.Intent.RELATIVE_COLORIMETRIC, ImageCms.Flags.NOOPTIMIZE,
            )  # fmt: skip
            total += np.asarray(ImageCms.applyTransform(image, step))
    except (OSError, ImageCms.PyCMSError, ValueError) as error:
        raise ProfileError("its ICC profile is damaged, or cannot convert RGB values") from error
    linear = (total / 255 / _STEPS) ** _POWER @ wide @ srgb_matrix().inverse.T
    return _encode(linear).reshape(grid.shape)


def _window(low: float, high: float) -> bytes:
    """Return a profile with ROMM RGB primaries whose codes cover a part of the light's range, to the power 2.4."""
    numbers = (_POWER, high - low, low)
    curve = struct.pack(">4s4xH2x3i", b"para", 1, *(round(65536 * number) for number in numbers))
    return with_curves("a part of the range", curve, tuple(xyz_tag(*one) for one in _WIDE))  # type: ignore[arg-type]
