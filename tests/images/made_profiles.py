"""ICC profiles made on the spot: of curves and a matrix, of tables, of grey and of inks."""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray

from sshbench.images.profiles import srgb_profile, with_curves, xyz_tag

Floats = NDArray[np.float64]

D50 = np.array([0.9642, 1.0, 0.8249])
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


def parametric(kind: int, *numbers: float) -> bytes:
    values = (round(65536 * number) for number in numbers)
    return struct.pack(f">4s4xH2x{len(numbers)}i", b"para", kind, *values)


def gamma(power: float) -> bytes:
    return struct.pack(">4s4xIH", b"curv", 1, round(256 * power))


SRGB_CURVE = parametric(3, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
_D65, _D50_XY = (0.3127, 0.3290), (0.3457, 0.3585)
_KNOWN = {
    "Display P3": (((0.68, 0.32), (0.265, 0.69), (0.15, 0.06)), _D65, SRGB_CURVE),
    "Adobe RGB (1998)": (((0.64, 0.33), (0.21, 0.71), (0.15, 0.06)), _D65, gamma(563 / 256)),
    "ProPhoto RGB": (((0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001)), _D50_XY, gamma(1.8)),
    "another sRGB": (((0.64, 0.33), (0.30, 0.60), (0.15, 0.06)), _D65, SRGB_CURVE),
}


@cache
def profile(name: str) -> bytes:
    """Of curves and a matrix, after the standard of that name."""
    curve = _KNOWN[name][2]
    return with_curves(name, curve, tuple(xyz_tag(*column) for column in matrix(name).T))  # type: ignore[arg-type]


def matrix(name: str) -> Floats:
    """From linear light to XYZ relative to D50."""
    primaries, (x, y), _ = _KNOWN[name]
    columns = np.array([[px / py, 1, (1 - px - py) / py] for px, py in primaries]).T
    white = np.array([x / y, 1, (1 - x - y) / y])
    adapted = np.linalg.inv(_BRADFORD) @ np.diag((_BRADFORD @ D50) / (_BRADFORD @ white)) @ _BRADFORD
    return np.asarray(adapted @ (columns * np.linalg.solve(columns, white)))


def _profile_of_tags(colours: bytes, kind: bytes, tags: dict[bytes, bytes], pcs: bytes = b"Lab ") -> bytes:
    header = bytearray(srgb_profile()[:128])
    header[8:12], header[12:24] = bytes([2, 0x20, 0, 0]), kind + colours + pcs
    directory, body = b"", b""
    for tag, data in tags.items():
        directory += struct.pack(">4sII", tag, 132 + 12 * len(tags) + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    header[:4] = struct.pack(">I", 132 + 12 * len(tags) + len(body))
    return bytes(header) + struct.pack(">I", len(tags)) + directory + body


def _described(name: str) -> bytes:
    return struct.pack(">4s4xI", b"desc", len(name) + 1) + name.encode() + bytes(1 + 12 + 67)


def _table(function: Callable[[Floats], Floats], channels: int, points: int) -> bytes:
    """A tag `mft2` from device values to Lab (ICC.1:2001, 6.5.7); the first channel varies most slowly."""
    axes = np.meshgrid(*[np.linspace(0, 1, points)] * channels, indexing="ij")
    lab = function(np.stack(axes, axis=-1).reshape(-1, channels))
    codes = np.stack([lab[:, 0] * 652.8, (lab[:, 1] + 128) * 256, (lab[:, 2] + 128) * 256], axis=1)
    one = (0, 65535)
    return (
        struct.pack(">4s4xBBBx9i", b"mft2", channels, 3, points, *(65536 * v for v in (1, 0, 0, 0, 1, 0, 0, 0, 1)))
        + struct.pack(f">HH{2 * channels}H", 2, 2, *one * channels)
        + np.clip(np.rint(codes), 0, 65535).astype(">u2").tobytes()
        + struct.pack(">6H", *one * 3)
    )


def lab_of_xyz(xyz: Floats) -> Floats:
    share = xyz / D50
    f = np.where(share > 216 / 24389, np.cbrt(share), (24389 / 27 * share + 16) / 116)
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], axis=1)


@cache
def table_profile() -> bytes:
    """An RGB profile of a table, of a space with the primaries of Adobe RGB and an S-shaped curve."""

    def lab(device: Floats) -> Floats:
        return lab_of_xyz((device**2.2) @ matrix("Adobe RGB (1998)").T)

    white = xyz_tag(*D50)
    tags = {b"desc": _described("a table"), b"wtpt": white, b"A2B0": _table(lab, 3, 33)}
    return _profile_of_tags(b"RGB ", b"scnr", tags)


def lab_of_inks(inks: Floats) -> Floats:
    """Block dyes: cyan keeps red away, magenta green, yellow blue, and black all of them."""
    light = (1 - 0.9 * inks[:, :3]) * (1 - 0.95 * inks[:, 3:])
    return lab_of_xyz(light**2.2 @ matrix("another sRGB").T)


@cache
def ink_profile() -> bytes:
    tags = {b"desc": _described("Block dyes"), b"wtpt": xyz_tag(*D50), b"A2B0": _table(lab_of_inks, 4, 9)}
    return _profile_of_tags(b"CMYK", b"prtr", tags)


@cache
def grey_profile(power: float = 1.8) -> bytes:
    tags = {b"desc": _described(f"Grey gamma {power:g}"), b"wtpt": xyz_tag(*D50), b"kTRC": gamma(power)}
    return _profile_of_tags(b"GRAY", b"mntr", tags, b"XYZ ")
