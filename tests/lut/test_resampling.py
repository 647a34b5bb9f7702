"""Resizing keeps the function where the grid allows it, and the difference is found where it does not."""

from __future__ import annotations

import numpy as np
import pytest

from sshbench.lut.resampling import largest_difference, resized
from sshbench.lut.table import Domain, Lut, LutError, identity_table

DOMAIN = Domain((-1.0, 0.0, 0.0), (1.0, 2.0, 1.0))


def random_lut(size: int, domain: Domain = Domain()) -> Lut:
    return Lut(values=np.random.default_rng(size).random((size, size, size, 3), np.float32), domain=domain, title="r")


@pytest.mark.parametrize("domain", [Domain(), DOMAIN])
def test_twice_the_cells_hold_the_same_function(domain: Domain) -> None:
    lut = random_lut(5, domain)
    fine = resized(lut, 9)
    assert (fine.size, fine.domain, fine.title) == (9, domain, "r")
    np.testing.assert_allclose(fine.values[::2, ::2, ::2], lut.values, atol=1e-6)
    assert largest_difference(lut, fine) < 2e-6


def test_difference_peaks_at_the_points_that_are_lost() -> None:
    values = identity_table(3).copy()
    values[1, 1, 1] += 0.25
    lut = Lut(values=values)
    assert largest_difference(lut, resized(lut, 2)) == pytest.approx(0.25, abs=1e-6)
    assert largest_difference(resized(lut, 2), lut) == pytest.approx(0.25, abs=1e-6)


def test_a_difference_between_the_points_of_both_tables_is_found() -> None:
    """Red is changed by up to 0.2 each, where red is 1/2 and where green is 1/3: by 0.4 where no table has a point."""
    one, other = identity_table(3).copy(), identity_table(4).copy()
    one[:, :, 1, 0] += 0.2
    other[:, 1, :, 0] -= 0.2
    assert 0.38 < largest_difference(Lut(values=one), Lut(values=other)) <= 0.4 + 1e-6


def test_only_colours_in_both_domains_count() -> None:
    wide = Domain((0.0,) * 3, (4.0,) * 3)
    assert largest_difference(Lut(values=identity_table(5, wide), domain=wide), Lut.identity(5)) < 1e-6


def test_a_shaper_stays_as_it_is() -> None:
    curve = np.sqrt(np.linspace(0, 1, 30, dtype=np.float32))[:, None].repeat(3, 1)
    lut = Lut(values=random_lut(4).values, shaper_values=curve)
    assert resized(lut, 7).shaper_values is lut.shaper_values
    assert largest_difference(lut, resized(lut, 7)) < 2e-6


def test_curves_are_interpolated() -> None:
    curve = np.array([[0, 0, 1], [1, 0, 0]], np.float32)
    np.testing.assert_allclose(
        resized(Lut(shaper_values=curve), 3).shaper_values, [[0, 0, 1], [0.5, 0, 0.5], [1, 0, 0]]
    )


def test_the_same_size_is_the_same_lut_and_the_largest_are_those_of_the_format() -> None:
    lut = random_lut(3)
    assert resized(lut, 3) is lut
    curve = Lut(shaper_values=np.float32([[0, 0, 0], [1, 1, 1]]))
    assert resized(curve, 65536).size == 65536
    with pytest.raises(LutError, match="a 1d LUT has 2 to 65536 points per axis, not 65537"):
        resized(curve, 65537)
    assert resized(Lut.identity(2), 2).size == 2


@pytest.mark.parametrize("size", [1, 257])
def test_sizes_outside_the_format_are_refused(size: int) -> None:
    with pytest.raises(LutError, match="2 to 256"):
        resized(random_lut(3), size)
