"""`sshbench.score`: the numbers of the suite, and of independent oracles, for two arrays."""

from __future__ import annotations

import subprocess
import sys
import warnings
from typing import Any

import numpy as np
import pytest
import torch

import sshbench
from sshbench import score
from sshbench.benchmarks.composite import Composite
from sshbench.benchmarks.protocol import PROTOCOLS, ProtocolError
from sshbench.errors import SshbenchError
from sshbench.metrics import MetricError, MetricWarning
from sshbench.metrics.suite import score as score_composite

from . import oracles
from .test_functions import pair

FAST = ["psnr", "mse", "ssim", "mae", "ciede2000", "fmse", "fpsnr", "fssim", "fciede2000", "boundary_mse"]


def test_with_the_composite_it_is_what_evaluate_computes() -> None:
    prediction, target, mask = pair(size=(300, 280))
    composite = np.where(mask[..., None], 255 - target, target)
    wanted = oracles.ours(prediction, composite, target, mask.astype(np.uint8) * np.uint8(255))
    scores = score(prediction, target, mask, composite=composite, metrics=FAST)
    assert list(scores) == [name for name in PROTOCOLS["sshbench-v1"].metrics if name in FAST]
    for name in FAST:
        assert scores[name] == pytest.approx(wanted[name], rel=1e-4), name
    tensors = [torch.from_numpy(image).permute(2, 0, 1) for image in (prediction, target, composite)]
    same = score(tensors[0], tensors[1], torch.from_numpy(mask), composite=tensors[2], metrics=FAST)
    assert same == scores


@pytest.mark.parametrize("name", PROTOCOLS)
def test_every_protocol_scores_as_the_suite_does(name: str) -> None:
    prediction, target, mask = pair(size=(260, 256))
    sample = Composite("x", target, target, target, mask.astype(np.float32), target)
    names = [metric for metric in PROTOCOLS[name].metrics if not metric.startswith("lpips")]
    wanted = score_composite(prediction, sample, PROTOCOLS[name], names)
    assert score(prediction, target, mask, name, composite=target, metrics=names) == wanted
    assert score(prediction, target, mask, PROTOCOLS[name], composite=target, metrics=names) == wanted


def test_without_a_composite_the_prediction_counts_as_it_is() -> None:
    prediction, target, mask = pair(size=(256, 256))
    scores = score(prediction, target, mask, metrics=FAST)
    assert scores["mse"] == pytest.approx(((prediction.astype(float) - target) ** 2).mean())
    assert scores["fmse"] == pytest.approx(((prediction.astype(float) - target)[mask] ** 2).mean())


def test_without_a_mask_the_foreground_is_left_out() -> None:
    prediction, target, mask = pair(size=(256, 256))
    scores = score(prediction, target, metrics=["psnr", "mse", "mae", "ssim"])
    masked = score(prediction, target, mask, metrics=["psnr", "mse", "mae", "ssim"])
    assert scores == masked
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MetricWarning)  # of LPIPS, whose weights may be missing
        names = set(score(prediction, target))
    assert names - {"lpips"} == {"psnr", "mse", "mae", "ssim", "ciede2000"}
    with pytest.raises(MetricError, match="fmse needs a mask"):
        score(prediction, target, metrics=["psnr", "fmse"])
    with pytest.raises(ProtocolError, match="by the mask"):
        score(prediction, target, protocol="pct-fullres")


@pytest.mark.parametrize("white", [1, 255, 65535])
def test_types_and_ranges_give_the_same(white: int) -> None:
    prediction, target, mask = pair(size=(256, 256))
    scores = score(prediction, target, mask, metrics=FAST)
    kind = np.uint16 if white == 65535 else np.float64
    images = [(image * (white / 255)).astype(kind) for image in (prediction, target)]
    given = {"data_range": 255} if white == 255 else {}
    same = score(*images, mask, metrics=FAST, **given)  # type: ignore[arg-type]
    for name in FAST:
        assert same[name] == pytest.approx(scores[name], rel=1e-6)


def test_a_prediction_may_have_the_protocols_size() -> None:
    prediction, _, _ = pair(size=(256, 256))
    _, target, mask = pair(size=(300, 400))
    assert score(prediction, target, mask, metrics=["psnr"])["psnr"] > 0
    with pytest.raises(MetricError, match="the prediction is 100 x 90; give it of the target's size, 400 x 300 or of"):
        score(prediction[:90, :100], target, mask)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"protocol": "sshbench-v9"}, "sshbench-v9"),
        ({"metrics": ["pnsr"]}, "did you mean 'psnr'"),
        ({"prediction": np.zeros((2, 30, 30, 3), np.uint8)}, r"one image, \[H, W, 3\] or \[3, H, W\]"),
        ({"metrics": "psnr"}, r"metrics is a list of names, such as \['psnr'\]"),
        ({"prediction": np.full((30, 30, 3), 200.0)}, "far outside"),
        ({"target": np.zeros((30, 30, 4), np.uint8)}, "4 channels"),
        ({"mask": np.full((30, 30), 255.0)}, "not 0 to 1"),
        ({"mask": np.zeros((10, 30))}, "shape"),
        ({"composite": np.zeros((10, 30, 3), np.uint8)}, "same size"),
        ({"prediction": "a.png"}, "give a numpy array"),
    ],
)
def test_what_cannot_be_scored_is_refused(change: dict[str, Any], says: str) -> None:
    call = {"prediction": np.zeros((30, 30, 3), np.uint8), "target": np.zeros((30, 30, 3), np.uint8), **change}
    with pytest.raises(SshbenchError, match=says):
        score(**call)


def test_the_package_has_it() -> None:
    assert sshbench.score is sshbench.metrics.score
    assert {"score", "metrics", "lut"} <= set(dir(sshbench))
    script = "import sshbench, sys; assert 'torch' not in sys.modules; print(sshbench.metrics.psnr.__name__)"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout == "psnr\n"
