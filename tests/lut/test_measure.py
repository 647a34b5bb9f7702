"""Strength and order of LUTs, against colour-science and closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from sshbench.lut.measure import ciede2000, is_monotone, keeps_grey_order, lab_of_srgb, strength
from sshbench.lut.table import Domain, Lut, identity_table


def test_ciede2000_is_that_of_colour_science() -> None:
    import colour

    rng = np.random.default_rng(0)
    one, other = rng.uniform([0, -120, -120], [100, 120, 120], (2, 50_000, 3))
    one[:200, 1:] = 0  # hue is undefined on greys
    other[100:300, 1:] = 0
    np.testing.assert_allclose(ciede2000(one, other), colour.delta_E(one, other, method="CIE 2000"), atol=1e-9)


def test_lab_is_that_of_colour_science() -> None:
    import colour

    rgb = np.random.default_rng(0).random((1000, 3))
    white = colour.CCS_ILLUMINANTS["CIE 1931 2 Degree Standard Observer"]["D65"]
    # The standard's matrix has four decimals and so another white in the fourth.
    np.testing.assert_allclose(lab_of_srgb(rgb), colour.XYZ_to_Lab(colour.sRGB_to_XYZ(rgb), white), atol=0.02)
    greys = np.linspace(0, 1, 11)[:, None].repeat(3, 1)
    np.testing.assert_allclose(lab_of_srgb(greys)[:, 1:], 0, atol=1e-12)


def test_identity_has_no_strength_over_any_domain() -> None:
    for domain in (Domain(), Domain((-0.5,) * 3, (2.0,) * 3)):
        assert strength(Lut(values=identity_table(9, domain), domain=domain)) < 1e-3


def test_white_for_every_colour_is_as_strong_as_the_grid_is_far_from_white() -> None:
    white = Lut(values=np.ones((2, 2, 2, 3), np.float32))
    grid = lab_of_srgb(identity_table(17))
    assert strength(white) == pytest.approx(ciede2000(grid, np.broadcast_to([100.0, 0, 0], grid.shape)).mean())


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
