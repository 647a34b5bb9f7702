"""Each transfer reaches the statistics it is named for, checked against closed forms and other libraries."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import scipy.linalg
import skimage
from numpy.typing import NDArray

from sshbench.colour.match import LMS_TO_LAB, RGB_TO_LMS, covariance_map, optimal_map, rotations
from sshbench.colour.transfer import (
    TRANSFER_FUNCTIONS,
    transfer_distribution,
    transfer_histogram,
    transfer_monge_kantorovich,
    transfer_reinhard,
    transfer_xiao,
)
from sshbench.errors import LutError

Floats = NDArray[np.float64]

FUNCTIONS = {**TRANSFER_FUNCTIONS, "monge-kantorovich": transfer_monge_kantorovich}


def gentle(seed: int, centre: tuple[float, float, float], spread: float = 12.0) -> NDArray[np.uint8]:
    """Correlated colours far from black and white, so that no transfer has to clip."""
    rng = np.random.default_rng(seed)
    mixing = np.array([[1.0, 0.5, 0.2], [0.3, 1.0, 0.4], [0.1, 0.2, 1.0]])[rng.permutation(3)]
    colours = rng.normal(size=(96 * 128, 3)) @ mixing * spread + np.array(centre)
    return np.clip(colours.round(), 0, 255).astype(np.uint8).reshape(96, 128, 3)


SOURCE = gentle(0, (120.0, 100.0, 90.0))
TARGET = gentle(1, (100.0, 125.0, 150.0), 8.0)


@pytest.fixture(scope="module")
def photographs() -> list[NDArray[np.uint8]]:
    return [skimage.data.astronaut()[::2, ::2], skimage.data.coffee()[::2, ::2], skimage.data.chelsea()[::2, ::2]]


def decorrelated(image: NDArray[np.uint8]) -> Floats:
    """l-alpha-beta from the paper's equations, written out."""
    encoded = image.reshape(-1, 3) / 255.0
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    r, g, b = np.maximum(linear, 1 / 255 / 12.92).T
    long = np.log10(0.3811 * r + 0.5783 * g + 0.0402 * b)
    middle = np.log10(0.1967 * r + 0.7244 * g + 0.0782 * b)
    short = np.log10(0.0241 * r + 0.1288 * g + 0.8444 * b)
    return np.stack(
        [
            (long + middle + short) / np.sqrt(3),
            (long + middle - 2 * short) / np.sqrt(6),
            (long - middle) / np.sqrt(2),
        ],
        axis=1,
    )


def test_reinhard_reaches_mean_and_deviation_of_each_axis() -> None:
    result, wanted = decorrelated(transfer_reinhard(SOURCE, TARGET)), decorrelated(TARGET)
    assert result.mean(axis=0) == pytest.approx(wanted.mean(axis=0), abs=2e-3)
    assert result.std(axis=0) == pytest.approx(wanted.std(axis=0), rel=0.03)


def test_reinhards_axes_are_orthogonal() -> None:
    assert np.allclose(LMS_TO_LAB @ LMS_TO_LAB.T, np.eye(3))
    assert RGB_TO_LMS.sum(axis=1) == pytest.approx(1.0, abs=3e-3)


def test_xiao_reaches_mean_and_covariance() -> None:
    result = transfer_xiao(SOURCE, TARGET).reshape(-1, 3)
    wanted = TARGET.reshape(-1, 3)
    assert result.mean(axis=0) == pytest.approx(wanted.mean(axis=0), abs=0.1)
    assert np.cov(result.T) == pytest.approx(np.cov(wanted.T), rel=0.02, abs=1.0)


def test_xiaos_matrix_brings_one_covariance_to_the_other_exactly() -> None:
    source, target = (image.reshape(-1, 3).astype(np.float64) for image in (SOURCE, TARGET))
    mean, matrix = covariance_map(source, target)
    assert mean == pytest.approx(target.mean(axis=0))
    assert matrix @ np.cov(source.T) @ matrix.T == pytest.approx(np.cov(target.T))


def test_monge_kantorovich_reaches_mean_and_covariance() -> None:
    result = transfer_monge_kantorovich(SOURCE, TARGET).reshape(-1, 3).astype(float)
    target = TARGET.reshape(-1, 3).astype(float)
    assert np.allclose(result.mean(axis=0), target.mean(axis=0), atol=0.1)
    # Rounding to codes is not independent of the colours, which lie on a grid themselves, and moves a covariance by up
    # to 1.1; so the covariance is that of the map, by Schur's method here, and every code is the map's value rounded.
    source = SOURCE.reshape(-1, 3).astype(float)
    root = scipy.linalg.sqrtm(np.cov(source.T)).real
    matrix = np.linalg.inv(root) @ scipy.linalg.sqrtm(root @ np.cov(target.T) @ root).real @ np.linalg.inv(root)
    exact = (source - source.mean(axis=0)) @ matrix + target.mean(axis=0)
    assert np.allclose(np.cov(exact.T), np.cov(target.T), atol=1e-6)
    assert np.abs(result - exact).max() <= 0.5 + 1e-6


