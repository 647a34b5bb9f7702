"""Profiles of curves and a matrix: the formulas of the ICC's specification, numbers back and forth, what is refused."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest

from sshbench.images.profiles import (
    ProfileError,
    matrix_profile,
    name_of,
    rgb_of_grey,
    srgb_profile,
    with_curves,
    xyz_tag,
)
from tests.images.made_profiles import (
    SRGB_CURVE,
    gamma,
    grey_profile,
    ink_profile,
    matrix,
    parametric,
    profile,
    table_profile,
)

CODES = np.array([0, 1, 300, 2900, 6553, 13107, 32768, 50000, 65534, 65535])


def curve_of(tag: bytes) -> Any:
    found = matrix_profile(with_curves("made", tag))
    assert found is not None
    assert np.array_equal(found.curves[0], found.curves[2])
    return found.curves[0][CODES]


def by_the_specification(kind: int, x: float, *numbers: float) -> float:
    """ICC.1:2022, table 68, with the parameters as they are stored, in 65536ths."""
    g, a, b, c, d, e, f = [*(round(65536 * n) / 65536 for n in numbers), *[0.0] * 7][:7]
    if kind == 0:
        return float(x**g)
    if kind == 1:
        return float((a * x + b) ** g) if x >= -b / a else 0.0
    if kind == 2:
        return float((a * x + b) ** g) + c if x >= -b / a else c
    if kind == 3:
        return float((a * x + b) ** g) if x >= d else c * x
    return float((a * x + b) ** g) + e if x >= d else c * x + f


@pytest.mark.parametrize(
    ("kind", "numbers"),
    [
        (0, (1.8,)),
        (1, (2.2, 1.1, -0.1)),
        (2, (2.0, 0.9, -0.05, 0.07)),
        (3, (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)),
        (4, (2.4, 0.8, 0.1, 0.4, 0.1, 0.05, 0.02)),
        (4, (2.4, 0.8, 0.1, 0.4, 0.0, 0.05, 0.3)),  # black itself is not below d
    ],
)
def test_parametric_curves_are_those_of_the_specification(kind: int, numbers: tuple[float, ...]) -> None:
    expected = [by_the_specification(kind, code / 65535, *numbers) for code in CODES]
    np.testing.assert_allclose(curve_of(parametric(kind, *numbers)), np.clip(expected, 0, 1), atol=1e-9)


def test_a_curve_of_no_one_or_many_samples() -> None:
    np.testing.assert_allclose(curve_of(struct.pack(">4s4xI", b"curv", 0)), CODES / 65535, atol=1e-12)
    np.testing.assert_allclose(curve_of(gamma(1.8)), (CODES / 65535) ** (461 / 256), atol=1e-12)
    samples = [0, 1000, 30000, 65535]
    table = struct.pack(">4s4xI4H", b"curv", 4, *samples)
    expected = np.interp(CODES / 65535, [0, 1 / 3, 2 / 3, 1], np.array(samples) / 65535)
    np.testing.assert_allclose(curve_of(table), expected, atol=1e-12)


def test_a_table_that_falls_stays_level_instead() -> None:
    found = matrix_profile(with_curves("made", struct.pack(">4s4xI5H", b"curv", 5, 0, 40000, 20000, 50000, 65535)))
    assert found is not None
    middle = found.curves[0][16384:49151]
    assert (np.diff(middle) >= 0).all()
    assert middle[0] == pytest.approx(40000 / 65535, abs=1e-4)
    assert middle[16384] == pytest.approx(40000 / 65535, abs=1e-4)


@pytest.mark.parametrize("name", ["Display P3", "Adobe RGB (1998)", "ProPhoto RGB"])
def test_values_go_to_linear_light_and_back(name: str) -> None:
    found = matrix_profile(profile(name))
    assert found is not None
    np.testing.assert_allclose(found.matrix, matrix(name), atol=1e-5)
    np.testing.assert_allclose(found.inverse @ found.matrix, np.eye(3), atol=1e-12)
    values = np.random.default_rng(0).random((7, 9, 3))
    linear = found.decode(values)
    if name == "Adobe RGB (1998)":
        np.testing.assert_allclose(linear, values ** (563 / 256), atol=1e-9)
    np.testing.assert_allclose(found.encode(linear), values, atol=1e-5)
    np.testing.assert_allclose(found.decode(np.array([[-1.0, 0.0, 2.0]])), [[0, 0, 1]], atol=1e-12)
    np.testing.assert_allclose(found.encode(np.array([[-1.0, 0.0, 2.0]])), [[0, 0, 1]], atol=1e-12)


def test_channels_have_their_own_curves() -> None:
    made = bytearray(profile("Display P3"))
    first, second, third = gamma(1.0), gamma(1.5), gamma(2.0)
    body = len(made)
    made += b"".join(one + bytes(-len(one) % 4) for one in (first, second, third))
    for i in range(struct.unpack_from(">I", made, 128)[0]):
        at = 132 + 12 * i
        tag = bytes(made[at : at + 4])
        if tag in (b"rTRC", b"gTRC", b"bTRC"):
            made[at + 4 : at + 12] = struct.pack(">II", body + 16 * b"rgb".index(tag[:1]), 14)
    found = matrix_profile(bytes(made))
    assert found is not None
    np.testing.assert_allclose(found.decode(np.full((1, 3), 0.25)), [[0.25, 0.125, 0.0625]], atol=1e-9)


def test_tables_and_other_spaces_are_no_matrix() -> None:
    for icc in (table_profile(), ink_profile(), grey_profile()):
        assert matrix_profile(icc) is None


def zeroed(primaries: tuple[bytes, bytes, bytes]) -> bytes:
    return with_curves("made", SRGB_CURVE, primaries)


RED, GREEN, BLUE = (xyz_tag(*column) for column in matrix("Display P3").T)


@pytest.mark.parametrize(
    "icc",
    [
        b"",
        srgb_profile()[:100],
        srgb_profile()[:36] + b"what" + srgb_profile()[40:],
        srgb_profile()[:128] + struct.pack(">I", 201) + bytes(12 * 201),
        srgb_profile()[:128] + struct.pack(">I", 3) + bytes(12),
        zeroed((RED, RED, BLUE)),
        zeroed((RED, GREEN, b"abc " + BLUE[4:])),
        zeroed((RED, GREEN, BLUE[:10])),
        with_curves("made", struct.pack(">4s4xI3H", b"curv", 3, 9, 9, 9)),
        with_curves("made", b"what" + SRGB_CURVE[4:]),
        with_curves("made", parametric(3, 2.4)),
        with_curves("made", struct.pack(">4s4xH2x", b"para", 7)),
    ],
    ids=range(12),
)
def test_damaged_profiles_are_refused(icc: bytes) -> None:
    with pytest.raises(ProfileError, match="its ICC profile is damaged"):
        matrix_profile(icc)


def test_as_many_as_200_tags_are_read() -> None:
    icc = srgb_profile()
    (count,) = struct.unpack_from(">I", icc, 128)
    entries = [bytearray(icc[132 + 12 * i : 144 + 12 * i]) for i in range(count)]
    added = 200 - count
    for entry in entries:
        entry[4:8] = struct.pack(">I", struct.unpack_from(">I", entry, 4)[0] + 12 * added)
    extra = b"".join(struct.pack(">4sII", f"x{i:03}".encode(), 0, 0) for i in range(added))
    full = icc[:128] + struct.pack(">I", 200) + b"".join(entries) + extra + icc[132 + 12 * count :]
    found, plain = matrix_profile(full), matrix_profile(icc)
    assert found is not None
    assert plain is not None
    assert np.array_equal(found.curves, plain.curves)


def test_names_are_one_short_line() -> None:
    assert name_of(None) == name_of(b"") == "sRGB"
    assert name_of(profile("Display P3")) == "Display P3"
    assert name_of(with_curves('a "b"\n  c\x07', SRGB_CURVE)) == "a 'b' c"
    assert name_of(with_curves("x" * 59 + " yz", SRGB_CURVE)) == "x" * 59
    assert name_of(with_curves("y" * 61, SRGB_CURVE)) == "y" * 60
    assert name_of(b"nothing of the kind") == "unnamed profile"


def test_a_grey_profile_becomes_three_curves() -> None:
    made = rgb_of_grey(grey_profile(1.8))
    assert made is not None
    assert name_of(made) == "Grey gamma 1.8 as RGB"
    found = matrix_profile(made)
    assert found is not None
    np.testing.assert_allclose(found.decode(np.full((1, 3), 0.3)), 0.3 ** (461 / 256), atol=1e-7)
    for damaged in (b"", grey_profile()[:140], profile("Display P3"), grey_profile().replace(b"curv", b"what")):
        assert rgb_of_grey(damaged) is None
