"""Pixel metrics, against closed forms; the same for arrays, batches and tensors."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from sshbench.metrics import arrays, colour, foreground, pixel, structural
from sshbench.metrics.foreground import boundary_band


def images(seed: int = 0, size: tuple[int, int] = (40, 30)) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    target = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
    prediction = np.clip(target + rng.integers(-30, 31, target.shape), 0, 255).astype(np.uint8)
    return prediction, target, rng.random(size).astype(np.float32)


def test_a_constant_error() -> None:
    target = np.full((8, 9, 3), 100, np.uint8)
    assert pixel.mse(target - np.uint8(5), target) == 25
    assert pixel.mae(target - np.uint8(5), target) == 5
    assert pixel.psnr(target - np.uint8(5), target) == pytest.approx(20 * math.log10(255 / 5))
    assert pixel.psnr(target - np.uint8(5), target, data_range=100) == pytest.approx(20 * math.log10(100 / 5))
    errors = torch.tensor([25.0])
    assert float(pixel.psnr_of(errors, 100.0)) == pytest.approx(20 * math.log10(100 / 5))


def test_identical_images() -> None:
    _, target, mask = images()
    assert pixel.psnr(target, target) == math.inf
    assert pixel.mse(target, target) == foreground.fmse_scaled(target, target, mask) == 0


def test_bytes_do_not_wrap_around() -> None:
    black, white = np.zeros((4, 4, 3), np.uint8), np.full((4, 4, 3), 255, np.uint8)
    assert pixel.mse(black, white) == 255**2
    assert pixel.mae(black, white) == 255


def test_both_foreground_errors_agree_on_masks_of_0_and_1_alone() -> None:
    prediction, target, soft = images()
    square = (prediction.astype(float) - target) ** 2
    hard = (soft > 0.4).astype(np.float32)
    expected = square[hard == 1].mean()
    assert foreground.fmse_weighted(prediction, target, hard) == pytest.approx(expected)
    assert foreground.fmse_scaled(prediction, target, hard) == pytest.approx(expected)
    weight = soft.astype(np.float64)[..., None]
    assert foreground.fmse_weighted(prediction, target, soft) == pytest.approx(
        (weight * square).sum() / (3 * weight.sum())
    )
    scaled = ((weight * prediction - weight * target) ** 2).mean() * soft.size / weight.sum()
    assert foreground.fmse_scaled(prediction, target, soft) == pytest.approx(scaled)
    assert foreground.mse_weighted_by_mask(prediction, target, soft) == pytest.approx((weight * square).mean())


def test_the_band_is_within_the_radius_of_the_border_on_both_sides() -> None:
    inside = np.zeros((20, 30), bool)
    inside[:, 12:] = True
    band = boundary_band(inside, radius=3)
    assert (band == ((np.arange(30) >= 9) & (np.arange(30) < 15))).all()
    assert not boundary_band(np.ones((9, 9), bool), 2).any()
    half = np.arange(256)[:, None] < np.full(256, 99)
    assert boundary_band(half)[:, 0].sum() == 2 * 4  # a 64th of 256, both sides


METRICS = {
    "mse": pixel.mse,
    "mae": pixel.mae,
    "psnr": pixel.psnr,
    "fmse_weighted": foreground.fmse_weighted,
    "fmse_scaled": foreground.fmse_scaled,
    "mse_weighted_by_mask": foreground.mse_weighted_by_mask,
    "ssim": structural.ssim,
    "fssim": structural.fssim,
    "ciede2000": colour.ciede2000,
    "fciede2000": colour.fciede2000,
}


@pytest.mark.parametrize("name", METRICS)
def test_arrays_batches_and_tensors_give_the_same(name: str) -> None:
    metric = METRICS[name]
    needs_mask = name[0] == "f" or name.endswith("mask")
    samples = [images(seed)[: 3 if needs_mask else 2] for seed in range(3)]
    single = [metric(*sample) for sample in samples]
    assert all(type(value) is float for value in single)
    batch = [np.stack(part) for part in zip(*samples, strict=True)]
    np.testing.assert_allclose(metric(*batch), single, rtol=1e-6)
    tensors = [torch.from_numpy(part if part.ndim == 3 else part.transpose(0, 3, 1, 2)) for part in batch]
    scores = metric(*tensors)
    assert isinstance(scores, torch.Tensor)
    assert scores.shape == (3,)
    np.testing.assert_allclose(scores.numpy(), single, rtol=1e-6)
    first = metric(*(tensor[0] for tensor in tensors))
    assert first.shape == ()
    assert float(first) == pytest.approx(single[0], rel=1e-6)


@pytest.mark.parametrize("name", METRICS)
def test_strips_of_rows_do_not_show(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sample = images(size=(43, 30))[: 3 if name[0] == "f" or name.endswith("mask") else 2]
    whole = METRICS[name](*sample)
    for rows in (1, 2, 5, 21, 39, 42):
        monkeypatch.setattr(arrays, "_STRIP", rows * 30)
        assert METRICS[name](*sample) == pytest.approx(whole, rel=1e-6)


@pytest.mark.cuda
@pytest.mark.parametrize("name", METRICS)
def test_a_gpu_gives_the_same(name: str) -> None:
    if not torch.cuda.is_available():
        pytest.skip("there is no CUDA device")
    sample = images()[: 3 if name[0] == "f" or name.endswith("mask") else 2]
    tensors = [torch.from_numpy(part if part.ndim == 2 else part.transpose(2, 0, 1)) for part in sample]
    on_gpu = METRICS[name](*(tensor.cuda() for tensor in tensors))
    assert float(on_gpu) == pytest.approx(float(METRICS[name](*tensors)), rel=1e-5)


def test_a_pixel_of_one_half_is_foreground() -> None:
    assert foreground.foreground_of(torch.tensor([0.0, 0.499, 0.5, 1.0])).tolist() == [0, 0, 1, 1]
