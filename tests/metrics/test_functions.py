"""The public metrics, against scikit-image and colour-science, for every type, range, layout and kind of array."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import colour
import numpy as np
import pytest
import torch
from skimage.metrics import mean_squared_error, peak_signal_noise_ratio, structural_similarity

import sshbench
from sshbench import metrics
from sshbench.metrics import MetricError

RNG = np.random.default_rng(3)
WANG = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "channel_axis": -1, "data_range": 255}


def pair(seed: int = 0, size: tuple[int, int] = (47, 38)) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two pictures of bytes and a mask of booleans."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[: size[0], : size[1]] / max(size)
    target = np.stack([255 * rows, 128 + 100 * np.sin(9 * columns), 255 * (1 - columns)], axis=-1)
    prediction = target * 0.9 + rng.normal(0, 12, target.shape) + 7
    mask = (rows - 0.4) ** 2 + (columns - 0.4) ** 2 < 0.08
    return *(np.clip(np.rint(image), 0, 255).astype(np.uint8) for image in (prediction, target)), mask


def visible(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    lab = [colour.XYZ_to_Lab(colour.sRGB_to_XYZ(image / 255)) for image in (other, one)]
    return np.asarray(colour.delta_E(*lab, method="CIE 2000"))


def structure(one: np.ndarray, other: np.ndarray, **settings: Any) -> Any:
    return structural_similarity(other.astype(float), one.astype(float), **(settings or WANG))


Oracle = Callable[[np.ndarray, np.ndarray, np.ndarray], float]
ORACLES: dict[str, Oracle] = {
    "psnr": lambda p, t, m: peak_signal_noise_ratio(t, p, data_range=255),
    "mse": lambda p, t, m: mean_squared_error(t, p),
    "mae": lambda p, t, m: np.abs(p.astype(float) - t).mean(),
    "ssim": lambda p, t, m: structure(p, t),
    "ciede2000": lambda p, t, m: visible(p, t).mean(),
    "fmse": lambda p, t, m: ((p.astype(float) - t)[m] ** 2).mean(),
    "fpsnr": lambda p, t, m: 10 * math.log10(255**2 / ((p.astype(float) - t)[m] ** 2).mean()),
    "fssim": lambda p, t, m: structure(p, t, full=True, **WANG)[1][m].mean(),
    "fciede2000": lambda p, t, m: visible(p, t)[m].mean(),
}
UNMASKED = ("psnr", "mse", "mae", "ssim", "ciede2000")
FORMS = {
    "uint8": lambda image: image,
    "uint16": lambda image: image.astype(np.uint16) * np.uint16(257),
    "uint16 of the other byte order": lambda image: (image.astype(np.uint16) * np.uint16(257)).astype(">u2"),
    "float32": lambda image: (image / 255).astype(np.float32),
    "float64": lambda image: image / 255,
    "float64 of the other byte order": lambda image: (image / 255).astype(">f8"),
    "turned rows": lambda image: np.ascontiguousarray(image[::-1])[::-1],
}
RANGES = {
    "floats over 0..255": (lambda image: image.astype(np.float32), 255),
    "12 bits in uint16": (lambda image: np.rint(image * (4095 / 255)).astype(np.uint16), 4095),
    "integers of 64 bits": (lambda image: image.astype(np.int64), 255),
    "bytes that say so": (lambda image: image, 255),
}


def given(name: str, *parts: Any) -> tuple[Any, ...]:
    return parts if name not in UNMASKED else parts[:2]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ORACLES)
def test_every_type_gives_the_oracles_number(name: str, form: str) -> None:
    prediction, target, mask = pair()
    wanted = ORACLES[name](prediction, target, mask)
    made = FORMS[form]
    value = getattr(metrics, name)(*given(name, made(prediction), made(target), mask))
    assert type(value) is float
    assert value == pytest.approx(wanted, rel=1e-5)
    mixed = getattr(metrics, name)(*given(name, made(prediction), target, mask))
    assert mixed == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize("kind", RANGES)
@pytest.mark.parametrize("name", ORACLES)
def test_the_data_range_says_what_white_is(name: str, kind: str) -> None:
    prediction, target, mask = pair()
    made, white = RANGES[kind]
    value = getattr(metrics, name)(*given(name, made(prediction), made(target), mask), data_range=white)
    assert value == pytest.approx(ORACLES[name](prediction, target, mask), rel=2e-3 if white == 4095 else 1e-5)


@pytest.mark.parametrize("name", ORACLES)
def test_arrays_tensors_batches_and_layouts_agree(name: str) -> None:
    metric = getattr(metrics, name)
    samples = [given(name, *pair(seed)) for seed in range(3)]
    wanted = [metric(*sample) for sample in samples]
    batch = [np.stack(part) for part in zip(*samples, strict=True)]
    scores = metric(*batch)
    assert scores.shape == (3,)
    np.testing.assert_allclose(scores, wanted, rtol=1e-6)
    first = [part if part.ndim == 3 else np.ascontiguousarray(part.transpose(0, 3, 1, 2)) for part in batch]
    tensors = [torch.from_numpy(part) for part in first]
    scores = metric(*tensors)
    assert isinstance(scores, torch.Tensor)
    assert scores.shape == (3,)
    np.testing.assert_allclose(scores.numpy(), wanted, rtol=1e-6)
    np.testing.assert_allclose(metric(*(t / 255 if t.ndim == 4 else t for t in tensors)).numpy(), wanted, rtol=1e-5)
    assert metric(*(tensor[0] for tensor in tensors)).shape == ()
    np.testing.assert_allclose(metric(*first, layout="CHW"), wanted, rtol=1e-6)
    np.testing.assert_allclose(metric(*map(torch.from_numpy, batch), layout="HWC").numpy(), wanted, rtol=1e-6)
    assert metric(*(part[:0] for part in batch)).shape == (0,)


def test_the_uniform_window_is_that_of_scikit_image() -> None:
    prediction, target, mask = pair()
    settings = {"channel_axis": -1, "data_range": 255}
    wanted, full = structure(prediction, target, full=True, **settings)
    assert metrics.ssim(prediction / 255, target / 255, window="uniform") == pytest.approx(wanted, abs=1e-9)
    assert metrics.fssim(prediction, target, mask, window="uniform") == pytest.approx(full[mask].mean(), abs=1e-5)


def test_one_channel_is_enough_where_no_colour_is_needed() -> None:
    prediction, target, mask = (part[..., :1] if part.ndim == 3 else part for part in pair())
    for name in ("psnr", "mse", "mae", "ssim", "fmse", "fpsnr", "fssim"):
        value = getattr(metrics, name)(*given(name, prediction, target, mask))
        assert value == pytest.approx(ORACLES[name](prediction, target, mask), rel=1e-5), name
    for name in ("ciede2000", "lpips"):
        with pytest.raises(MetricError, match="three channels"):
            getattr(metrics, name)(prediction, target)


@pytest.mark.parametrize("name", ORACLES)
@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda p, t, m: (p, t[:20], m), "differ in shape"),
        (lambda p, t, m: (p, t[None], m), "differ in shape"),
        (lambda p, t, m: (p, t[..., :1], m), "differ in shape"),
        (lambda p, t, m: (p, torch.from_numpy(t).permute(2, 0, 1), m), "one of the images is a numpy array"),
        (
            lambda p, t, m: (p.astype(np.float32), t.astype(np.float32), m),
            r"far outside of 0\.\.1; give data_range=255",
        ),
        (lambda p, t, m: (p, t.astype(np.float64), m), r"the target .* far outside of 0\.\.1"),
        (lambda p, t, m: (p / 127.5 - 1, t / 127.5 - 1, m), r"bring values over -1\.\.1 to 0\.\.1"),
        (lambda p, t, m: (p.astype(np.int64), t.astype(np.int64), m), "int64, which says nothing of its range"),
        (lambda p, t, m: (p > 9, t > 9, m), "bool"),
        (lambda p, t, m: (p / 255 + np.nan, t / 255, m), "the prediction holds values that are not finite"),
        (lambda p, t, m: (p, t * np.inf, m), "the target holds values that are not finite"),
        (lambda p, t, m: (p.tolist(), t, m), "list; give a numpy array or a torch tensor"),
        (lambda p, t, m: (p[..., 0], t[..., 0], m), "give an image or a batch"),
        (lambda p, t, m: (p.transpose(2, 0, 1), t.transpose(2, 0, 1), m), "give layout='CHW'"),
        (lambda p, t, m: (p[:0], t[:0], m[:0]), "give an image or a batch"),
        (lambda p, t, m: (torch.from_numpy(p), torch.from_numpy(t), m), "give layout='HWC'"),
        (
            lambda p, t, m: (p.astype(np.uint16), t.astype(">u2"), m),
            "uint16 with no value above 25.; give data_range=255",
        ),
        (lambda p, t, m: (p, np.ma.masked_less(t, 9), m), "the target is a masked array with values left out"),
        (lambda p, t, m: (torch.from_numpy(p / 255).to_sparse(), torch.from_numpy(t / 255), m), "sparse tensor"),
    ],
)
def test_what_cannot_be_compared_is_refused(change: Callable[..., tuple[Any, ...]], says: str, name: str) -> None:
    with np.errstate(invalid="ignore"):
        parts = change(*pair())
    with pytest.raises(MetricError, match=says) as error:
        getattr(metrics, name)(*given(name, *parts))
    assert "\n" not in str(error.value)


def test_values_of_both_signs_are_named_in_the_units_of_the_data_range() -> None:
    signed = np.linspace(-255, 255, 300).reshape(10, 10, 3)
    with pytest.raises(MetricError, match=r"bring values over -255\.\.255 to 0\.\.255 first"):
        metrics.psnr(signed, signed, data_range=255)


def test_bytes_in_16_bits_count_as_the_data_range_says() -> None:
    prediction, target, _ = pair()
    wide = prediction.astype(np.uint16), target.astype(np.uint16)
    assert metrics.mse(*wide, data_range=255) == metrics.mse(prediction, target)
    assert metrics.mse(*wide, data_range=65535) == pytest.approx(metrics.mse(prediction, target) / 257**2)
    assert metrics.mse(np.zeros_like(wide[0]), np.zeros_like(wide[0])) == 0


@pytest.mark.parametrize("white", [0, -1, math.nan, math.inf, "255", True, [255]])
def test_a_data_range_that_is_none(white: Any) -> None:
    prediction, target, _ = pair()
    with pytest.raises(MetricError, match="data_range"):
        metrics.psnr(prediction, target, data_range=white)


def test_bytes_beyond_the_data_range_are_refused() -> None:
    prediction, target, _ = pair()
    with pytest.raises(MetricError, match="far outside"):
        metrics.psnr(prediction, target, data_range=1)


def test_a_little_overshoot_counts_as_it_is() -> None:
    prediction, target, _ = pair()
    over = prediction / 255 * 1.3 - 0.1
    assert metrics.mse(over, target) == pytest.approx(((over * 255 - target) ** 2).mean())
    assert metrics.psnr(target, target) == math.inf


MASKS = {
    "booleans": lambda mask: mask,
    "bytes": lambda mask: mask.astype(np.uint8) * np.uint8(255),
    "bytes of 0 and 1": lambda mask: mask.astype(np.uint8),
    "16 bits": lambda mask: mask.astype(np.uint16) * np.uint16(65535),
    "16 bits of the other byte order": lambda mask: (mask.astype(np.uint16) * np.uint16(65535)).astype(">u2"),
    "floats": lambda mask: mask.astype(np.float32),
    "soft floats": lambda mask: np.where(mask, 0.6, 0.3),
    "a last axis": lambda mask: mask[..., None],
}


@pytest.mark.parametrize("kind", MASKS)
@pytest.mark.parametrize("name", ["fmse", "fpsnr", "fssim", "fciede2000", "boundary_mse"])
def test_masks_of_every_kind(name: str, kind: str) -> None:
    prediction, target, mask = pair()
    wanted = getattr(metrics, name)(prediction, target, mask)
    assert getattr(metrics, name)(prediction, target, MASKS[kind](mask)) == pytest.approx(wanted)
    both = np.stack([prediction, prediction]), np.stack([target, target])
    np.testing.assert_allclose(getattr(metrics, name)(*both, mask), [wanted] * 2)
    mixed = np.stack([mask, ~mask])
    second = getattr(metrics, name)(prediction, target, ~mask)
    np.testing.assert_allclose(getattr(metrics, name)(*both, mixed), [wanted, second])
    assert math.isnan(getattr(metrics, name)(prediction, target, np.zeros_like(mask)))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda mask: mask.astype(np.float32) * 255, "not 0 to 1"),
        (lambda mask: mask[:20], "shape"),
        (lambda mask: mask.T, "shape"),
        (lambda mask: np.repeat(mask[..., None], 3, axis=2), "shape"),
        (lambda mask: mask.tolist(), "list"),
        (lambda mask: np.where(mask, np.nan, 0.0), "holds NaN or infinity"),
        (lambda mask: np.ma.masked_array(mask, mask), "the mask is a masked array with values left out"),
    ],
)
def test_masks_that_are_refused(change: Callable[..., Any], says: str) -> None:
    prediction, target, mask = pair()
    with pytest.raises(sshbench.errors.SshbenchError, match=says):
        metrics.fmse(prediction, target, change(mask))


def test_the_band_around_the_edge() -> None:
    import cv2

    prediction, target, mask = pair(size=(200, 150))
    inside = mask.astype(np.uint8)
    kernel = np.ones((2 * round(150 / 64) + 1,) * 2, np.uint8)
    band = (cv2.dilate(inside, kernel) & cv2.dilate(1 - inside, kernel)) == 1
    wanted = ((prediction.astype(float) - target)[band] ** 2).mean()
    assert metrics.boundary_mse(prediction, target, mask) == pytest.approx(wanted)
    tensors = (torch.from_numpy(image).permute(2, 0, 1) for image in (prediction, target))
    assert float(metrics.boundary_mse(*tensors, torch.from_numpy(mask))) == pytest.approx(wanted)


@pytest.mark.shared
def test_lpips_of_floats_is_that_of_bytes(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sshbench.metrics import perceptual

    monkeypatch.setenv(perceptual.VARIABLE, str(shared / "data/lpips/alexnet_features.pth"))
    perceptual._outcome.cache_clear()
    prediction, target, _ = pair()
    wanted = metrics.lpips(prediction, target)
    assert wanted > 0.01
    assert metrics.lpips(prediction / 255, target / 255) == pytest.approx(wanted, abs=1e-6)
    assert metrics.lpips(
        *(image.astype(np.float32) for image in (prediction, target)), data_range=255
    ) == pytest.approx(wanted, abs=1e-6)
    with pytest.raises(MetricError, match="far outside"):
        metrics.lpips(prediction.astype(np.float32), target.astype(np.float32))
    with pytest.raises(MetricError, match="at least 32 x 32 pixels, not 38 x 20"):
        metrics.lpips(prediction[:20], target[:20])
    perceptual._outcome.cache_clear()


def test_dir_lists_the_metrics_and_each_says_what_it_is() -> None:
    listed = dir(metrics)
    assert {*ORACLES, "lpips", "boundary_mse", "score", "METRICS"} <= set(listed)
    for name in listed:
        assert getattr(metrics, name).__doc__, name
    for name in metrics.METRICS:
        if not name.startswith("lpips_"):
            parameters = inspect.signature(getattr(metrics, name)).parameters
            assert list(parameters)[:2] == ["prediction", "target"]
            assert {"data_range", "layout"} <= set(parameters)
    assert metrics.peak_signal_noise_ratio is metrics.psnr
    assert metrics.structural_similarity_index_measure is metrics.ssim
    assert metrics.learned_perceptual_image_patch_similarity is metrics.lpips
    assert (metrics.mean_squared_error, metrics.mean_absolute_error) == (metrics.mse, metrics.mae)
    with pytest.raises(AttributeError, match="nothing"):
        _ = metrics.nothing
