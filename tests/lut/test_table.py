"""The value `Lut`: what it accepts, what it refuses, and that it cannot change."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sshbench import Domain, Lut
from sshbench.lut.table import MAX_SIZE_1D, MAX_SIZE_3D, LutError, brief, check_size, identity_table, rising


def test_kinds_and_sizes() -> None:
    table, shaper = identity_table(4), np.linspace(0, 1, 30, dtype=np.float32).repeat(3).reshape(30, 3)
    assert (Lut(table).kind, Lut(table).size) == ("3d", 4)
    assert (Lut(shaper_values=shaper).kind, Lut(shaper_values=shaper).size) == ("1d", 30)
    assert (Lut(table, shaper).kind, Lut(table, shaper).size) == ("shaper+3d", 4)


def test_red_varies_fastest() -> None:
    table = Lut.identity(3).table
    assert table.shape == (3, 3, 3, 3)
    assert table.dtype == torch.float32
    torch.testing.assert_close(table[2, 1, 0], torch.tensor([0.0, 0.5, 1.0]))
    np.testing.assert_array_equal(identity_table(3, Domain((-1, 0, 2), (1, 4, 3)))[2, 1, 0], [-1, 2, 3])


def test_a_lut_cannot_change_under_its_users() -> None:
    mine = identity_table(3)
    lut = Lut(mine)
    mine[:] = 7
    np.testing.assert_array_equal(lut.values, identity_table(3))
    with pytest.raises(ValueError, match="read-only"):
        lut.values[0] = 1
    with pytest.raises(AttributeError):
        lut.title = "other"


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int64, ">u2"])
def test_tables_of_bytes_say_nothing_of_white(dtype: str) -> None:
    with pytest.raises(LutError, match=r"the table is u?int\d+ up to 255; give floats in which 1 is white"):
        Lut((identity_table(3) * 255).astype(dtype))
    np.testing.assert_array_equal(Lut(identity_table(2).astype(dtype)).values, identity_table(2))


def test_a_tensor_makes_a_lut() -> None:
    table = torch.rand(3, 3, 3, 3, dtype=torch.float64, requires_grad=True)
    torch.testing.assert_close(Lut(table).table, table.detach().float())
    torch.testing.assert_close(Lut(table.bfloat16()).table, table.detach().bfloat16().float())


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({}, "a table, a shaper or both"),
        ({"values": np.zeros((3, 3, 2, 3))}, r"\[N, N, N, 3\]"),
        ({"values": np.zeros((3, 3, 3))}, r"\[N, N, N, 3\]"),
        ({"values": np.zeros((1, 1, 1, 3))}, "2 to 256"),
        ({"shaper_values": np.zeros((5, 1))}, r"\[S, 3\]"),
        ({"shaper_values": np.zeros((65537, 3))}, "2 to 65536"),
        ({"values": np.full((2, 2, 2, 3), np.nan)}, "NaN"),
        ({"values": np.full((2, 2, 2, 3), 1e39)}, "infinities"),
        ({"values": np.zeros((2, 2, 2, 3)) + 1j}, "not of complex128"),
        ({"values": np.zeros((2, 2, 2, 3)).astype("m8[s]")}, "not of timedelta64"),
        ({"values": np.full((2, 2, 2, 3), "0.5")}, "not of <U3"),
        ({"values": np.ma.masked_equal(np.zeros((2, 2, 2, 3)), 0)}, "masked values"),
        ({"values": torch.zeros(2, 2, 2, 3).to_sparse()}, "give a dense one"),
        ({"values": torch.zeros(2, 2, 2, 3, device="meta")}, "give a dense one"),
    ],
)
def test_what_is_no_lut_is_refused(arguments: dict, says: str) -> None:
    with pytest.raises(LutError, match=says):
        Lut(**arguments)


@pytest.mark.parametrize(
    ("lower", "upper", "says"),
    [
        ((0, 0, 0), (1, 0, 1), "empty or inverted"),
        ((0, 2, 0), (1, 1, 1), "empty or inverted"),
        ((0, 0, 0), (1, float("inf"), 1), "finite"),
        ((float("nan"), 0, 0), (1, 1, 1), "finite"),
        ((0, 0), (1, 1), "three"),
        ((0, 0, 0), (1, 1), "three"),
        ((0, 0), (1, 1, 1), "three"),
        ((0, 0, 0, 0), (1, 1, 1, 1), "three"),
        ((1.0, 0, 0), (1.0 + 1e-12, 1, 1), "empty"),
    ],
)
def test_what_is_no_domain_is_refused(lower: tuple, upper: tuple, says: str) -> None:
    with pytest.raises(LutError, match=says):
        Domain(lower, upper)


@pytest.mark.parametrize("largest", [MAX_SIZE_3D, MAX_SIZE_1D])
def test_sizes_go_from_2_to_the_largest(largest: int) -> None:
    check_size(2, largest, "table")
    check_size(largest, largest, "table")
    for size in (1, largest + 1):
        with pytest.raises(LutError, match=f"a table has 2 to {largest} points per axis, not {size}"):
            check_size(size, largest, "table")


def test_a_domain_is_0_to_1_unless_it_is_given() -> None:
    assert (Domain().lower, Domain().upper) == ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    assert Domain((0, 0, 0), (1, 1, 1)).is_unit
    assert not Domain(upper=(1.0, 1.0, 1.5)).is_unit
    assert not Domain(lower=(0.0, -0.5, 0.0)).is_unit


def test_domains_that_float32_cannot_resolve_do_not_fit_the_kernels() -> None:
    assert Domain((-1e38,) * 3, (1e38,) * 3).fits_kernels
    assert not Domain((-2e38,) * 3, (2e38,) * 3).fits_kernels
    assert Domain(upper=(1.0, 1e-32, 1.0)).fits_kernels
    assert not Domain(upper=(1.0, 1e-34, 1.0)).fits_kernels


def test_a_falling_channel_becomes_the_mean_of_the_two_repairs() -> None:
    """Along its own input: the largest so far and the smallest to come; other channels along other axes may fall."""
    values = identity_table(4).copy()
    for axis, channel in ((2, 0), (1, 1), (0, 2)):
        np.moveaxis(values[..., channel], axis, -1)[...] = [0.0, 0.6, 0.2, 1.0]
    expected = identity_table(4)
    for axis, channel in ((2, 0), (1, 1), (0, 2)):
        np.moveaxis(expected[..., channel], axis, -1)[...] = [0.0, 0.4, 0.4, 1.0]
    np.testing.assert_allclose(rising(values), expected, atol=1e-7)
    np.testing.assert_array_equal(rising(identity_table(4)), identity_table(4))


def test_long_names_are_cut_to_their_width() -> None:
    assert brief("a" * 40) == repr("a" * 40)
    assert brief("a" * 41) == repr("a" * 37 + "...")
    assert repr(Lut(identity_table(2), np.zeros((5, 3)), source="some/film.cube")) == (
        "<Lut 'film.cube' shaper+3d, 5 points and 2^3 points>"
    )
