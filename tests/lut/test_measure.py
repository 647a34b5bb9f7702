"""Strength and order of LUTs, against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from sshbench.colour.difference import ciede2000, lab_of_srgb
from sshbench.lut.measure import is_monotone, keeps_grey_order, strength
from sshbench.lut.table import Domain, Lut, identity_table


def test_identity_has_no_strength_over_any_domain() -> None:
    for domain in (Domain(), Domain((-0.5,) * 3, (2.0,) * 3)):
        assert strength(Lut(values=identity_table(9, domain), domain=domain)) < 1e-3


def test_white_for_every_colour_is_as_strong_as_the_grid_is_far_from_white() -> None:
    white = Lut(values=np.ones((2, 2, 2, 3), np.float32))
    grid = lab_of_srgb(identity_table(17).astype(np.float64))
    assert strength(white) == pytest.approx(
        ciede2000(grid, np.broadcast_to(lab_of_srgb(np.ones(3)), grid.shape)).mean()
    )


def test_order() -> None:
    ramp = np.linspace(0, 1, 5, dtype=np.float32)[:, None].repeat(3, 1)
    dented = ramp.copy()
    dented[2] = 0.1
    red_falls = identity_table(3).copy()
    red_falls[..., 0] = 0.5 - 0.1 * red_falls[..., 0]  # while the luminance of greys rises
    assert is_monotone(Lut(shaper_values=ramp))
    assert keeps_grey_order(Lut(shaper_values=ramp))
    assert not is_monotone(Lut(shaper_values=dented))
    assert not keeps_grey_order(Lut(shaper_values=dented))
    assert not is_monotone(Lut(values=red_falls))
    assert keeps_grey_order(Lut(values=red_falls))
    assert not is_monotone(Lut(values=identity_table(3), shaper_values=dented))


def test_each_channel_is_looked_at_along_its_own_axis() -> None:
    for channel, axis in ((0, 2), (1, 1), (2, 0)):
        values = identity_table(5).copy()
        values[..., channel] = np.moveaxis(np.moveaxis(values[..., channel], axis, -1)[..., [0, 2, 1, 3, 4]], -1, axis)
        assert not is_monotone(Lut(values=values))
        turned = identity_table(5).copy()
        turned[..., channel] -= 0.5 * turned[..., (channel + 1) % 3]  # falls along another axis alone
        assert is_monotone(Lut(values=turned))


@pytest.mark.parametrize(("fall", "counts"), [(0.9e-5, False), (1.2e-5, True)])
def test_falls_as_small_as_what_a_file_rounds_do_not_count(fall: float, counts: bool) -> None:
    curve = np.full((3, 3), 0.5)
    curve[1] -= fall
    assert is_monotone(Lut(shaper_values=curve)) is not counts
    values = np.full((2, 2, 2, 3), 0.5)
    values[1, :, :, 2] -= fall
    assert is_monotone(Lut(values=values)) is not counts


def test_greys_are_looked_at_over_the_domain() -> None:
    beyond = np.array([[0.2], [0.6], [0.4]]).repeat(3, 1)  # at 0, 1 and 2
    assert not keeps_grey_order(Lut(shaper_values=beyond, shaper_domain=Domain(upper=(2.0,) * 3)))
    assert keeps_grey_order(Lut(shaper_values=beyond[:2]))
    assert keeps_grey_order(Lut(shaper_values=np.full((2, 3), 0.5)))  # all greys alike
