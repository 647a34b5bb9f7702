"""RGB profiles of the matrix and tone-curve kind (ICC.1:2022, annex F.3) as exact numbers, and the names of profiles.

LittleCMS converts profiles with tables, but Pillow exposes only 8 bits per channel. Most photographs have a profile of
three curves and a matrix, which this module reads, so that 16 bits stay 16 bits.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CODES = 1 << 16  # samples of a tone curve, one for each 16-bit code
_TABLES = (b"A2B0", b"A2B1", b"D2B0", b"D2B1")  # a table takes precedence over the matrix
_PARAMETERS = {0: 1, 1: 3, 2: 4, 3: 5, 4: 7}  # number of parameters of each type of parametric curve


class ProfileError(ValueError):
    """An error: an ICC profile is damaged, or is not of the required kind."""


@dataclass(frozen=True, eq=False)
class MatrixProfile:
    """Three tone curves and a matrix.

    Parameters
    ----------
    curves
        `[3, 65536]`: the linear light, 0..1, of the 16-bit codes in each channel; never falling.
    matrix
        `[3, 3]`: from linear light (a column vector) to XYZ relative to D50.
    """

    curves: Floats
    matrix: Floats

    def decode(self, values: NDArray[np.floating]) -> Floats:
        """Return the linear light of encoded values `[..., 3]`, 0..1."""
        return _sampled(self.curves, np.clip(values, 0, 1))

    def encode(self, linear: Floats) -> Floats:
        """Return the encoded values of linear light `[..., 3]`, clipped to 0..1."""
        return _sampled(self.codes_by_root, np.sqrt(np.clip(linear, 0, 1)))

    @cached_property
    def codes_by_root(self) -> Floats:
        """Return the encoded values `[3, 65536]` of linear light whose square root rises from 0 to 1 in equal steps."""
        codes = np.linspace(0, 1, CODES)
        return np.stack([np.interp(codes**2, curve, codes) for curve in self.curves])

    @cached_property
    def inverse(self) -> Floats:
        """Return the matrix `[3, 3]` from XYZ relative to D50 to linear light."""
        return np.asarray(np.linalg.inv(self.matrix))


@lru_cache(maxsize=8)
def matrix_profile(icc: bytes) -> MatrixProfile | None:
    """Read a profile of curves and a matrix; None if it has tables, or does not convert RGB to XYZ.

    Raises
    ------
    ProfileError
        The profile is damaged.
    """
    tags = _tags(icc)
    if icc[16:24] != b"RGB XYZ " or any(table in tags for table in _TABLES):
        return None
    try:
        columns = [_xyz(tags[name]) for name in (b"rXYZ", b"gXYZ", b"bXYZ")]
        curves = np.stack([_curve(tags[name]) for name in (b"rTRC", b"gTRC", b"bTRC")])
    except (KeyError, struct.error, IndexError, ValueError) as error:
        raise ProfileError("its ICC profile is damaged") from error
    matrix = np.stack(columns, axis=1)
    if not np.isfinite(curves).all() or abs(np.linalg.det(matrix)) < 1e-6 or (curves[:, -1] <= curves[:, 0]).any():
        raise ProfileError("its ICC profile is damaged")
    return MatrixProfile(curves, matrix)


@cache
def srgb_profile() -> bytes:
    """Return LittleCMS's sRGB profile with a fixed creation time, so that every run gives the same bytes."""
    from PIL import ImageCms

    made = bytes(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    return made[:24] + struct.pack(">6H", 2021, 10, 11, 0, 0, 0) + made[36:]


@lru_cache(maxsize=1)
def srgb_matrix() -> MatrixProfile:
    """Return the curves and the matrix of `srgb_profile`."""
    found = matrix_profile(srgb_profile())
    assert found is not None
    return found


@lru_cache(maxsize=8)
def name_of(icc: bytes | None) -> str:
    """Return the name of a profile as one line of at most 60 printable characters; sRGB if there is no profile."""
    if not icc:
        return "sRGB"
    from PIL import ImageCms

    try:
        name = ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(icc))) or ""
    except (ImageCms.PyCMSError, OSError, ValueError):
        name = ""
    name = "".join(letter if letter.isprintable() else " " for letter in name.replace('"', "'"))
    return " ".join(name.split())[:60].strip() or "unnamed profile"


def rgb_of_grey(icc: bytes) -> bytes | None:
    """Return an RGB profile with the curve of a grey profile and sRGB primaries; None if the profile is damaged.

    The stored values of a grey picture are valid in this profile.
    """
    try:
        tags = _tags(icc)
        curve = tags[b"kTRC"]
        _curve(curve)
    except (KeyError, struct.error, IndexError, ValueError):
        return None
    return with_curves(f"{name_of(icc)} as RGB", curve)