def test_the_optimal_map_is_that_of_matrix_square_roots() -> None:
    """A^-1/2 (A^1/2 B A^1/2)^1/2 A^-1/2 by Schur's method; of all maps that reach B it moves colours least."""
    source, target = (np.cov(image.reshape(-1, 3).T) for image in (SOURCE, TARGET))
    root = scipy.linalg.sqrtm(source).real
    inverse = np.linalg.inv(root)
    matrix = optimal_map(source, target)
    assert np.allclose(matrix, inverse @ scipy.linalg.sqrtm(root @ target @ root).real @ inverse)
    assert np.allclose(matrix, matrix.T)

    def moved(other: Floats) -> float:
        """E |Tx - x|^2 for x of covariance `source`."""
        return float(np.trace((other - np.eye(3)) @ source @ (other - np.eye(3)).T))

    to, back = np.linalg.cholesky(target), np.linalg.inv(np.linalg.cholesky(source))
    for turn in rotations(20):
        other = to @ turn @ back
        assert np.allclose(other @ source @ other.T, target)
        assert moved(matrix) <= moved(other) + 1e-9


def test_histograms_are_those_of_scikit_image(photographs: list[NDArray[np.uint8]]) -> None:
    for source, target in ((photographs[0], photographs[1]), (photographs[2], photographs[0]), (SOURCE, TARGET)):
        oracle = skimage.exposure.match_histograms(source, target, channel_axis=-1).astype(np.float64)
        assert np.abs(transfer_histogram(source, target) - oracle).max() <= 1.0


def test_matching_an_image_to_itself_changes_nothing() -> None:
    assert np.array_equal(transfer_histogram(SOURCE, SOURCE), SOURCE)
    for name, transfer in TRANSFER_FUNCTIONS.items():
        assert np.abs(transfer(SOURCE, SOURCE).astype(int) - SOURCE).max() <= 1, name


def sliced_wasserstein(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """Mean over 64 directions of the distance between the distributions of the projections."""
    directions = np.random.default_rng(5).normal(size=(3, 64))
    directions /= np.linalg.norm(directions, axis=0)
    at = np.linspace(0, 1, 500)
    a, b = (np.quantile(image.reshape(-1, 3) @ directions, at, axis=0) for image in (one, other))
    return float(np.abs(a - b).mean())


def test_the_distribution_comes_nearer_with_each_iteration(photographs: list[NDArray[np.uint8]]) -> None:
    source, target = photographs[0], photographs[1]
    distances = [sliced_wasserstein(source, target)]
    distances += [sliced_wasserstein(transfer_distribution(source, target, n), target) for n in (1, 3, 12)]
    assert all(later < 0.8 * earlier for earlier, later in pairwise(distances))
    assert distances[-1] < 0.05 * distances[0]
    for transfer in (transfer_reinhard, transfer_xiao, transfer_histogram):
        assert sliced_wasserstein(transfer(source, target), target) > distances[-1]


def test_rotations_turn_and_nothing_else() -> None:
    for rotation in rotations(12):
        assert rotation @ rotation.T == pytest.approx(np.eye(3))
        assert np.linalg.det(rotation) == pytest.approx(1.0)
    assert np.array_equal(rotations(12)[0], np.eye(3))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_transfer_is_a_map_of_colours(name: str, photographs: list[NDArray[np.uint8]]) -> None:
    """Pixels of one colour go to one colour, wherever they are, and the arrangement does not matter."""
    source, target = photographs[2], photographs[1]
    result = FUNCTIONS[name](source, target)
    flat = FUNCTIONS[name](source.reshape(1, -1, 3), target.reshape(-1, 1, 3))
    assert np.array_equal(result.reshape(-1, 3), flat.reshape(-1, 3))
    colours, inverse = np.unique(source.reshape(-1, 3), axis=0, return_inverse=True)
    first = np.zeros_like(colours)
    first[inverse] = result.reshape(-1, 3)
    assert np.array_equal(first[inverse], result.reshape(-1, 3))


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("flat", ["source", "target", "both"])
def test_images_of_one_colour_give_no_nonsense(name: str, flat: str) -> None:
    even = np.full((30, 30, 3), (0, 128, 255), np.uint8)
    source, target = (even if flat in (which, "both") else SOURCE for which in ("source", "target"))
    result = FUNCTIONS[name](source, target)
    assert result.dtype == np.uint8
    assert result.shape == source.shape
    if flat in ("target", "both"):
        assert np.abs(result.astype(int) - even[0, 0]).max() <= 1


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_single_pixel_is_an_image_of_one_colour(name: str) -> None:
    one = np.array([[[10, 128, 250]]], np.uint8)
    assert np.isin(FUNCTIONS[name](SOURCE, one), one).all()
    assert FUNCTIONS[name](one, SOURCE).shape == one.shape


@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_left_out_are_refused(name: str) -> None:
    with pytest.raises(LutError, match="a masked array with values left out; fill them"):
        FUNCTIONS[name](np.ma.masked_less(SOURCE, SOURCE.mean()), SOURCE)
    whole = np.ma.masked_array(SOURCE)
    np.testing.assert_array_equal(FUNCTIONS[name](whole, SOURCE), FUNCTIONS[name](SOURCE, SOURCE))
