"""Fitted maps against numpy's dense least squares, colour-science, and tables that are known."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from sshbench.colour.polynomial import PolynomialMap, expand, fit_polynomial
from sshbench.lut.apply import apply_lut
from sshbench.lut.fit import fit_lut
from sshbench.lut.fit_smooth import fit_smooth_lut
from sshbench.lut.table import Lut, LutError

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from colour.characterisation import (
        colour_correction,
        matrix_augmented_Cheung2004,
    )

Floats = NDArray[np.float64]


def colours(count: int, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).random((count, 3))


def curved(source: Floats) -> Floats:
    return np.clip(source**1.2 * [0.9, 0.8, 1.0] + 0.1 * source[:, ::-1], 0, 1)


@pytest.mark.parametrize("terms", [3, 4, 10, 17])
def test_terms_are_those_of_colour_science(terms: int) -> None:
    source = colours(50)
    assert np.allclose(expand(source, terms), matrix_augmented_Cheung2004(source, terms), atol=1e-14)


@pytest.mark.parametrize("terms", [3, 4, 10, 17])
def test_the_fit_is_that_of_colour_science(terms: int) -> None:
    source = colours(200)
    target = curved(source)
    oracle = colour_correction(source, source, target, method="Cheung 2004", terms=terms)
    assert np.allclose(fit_polynomial(source, target, terms=terms)(source), oracle, atol=1e-9)


def test_a_weight_is_worth_as_many_colours() -> None:
    source = colours(40)
    target = curved(source)
    weights = np.random.default_rng(1).integers(0, 4, 40)
    repeated = fit_polynomial(source.repeat(weights, axis=0), target.repeat(weights, axis=0), terms=10)
    assert np.allclose(fit_polynomial(source, target, terms=10, weights=weights).matrix, repeated.matrix, atol=1e-9)


def test_no_other_polynomial_is_nearer() -> None:
    source = colours(300)
    target, weights = curved(source), colours(300, 2)[:, 0]
    best = fit_polynomial(source, target, weights=weights)

    def error(matrix: Floats) -> float:
        return float((weights[:, None] * (PolynomialMap(matrix)(source) - target) ** 2).sum())

    for seed in range(20):
        step = 1e-3 * np.random.default_rng(seed).normal(size=best.matrix.shape)
        assert error(best.matrix) <= error(best.matrix + step)


def test_two_colours_are_enough_for_an_answer() -> None:
    """Fewer colours than terms: many maps fit, and the one of smallest norm is finite and exact."""
    source, target = colours(2), colours(2, 1)
    assert np.allclose(fit_polynomial(source, target)(source), target)


def test_a_lut_is_found_again() -> None:
    random = np.random.default_rng(3)
    known = Lut(values=random.random((5, 5, 5, 3)).astype(np.float32))
    source = colours(20_000)
    target = apply_lut(source[None].astype(np.float32), known, layout="HWC")[0]
    found = fit_lut(source, target, size=5)
    assert found.values is not None
    assert known.values is not None
    assert np.abs(found.values - known.values).max() < 1e-4


def test_the_lut_is_that_of_dense_least_squares() -> None:
    """With the weights of each grid point taken from apply_lut, one point set to 1 at a time."""
    source = colours(400).astype(np.float32)
    target, weights = curved(source.astype(np.float64)), colours(400, 5)[:, 0] + 0.1
    columns = []
    for point in range(27):
        table = np.zeros((27, 3), np.float32)
        table[point] = 1
        columns.append(apply_lut(source[None], Lut(values=table.reshape(3, 3, 3, 3)), layout="HWC")[0, :, 0])
    matrix, root = np.stack(columns, axis=1).astype(np.float64), np.sqrt(weights)[:, None]
    oracle, *_ = np.linalg.lstsq(root * matrix, root * target, rcond=None)
    found = fit_lut(source, target, size=3, weights=weights).values
    assert found is not None
    assert np.allclose(found.reshape(-1, 3), oracle, atol=2e-4)


def test_points_that_no_colour_touches_keep_the_identity() -> None:
    source = 0.2 * colours(500)  # one corner
    lut = fit_lut(source, source * 0.5, size=9)
    assert lut.values is not None
    assert lut.values[8, 8, 8] == pytest.approx(1.0)
    assert lut.values[8, 0, 4] == pytest.approx([0.5, 0.0, 1.0])
    assert np.allclose(apply_lut(source[None].astype(np.float32), lut, layout="HWC")[0], source * 0.5, atol=1e-4)


@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e4])
def test_points_that_a_colour_touches_faintly_stay_near_the_identity(scale: float) -> None:
    """However large the weights are, as only their relations count."""
    source = np.concatenate([0.2 * colours(500), [[0.5004, 0.5004, 0.5004]]])
    target = source * 0.5
    values = fit_lut(source, target, size=9, weights=np.full(501, scale)).values
    assert values is not None
    assert values[4, 4, 4] == pytest.approx([0.2502] * 3, abs=5e-3)  # what the last colour says
    assert values[5, 5, 5] == pytest.approx([0.625] * 3, abs=2e-3)  # its weight is 3e-8
    assert values[8, 8, 8] == pytest.approx([1.0] * 3)


@pytest.mark.parametrize(
    ("source", "target", "weights"),
    [
        (np.zeros((0, 3)), np.zeros((0, 3)), None),
        (np.zeros((4, 3)), np.zeros((5, 3)), None),
        (np.zeros((4, 4)), np.zeros((4, 4)), None),
        (np.zeros((4, 3)), np.zeros((4, 3)), np.ones(3)),
        (np.zeros((4, 3)), np.zeros((4, 3)), -np.ones(4)),
    ],
)
@pytest.mark.parametrize("fit", [fit_polynomial, fit_lut])
def test_what_does_not_fit_is_refused(fit: object, source: Floats, target: Floats, weights: Floats | None) -> None:
    with pytest.raises(LutError):
        fit(source, target, weights=weights)  # type: ignore[operator]


def test_other_numbers_of_terms_are_refused() -> None:
    with pytest.raises(LutError, match="3, 4, 10, 17 terms, not 5"):
        fit_polynomial(colours(9), colours(9), terms=5)


@pytest.mark.parametrize("fit", [fit_lut, fit_smooth_lut, fit_polynomial])
def test_two_images_are_fitted_as_their_colours(fit: Any) -> None:
    source, weights = colours(24), colours(24, 2)[:, 0]
    target = curved(source)
    flat = fit(source, target, weights=weights)
    whole = fit(source.reshape(4, 6, 3), target.reshape(4, 6, 3), weights=weights.reshape(4, 6))
    name = "matrix" if fit is fit_polynomial else "values"
    assert np.array_equal(getattr(whole, name), getattr(flat, name))


@pytest.mark.parametrize("fit", [fit_lut, fit_smooth_lut, fit_polynomial])
@pytest.mark.parametrize(
    ("source", "target", "weights", "says"),
    [
        (colours(4), colours(5), None, "as many others"),
        (colours(4)[:, :2], colours(4)[:, :2], None, "as many others"),
        (colours(1)[0], colours(1)[0], None, "as many others"),
        (np.zeros((0, 3)), np.zeros((0, 3)), None, "as many others"),
        ([[0.1, 0.2, 0.3], [0.1]], colours(2), None, "an array of numbers"),
        ("grey", colours(2), None, "an array of real numbers"),
        (colours(2) + 1j, colours(2), None, "an array of real numbers"),
        (np.full((2, 3), np.nan), colours(2), None, "not finite"),
        (colours(2), np.full((2, 3), np.inf), None, "not finite"),
        (colours(2), colours(2), [1, np.nan], "not finite"),
        (colours(2), colours(2), [1, -1], "not negative"),
        (colours(2), colours(2), [1, 1, 1], "one number a colour"),
        (colours(2), colours(2), "ab", "weights are an array of real numbers"),
    ],
)
def test_what_is_no_colours_is_a_sentence(fit: Any, source: Any, target: Any, weights: Any, says: str) -> None:
    with pytest.raises(LutError, match=says):
        fit(source, target, weights=weights)


@pytest.mark.parametrize("fit", [fit_lut, fit_smooth_lut])
@pytest.mark.parametrize("size", [1, 0, -3, 10_000, 4.5, "9", True])
def test_a_size_that_no_lut_has_is_a_sentence(fit: Any, size: Any) -> None:
    with pytest.raises(LutError, match="points per axis"):
        fit(colours(5), colours(5), size=size)


def test_a_polynomial_maps_colours_alone() -> None:
    with pytest.raises(LutError, match=r"colours are \[\.\.\., 3\], not \[5, 2\]"):
        fit_polynomial(colours(50), colours(50), terms=4)(colours(5)[:, :2])
