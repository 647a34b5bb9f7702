"""Statistics under masks and closed-form maps, against numpy and the classical transfers."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sshbench.colour import match
from sshbench.colour.srgb import decode, encode
from sshbench.networks.closed_form import (
    Statistics,
    closed_form_maps,
    extremes,
    light_ratio,
    on_grid,
    optimal_matrix,
    statistics,
)

LUMA = np.array([0.2126, 0.7152, 0.0722])


@pytest.fixture
def images() -> torch.Tensor:
    codes = np.random.default_rng(0).beta(2, 3, (3, 3, 20, 24)) * 255
    return torch.from_numpy(np.rint(codes)).float() / 255


@pytest.fixture
def masks() -> torch.Tensor:
    masks = torch.zeros(3, 1, 20, 24)
    masks[0], masks[1, :, 4:, :9], masks[2, :, 5, 3:5] = 1, 1, 1
    return masks


def identity(size: int) -> torch.Tensor:
    axis = torch.linspace(0, 1, size)
    return torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), -1).flip(-1)


def maps_on_grid(size: int, source: Statistics, target: Statistics) -> tuple[torch.Tensor, torch.Tensor]:
    maps, matrix = closed_form_maps(torch.linspace(0, 1, size), source, target)
    return on_grid(maps), matrix


def test_statistics_are_those_of_the_pixels_inside(images: torch.Tensor, masks: torch.Tensor) -> None:
    found = statistics(images, masks, count=5)
    for k in range(3):
        pixels = images[k].permute(1, 2, 0)[masks[k, 0] > 0].numpy().astype(np.float64)
        np.testing.assert_allclose(found.mean[k], pixels.mean(axis=0), atol=1e-5)
        np.testing.assert_allclose(found.covariance[k], np.cov(pixels.T, bias=True), atol=1e-5)
        middle = np.quantile(pixels, 0.5, axis=0, method="inverted_cdf")
        np.testing.assert_allclose(found.quantiles[k, :3, 2], middle, atol=2 / 255)
        luma = pixels @ (0.2126, 0.7152, 0.0722)
        assert luma.min() - 0.01 <= found.quantiles[k, 3].min() <= found.quantiles[k, 3].max() <= luma.max() + 0.01
        assert (found.quantiles[k].diff(dim=1) >= 0).all()


def test_pixels_weigh_as_much_as_their_mask() -> None:
    images = torch.tensor([0.2, 0.6]).expand(1, 3, 1, 2).contiguous()
    found = statistics(images, torch.tensor([1.0, 3.0]).view(1, 1, 1, 2))
    assert found.mean[0].tolist() == pytest.approx([0.5] * 3)
    assert found.covariance[0].flatten().tolist() == pytest.approx([0.03] * 9)


def test_light_is_the_mean_of_linear_light_and_not_the_light_of_the_mean(
    images: torch.Tensor, masks: torch.Tensor
) -> None:
    found = statistics(images, masks).light.numpy()
    for k in range(3):
        pixels = decode(images[k].permute(1, 2, 0)[masks[k, 0] > 0].numpy()).mean(axis=0)
        np.testing.assert_allclose(found[k, :3], pixels, rtol=1e-5)
        np.testing.assert_allclose(found[k, 3], pixels @ LUMA, rtol=1e-5)


def test_light_of_a_dark_pixel_is_on_the_straight_part_of_the_curve_and_soft_masks_weigh() -> None:
    images = torch.tensor([0.02, 0.9]).expand(1, 3, 1, 2).contiguous()
    found = statistics(images, torch.tensor([0.75, 0.25]).view(1, 1, 1, 2)).light[0]
    assert found.tolist() == pytest.approx([0.75 * 0.02 / 12.92 + 0.25 * decode(np.array(0.9))] * 4, rel=1e-5)


def test_the_ratio_of_light_is_the_exposure_between_two_pictures(images: torch.Tensor, masks: torch.Tensor) -> None:
    stops = np.array([0.5, -1.0, 1.5])
    light = decode(images.numpy() * 0.5)
    brighter = torch.from_numpy(encode(light * 2.0 ** stops[:, None, None])).float()
    found = light_ratio(statistics(images * 0.5, masks), statistics(brighter, masks)).numpy()
    np.testing.assert_allclose(found[:, :3], np.tile(stops, (3, 1)), atol=1e-3)
    for k in range(3):
        inside = masks[k, 0].numpy() > 0
        one, other = (image[k][:, inside].mean(axis=1) @ LUMA for image in (light, light * 2.0 ** stops[:, None, None]))
        assert found[k, 3] == pytest.approx(np.log2(other / one), abs=1e-3)


def test_the_ratio_of_light_is_bounded_and_black_stays_black() -> None:
    ones = torch.ones(1, 1, 4, 4)
    black, dark, white = (statistics(torch.full((1, 3, 4, 4), level), ones) for level in (0.0, 0.005, 1.0))
    assert light_ratio(black, dark).abs().max() == 0
    assert light_ratio(black, white).tolist() == [[6.0] * 4]
    assert light_ratio(white, black).tolist() == [[-6.0] * 4]
    assert light_ratio(white, white).abs().max() == 0


def test_extremes_are_counted_under_the_mask_in_every_second_row() -> None:
    """Against a plain loop over pixels of 8 bits, of which 252 and more are clipped and 3 and less black."""
    rng = np.random.default_rng(0)
    codes = rng.choice([0, 3, 4, 100, 251, 252, 255], (8, 6, 3))
    mask = rng.random((8, 6))
    clipped, black, total, step, pairs = np.zeros(3), np.zeros(3), 0.0, 0.0, 0.0
    for row in range(0, 8, 2):
        for column in range(6):
            clipped += mask[row, column] * (codes[row, column] >= 252)
            black += mask[row, column] * (codes[row, column] <= 3)
            total += mask[row, column]
        for column in range(0, 6, 2):
            both = mask[row, column] * mask[row, column + 1]
            step += both * abs(codes[row, column].mean() - codes[row, column + 1].mean()) / 255
            pairs += both
    expected = [*(40 * np.sqrt(clipped / total)), *(40 * np.sqrt(black / total)), 400 * step / pairs]
    image = torch.from_numpy(codes.transpose(2, 0, 1)[None] / np.float32(255)).float()
    found = extremes(image, torch.from_numpy(mask[None, None]).float())
    np.testing.assert_allclose(found[0].numpy(), expected, rtol=1e-5)


def test_the_optimal_matrix_is_the_classical_one() -> None:
    rng = np.random.default_rng(1)
    source, target = (np.cov(rng.normal(size=(3, 50)) * 0.2) for _ in range(2))
    found = optimal_matrix(torch.tensor(source)[None], torch.tensor(target)[None])[0].numpy()
    noise = 4e-4 * np.eye(3)
    np.testing.assert_allclose(found, match.optimal_map(source + noise, target + noise), atol=1e-9)
    np.testing.assert_allclose(found @ (source + noise) @ found, target + noise, atol=1e-9)


def test_a_plain_foreground_is_not_stretched_without_bounds() -> None:
    found = optimal_matrix(torch.zeros(1, 3, 3), 0.04 * torch.eye(3)[None])
    assert found.abs().max() < 11  # sqrt(0.04 / 4e-4 + 1)


def test_maps_to_the_same_colours_change_nothing(images: torch.Tensor, masks: torch.Tensor) -> None:
    same = statistics(images, masks)
    maps, matrix = maps_on_grid(9, same, same)
    assert maps.shape == (3, 4, 9, 9, 9, 3)
    torch.testing.assert_close(matrix, torch.eye(3).expand(3, 3, 3), atol=1e-3, rtol=0)
    assert maps[:, :3].abs().max() < 1e-3
    inside = (identity(9) >= 0.25) & (identity(9) <= 0.5)  # quantiles say nothing of colours that are not there
    assert maps[:, 3][:2, inside].abs().max() < 0.01


def test_each_map_brings_what_it_promises(images: torch.Tensor, masks: torch.Tensor) -> None:
    turn = torch.tensor([[0.8, 0.1, 0.0], [0.0, 0.6, 0.1], [0.1, 0.0, 0.7]])
    others = torch.einsum("ij,bjhw->bihw", turn, images[:2]) + 0.1
    source, target = statistics(images[:2], masks[:2]), statistics(others, masks[:2])
    maps, matrix = maps_on_grid(33, source, target)
    at = (source.mean[0] * 32).round().long().tolist()  # the grid's point nearest to the mean
    colour = identity(33)[at[2], at[1], at[0]]
    shift, mean = target.mean[0] - source.mean[0], source.mean[0]
    scale = ((target.covariance[0].diagonal() + 4e-4) / (source.covariance[0].diagonal() + 4e-4)).sqrt()
    expected = [shift, shift + (scale - 1) * (colour - mean), shift + (matrix[0] - torch.eye(3)) @ (colour - mean)]
    for k, movement in enumerate(expected):
        torch.testing.assert_close(maps[0, k, at[2], at[1], at[0]], movement, atol=1e-5, rtol=0)


def test_quantiles_are_matched_channel_by_channel() -> None:
    grid = identity(5)
    shares = (torch.arange(17) + 0.5) / 17
    low, high = (torch.stack([shares * scale] * 4)[None] for scale in (0.5, 1.0))
    nothing, light = (torch.zeros(1, 3), torch.eye(3)[None] * 0.01), torch.zeros(1, 4)
    maps, _ = maps_on_grid(5, Statistics(*nothing, low, light), Statistics(*nothing, high, light))
    moved = grid + maps[0, 3]
    torch.testing.assert_close(moved[0, 0, 1, 0], torch.tensor(0.5), atol=1e-3, rtol=0)  # 0.25 to twice as much
    assert moved.min() >= 0
    assert moved.max() <= 1
    assert (moved[0, 0, :, 0].diff() >= 0).all()
