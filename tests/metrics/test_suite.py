"""Scoring as a whole: which metrics, what is refused, what stays empty."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from sshbench.benchmarks.composite import Composite
from sshbench.benchmarks.protocol import EXTRA, PROTOCOLS, ProtocolError
from sshbench.metrics.suite import METRICS, MetricError, PredictionError, chosen, score
from tests.metrics.test_protocols import made

V1 = PROTOCOLS["sshbench-v1"]


def test_metrics_are_the_protocols_own_in_its_order() -> None:
    assert chosen(V1) == tuple(name for name in V1.metrics if name not in EXTRA)
    assert chosen(V1, ["lpips_vgg", "mse", "psnr"]) == ("psnr", "mse", "lpips_vgg")
    assert chosen(PROTOCOLS["dovenet"], ["ssim", "mse"]) == ("mse",)
    for protocol in PROTOCOLS.values():
        assert set(protocol.metrics) <= set(METRICS)


def test_unknown_metrics_and_metrics_a_protocol_lacks_are_refused() -> None:
    with pytest.raises(MetricError, match="did you mean 'psnr'"):
        chosen(V1, ["pnsr"])
    with pytest.raises(ProtocolError, match="dovenet defines none of ssim; it has psnr, mse"):
        chosen(PROTOCOLS["dovenet"], ["ssim"])


def test_a_perfect_prediction() -> None:
    sample = made()
    assert sample.target is not None
    scores = score(sample.target, replace_composite(sample), V1, ["psnr", "mse", "ssim", "ciede2000", "fmse", "fpsnr"])
    assert scores["psnr"] == scores["fpsnr"] == math.inf
    assert scores["mse"] == scores["ciede2000"] == scores["fmse"] == 0
    assert scores["ssim"] == pytest.approx(1, abs=1e-6)


def replace_composite(sample: Composite) -> Composite:
    """The same sample with the ground truth as composite, so that its background is the ground truth's."""
    assert sample.target is not None
    return Composite(sample.id, sample.target, sample.target, sample.target, sample.mask, sample.target)


@pytest.mark.parametrize(
    ("prediction", "message"),
    [
        (
            np.zeros((100, 100, 3), np.uint8),
            "is 100 x 100; it has to have the composite's size, 420 x 330 or 256 x 256",
        ),
        (np.zeros((330, 420), np.uint8), r"has the shape \[330, 420\]"),
        (np.zeros((330, 420, 3), np.int32), "is int32; give uint8, or floats"),
        (np.full((330, 420, 3), np.nan, np.float32), "not finite"),
        (np.full((330, 420, 3), 200, np.float32), "divide it by 255"),
    ],
)
def test_bad_predictions_are_refused_by_id(prediction: np.ndarray, message: str) -> None:
    with pytest.raises(PredictionError, match=f"^made/0: .*{message}"):
        score(prediction, made(), V1)


def test_a_sample_without_ground_truth_is_refused() -> None:
    sample = made()
    with pytest.raises(PredictionError, match="no ground truth"):
        score(sample.composite, replace(sample, target=None), V1)


def test_a_foreground_that_vanishes_at_256_leaves_its_columns_empty() -> None:
    sample = made(size=(1024, 1024))
    mask = np.zeros((1024, 1024), np.float32)
    mask[500, 500] = 1
    scores = score(
        sample.composite, replace(sample, mask=mask), V1, [name for name in V1.metrics if "lpips" not in name]
    )
    assert list(scores) == ["psnr", "mse", "ssim", "mae", "ciede2000"]


def test_floats_and_bytes_of_one_image_score_alike() -> None:
    sample = made()
    floats = sample.composite / np.float32(255)
    for protocol in PROTOCOLS.values():
        metrics = [name for name in protocol.metrics if "lpips" not in name]
        as_bytes, as_floats = (score(image, sample, protocol, metrics) for image in (sample.composite, floats))
        tolerance = 2e-3 if protocol.quantise == "round" or protocol.size is None else 0.05  # floats are not rounded
        assert as_floats == pytest.approx(as_bytes, rel=tolerance), protocol.name


def test_what_the_table_of_metrics_says_is_so() -> None:
    """Which way is better, whether only the foreground counts, and decibels, which grow with the logarithm."""
    sample = made(size=(96, 96), soft=False)
    assert sample.target is not None
    rng = np.random.default_rng(0)
    noise = rng.choice([-8, 8], sample.target.shape)
    target = np.clip(sample.target, 64, 190)
    sample = replace_composite(replace(sample, target=target))
    protocol = replace(V1, background="prediction", size=None, resize=None)
    names = [name for name in METRICS if "lpips" not in name]
    near, far = (score((target + k * noise).astype(np.uint8), sample, protocol, names) for k in (1, 2))
    corner = target.copy()
    corner[:8, -8:] ^= 64
    elsewhere = score(corner, sample, protocol, names)
    perfect = score(target, sample, protocol, names)
    for name in names:
        metric = METRICS[name]
        assert metric.name == name
        assert metric.higher_is_better == (far[name] < near[name]), name
        assert metric.foreground == (elsewhere[name] == perfect[name]) or name == "boundary_mse", name
        assert (metric.unit == "dB") == (near[name] - far[name] == pytest.approx(20 * math.log10(2))), name
        assert not name.startswith("f") or metric.title == "f" + METRICS[name[1:]].title
    for name in ("lpips_squeeze", "lpips_vgg"):
        assert replace(METRICS[name], name="lpips", title="LPIPS", description="") == replace(
            METRICS["lpips"], description=""
        )
    assert {name: metric.digits for name, metric in METRICS.items() if metric.digits != 2} == dict.fromkeys(
        ("ssim", "fssim", "lpips", "lpips_squeeze", "lpips_vgg"), 4
    )


def test_a_mask_of_one_half_is_foreground() -> None:
    sample = made(size=(64, 64))
    mask = np.zeros((64, 64), np.float32)
    mask[:, :20], mask[:, 20:30] = 0.5, 0.499
    protocol = replace(V1, background="prediction", size=None, resize=None)
    found = score(sample.composite, replace(sample, mask=mask), protocol, ["fmse"])["fmse"]
    assert sample.target is not None
    errors = (sample.composite.astype(float) - sample.target)[:, :20] ** 2
    assert found == pytest.approx(errors.mean())


@pytest.mark.parametrize("metric", ["ssim", "fssim"])
def test_a_protocol_with_similarity_says_how_it_is_computed(metric: str) -> None:
    assert replace(V1, metrics=("psnr", metric)).ssim == V1.ssim
    assert replace(V1, metrics=("psnr",), ssim=None).ssim is None
    with pytest.raises(ValueError, match="lists SSIM without saying how it is computed"):
        replace(V1, metrics=("psnr", metric), ssim=None)