def with_curves(name: str, curve: bytes, primaries: tuple[bytes, bytes, bytes] | None = None) -> bytes:
    """Make an ICC profile, version 4, of a tone curve.

    Parameters
    ----------
    name
        The profile's description.
    curve
        A complete tag of the type `curv` or `para`.
    primaries
        Three tags of the type `XYZ`, relative to D50; by default those of sRGB.
    """
    ours = _tags(srgb_profile())
    red, green, blue = primaries or (ours[b"rXYZ"], ours[b"gXYZ"], ours[b"bXYZ"])
    text = name.encode("utf-16-be")
    described = struct.pack(">4s4xII2s2sII", b"mluc", 1, 12, b"en", b"US", len(text), 28) + text
    parts = {
        b"desc": described, b"cprt": ours[b"cprt"], b"wtpt": ours[b"wtpt"], b"chad": ours[b"chad"], b"rXYZ": red,
        b"gXYZ": green, b"bXYZ": blue, b"rTRC": curve, b"gTRC": curve, b"bTRC": curve,
    }  # fmt: skip
    at, directory, body, places = 132 + 12 * len(parts), b"", b"", dict[bytes, int]()
    for tag, data in parts.items():
        if data not in places:
            places[data] = at + len(body)
            body += data + bytes(-len(data) % 4)
        directory += struct.pack(">4sII", tag, places[data], len(data))
    header = struct.pack(">I", at + len(body)) + srgb_profile()[4:128]
    return header + struct.pack(">I", len(parts)) + directory + body


def xyz_tag(x: float, y: float, z: float) -> bytes:
    """Return a tag of the type `XYZ`."""
    return struct.pack(">4s4x3i", b"XYZ ", *(round(value * 65536) for value in (x, y, z)))


def _tags(icc: bytes) -> dict[bytes, bytes]:
    """Return the data of a profile's tags by their signatures."""
    try:
        (count,) = struct.unpack_from(">I", icc, 128)
        if icc[36:40] != b"acsp" or count > 200:
            raise ProfileError("its ICC profile is damaged")
        entries = [struct.unpack_from(">4sII", icc, 132 + 12 * i) for i in range(count)]
    except struct.error as error:
        raise ProfileError("its ICC profile is damaged") from error
    return {tag: icc[offset : offset + size] for tag, offset, size in entries}


def _sampled(curves: Floats, values: NDArray[np.floating]) -> Floats:
    """Return the curves `[3, 65536]`, interpolated linearly, at values `[..., 3]` over 0..1."""
    at = values * (CODES - 1)
    low = np.minimum(at.astype(np.int32), CODES - 2)
    out = np.empty(values.shape)
    for c, curve in enumerate(curves):
        below = curve.take(low[..., c])
        out[..., c] = below + (curve.take(low[..., c] + 1) - below) * (at[..., c] - low[..., c])
    return out


def _xyz(tag: bytes) -> Floats:
    if tag[:4] != b"XYZ ":
        raise ValueError(tag[:4])
    return np.array(struct.unpack_from(">3i", tag, 8)) / 65536


def _curve(tag: bytes) -> Floats:
    """Sample a tone curve at the codes of 16 bits (ICC.1:2022, 10.6 and 10.18)."""
    x = np.linspace(0, 1, CODES)
    if tag[:4] == b"curv":
        (count,) = struct.unpack_from(">I", tag, 8)
        if count == 0:
            return x
        if count == 1:
            (gamma,) = struct.unpack_from(">H", tag, 12)
            return np.asarray(x ** (gamma / 256))
        table = np.frombuffer(tag, ">u2", count, 12) / 65535
        found = np.interp(x, np.linspace(0, 1, count), table)
    elif tag[:4] == b"para":
        (kind,) = struct.unpack_from(">H", tag, 8)
        found = _parametric(x, kind, [v / 65536 for v in struct.unpack_from(f">{_PARAMETERS[kind]}i", tag, 12)])
    else:
        raise ValueError(tag[:4])
    return np.asarray(np.maximum.accumulate(np.clip(found, 0, 1)))


def _parametric(x: Floats, kind: int, parameters: list[float]) -> Floats:
    g, a, b, c, d, e, f = (parameters + [0.0] * 7)[:7]
    if kind == 0:
        return np.asarray(x**g)
    power = np.maximum(a * x + b, 0) ** g
    if kind == 1:
        return np.where(a * x + b >= 0, power, 0)
    if kind == 2:
        return np.where(a * x + b >= 0, power + c, c)
    return np.where(x >= d, power + e, c * x + f)
