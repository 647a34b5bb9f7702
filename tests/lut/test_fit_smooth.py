"""The smooth fit: splines against scipy's, maps found again through noise, and what it promises of other colours."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.interpolate import BSpline
from scipy.spatial.transform import Rotation

from sshbench.lut import fit_smooth
from sshbench.lut.apply import apply_lut
from sshbench.lut.fit_smooth import fit_smooth_lut, limited
from sshbench.lut.table import Lut, LutError, identity_table

Floats = NDArray[np.float64]
CLOUD = np.random.default_rng(7).random((4000, 3))


def warm(colours: Floats) -> Floats:
    """A look that a cubic spline holds almost exactly, and that rises everywhere."""
    moved = colours + 0.06 * np.sin(2 * colours[..., ::-1]) * [1.0, 0.5, -1.0] * colours * (1 - colours)
    return np.asarray(moved)


def mapped(lut: Lut, colours: Floats) -> Floats:
    return np.asarray(apply_lut(colours[None].astype(np.float32), lut, layout="HWC")[0], np.float64)


def test_the_basis_is_scipys_cubic_b_splines() -> None:
    rng = np.random.default_rng(8)
    at = np.concatenate([[0, 1, 0.2, 0.4], rng.random(50)])
    knots = np.arange(-3, 9) / 5  # five segments, and three knots beyond each end
    oracle = np.stack([BSpline(knots, row, 3)(at) for row in np.eye(8)], axis=1)
    np.testing.assert_allclose(fit_smooth._basis(at), oracle, atol=1e-12)
    red, green, blue = (BSpline(knots, rng.random(8), 3) for _ in range(3))
    controls = np.einsum("i,j,k->ijk", blue.c, green.c, red.c).ravel()
    np.testing.assert_allclose(
        fit_smooth._rows(CLOUD[:40]) @ controls,
        red(CLOUD[:40, 0]) * green(CLOUD[:40, 1]) * blue(CLOUD[:40, 2]),
        atol=1e-12,
    )
    table = fit_smooth._sampled(np.repeat(controls[:, None], 3, 1) * [1, 2, 3], 4)
    grid = identity_table(4).astype(np.float64)
    product = red(grid[..., 0]) * green(grid[..., 1]) * blue(grid[..., 2])
    np.testing.assert_allclose(table, product[..., None] * [1, 2, 3], atol=1e-6)


def test_slopes_are_derivatives_along_the_channel_and_the_greys() -> None:
    """Of a displacement that is 2 red - green + 0.5 blue, which the splines hold exactly."""
    places = (np.arange(8) - 1) / 5  # where each control of a linear function lies
    blue, green, red = np.meshgrid(places, places, places, indexing="ij")
    controls = (2 * red - green + 0.5 * blue).ravel()
    np.testing.assert_allclose(fit_smooth._rows(CLOUD[:9]) @ controls, CLOUD[:9] @ [2, -1, 0.5], atol=1e-12)
    for channel, slope in enumerate((2, -1, 0.5)):
        found = fit_smooth._slopes(channel) @ controls
        assert len(found) == 7 * 64 + 32
        np.testing.assert_allclose(found[: 7 * 64], slope, atol=1e-12)
        np.testing.assert_allclose(found[7 * 64 :], 1.5, atol=1e-12)


def test_the_penalty_is_on_slopes_and_bends_and_not_on_place() -> None:
    places = (np.arange(8) - 1) / 5
    blue, green, red = (axis.ravel() for axis in np.meshgrid(places, places, places, indexing="ij"))
    penalty = fit_smooth._penalty()

    def cost(controls: Floats) -> float:
        return float(controls @ penalty @ controls)

    assert cost(np.ones(512)) == pytest.approx(512e-10, rel=1e-3)  # what makes the matrix regular
    assert cost(red) == pytest.approx(1e-4 * 7 / 8, rel=1e-3)  # seven slopes of 1, over eight controls
    assert cost(red) == pytest.approx(cost(green)) == pytest.approx(cost(blue))
    assert cost(red + green) == pytest.approx(2 * cost(red), rel=1e-3)
    bent = np.tile((np.arange(8) % 2) * 1.0, 64)  # up and down along red: slopes of 5, bends of 50
    assert cost(bent) == pytest.approx(1e-4 * 25 * 7 / 8 + 1e-5 * 50**2 * 6 / 8, rel=1e-3)
    twisted = ((np.arange(512) % 2) * (np.arange(512) // 8 % 2)).astype(float)
    slopes, bends = 2 * 25 * (7 / 8) * 0.5, 2 * 50**2 * (6 / 8) * 0.5
    assert cost(twisted) == pytest.approx(1e-4 * slopes + 1e-5 * (bends + 2 * 25**2 * (7 / 8) ** 2), rel=1e-3)


def test_a_smooth_map_is_found_again() -> None:
    rng = np.random.default_rng(8)
    lut = fit_smooth_lut(CLOUD, warm(CLOUD))
    assert (lut.size, lut.title) == (33, "fitted")
    others = rng.random((500, 3))
    assert np.abs(mapped(lut, others) - warm(others)).max() < 0.004


def test_noise_and_outliers_lose_their_weight() -> None:
    rng = np.random.default_rng(8)
    target = warm(CLOUD) + rng.normal(0, 0.01, CLOUD.shape)
    spoiled = target.copy()
    spoiled[::10] = rng.random((400, 3))  # a tenth of the colours are wrong
    others = 0.1 + 0.8 * rng.random((500, 3))
    for given in (target, spoiled):
        error = np.abs(mapped(fit_smooth_lut(CLOUD, given, size=17), others) - warm(others))
        assert error.mean() < 0.004
        assert error.max() < 0.03


def test_far_from_the_colours_the_nearest_movement_goes_on() -> None:
    rng = np.random.default_rng(8)
    source, step = 0.3 + 0.1 * rng.random((800, 3)), np.array([0.05, 0.0, -0.04])
    lut = fit_smooth_lut(source, source + step, size=9)
    for place in ([0.35, 0.35, 0.35], [0.75, 0.6, 0.5], [0.8, 0.1, 0.5]):
        assert mapped(lut, np.array([place]))[0] - place == pytest.approx(step, abs=0.006)


def test_of_equal_colours_those_that_agree_win_and_those_without_weight_do_not_count() -> None:
    rng = np.random.default_rng(8)
    grey = np.full((3, 3), 0.5)
    target = grey + np.array([[0.03], [0.03], [-0.03]])
    assert mapped(fit_smooth_lut(grey, target, size=9), grey[:1]) == pytest.approx(target[:1], abs=1e-3)
    last = fit_smooth_lut(grey, target, size=9, weights=np.array([0.0, 0.0, 1.0]))
    assert mapped(last, grey[:1]) == pytest.approx(target[2:], abs=1e-3)
    target, some = warm(CLOUD) + rng.normal(0, 0.02, CLOUD.shape), rng.random(4000) < 0.1
    weighted = fit_smooth_lut(CLOUD, target, size=5, weights=some)
    subset = fit_smooth_lut(CLOUD[some], target[some], size=5)
    np.testing.assert_array_equal(weighted.values, subset.values)


@pytest.mark.parametrize("seed", range(4))
def test_no_channel_falls_whatever_is_asked_for(seed: int) -> None:
    """Along its own axis and along the greys, and values stay within 0..1, even for a map that turns colours round."""
    random = np.random.default_rng(seed)
    source = random.random((600, 3))
    target = np.clip((source - 0.5) @ Rotation.from_euler("xyz", random.uniform(0, 6, 3)).as_matrix() + 0.5, 0, 1)
    values = fit_smooth_lut(source, target, size=17).values
    assert values is not None
    assert values.min() >= 0
    assert values.max() <= 1
    for channel in range(3):
        assert np.diff(values[..., channel], axis=2 - channel).min() > -1e-3
    greys = values[np.arange(17), np.arange(17), np.arange(17)]
    assert np.diff(greys, axis=0).min() > -1e-3


def test_no_colour_moves_much_further_than_the_given_ones() -> None:
    rng = np.random.default_rng(8)
    source = 0.2 + 0.05 * rng.random((500, 3))
    steep = source + 3 * (source - 0.2) * [1, 0, -1]  # beyond them this would go on to 2
    values = fit_smooth_lut(source, steep, size=17).values
    assert values is not None
    moved = values - identity_table(17)
    assert moved[..., 0].max() <= 0.15 + 0.05 + 0.01
    assert np.abs(moved[..., 1]).max() <= 0.05


def test_displacements_are_limited_softly_to_what_was_seen() -> None:
    seen = np.array([[-0.1, 0.0, 0.2], [0.1, 0.0, 0.3]])
    line = np.linspace(-1, 1, 401)
    found = limited(np.repeat(line[:, None], 3, 1), seen)
    for channel, (low, high) in enumerate([(-0.1, 0.1), (0.0, 0.0), (0.2, 0.3)]):
        inside = (line >= low) & (line <= high)
        np.testing.assert_array_equal(found[inside, channel], line[inside])
        assert found[:, channel].min() == pytest.approx(low - 0.05, abs=1e-6)
        assert found[:, channel].max() == pytest.approx(high + 0.05, abs=1e-6)
        steps = np.diff(found[:, channel])
        assert (steps >= 0).all()
        assert (steps <= 0.005 + 1e-12).all()
    assert limited(np.array([0.11, 0.05, 0.35]), seen) == pytest.approx(
        [0.1 + 0.05 * np.tanh(0.2), 0.05 * np.tanh(1.0), 0.3 + 0.05 * np.tanh(1.0)]
    )


def test_cells_that_turn_inside_out_are_seen() -> None:
    values = identity_table(5).astype(np.float64)
    assert not fit_smooth._turns_inside_out(values)
    assert not fit_smooth._turns_inside_out(values * [0, 0, 0] + values[..., :1])  # one grey ramp
    assert fit_smooth._turns_inside_out(values[..., [1, 0, 2]])  # red and green change places
    dented = values.copy()
    dented[2, 2, 2, 0] += 0.3  # behind its neighbour along red
    assert fit_smooth._turns_inside_out(dented)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"weights": np.zeros(4000)}, "if all weights are 0"),
        ({"size": 1}, "2 to 256"),
        ({"size": 257}, "2 to 256"),
        ({"target": CLOUD[:9]}, "as many others"),
        ({"weights": -np.ones(4000)}, "weights"),
    ],
)
def test_what_cannot_be_fitted_is_refused(change: dict, why: str) -> None:
    with pytest.raises(LutError, match=why):
        fit_smooth_lut(**{"source": CLOUD, "target": CLOUD, **change})
