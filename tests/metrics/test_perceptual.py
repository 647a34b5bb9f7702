"""LPIPS, against official values; and what is said where its weights are missing."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from sshbench.benchmarks.protocol import PROTOCOLS
from sshbench.metrics import perceptual
from sshbench.metrics.perceptual import LpipsError, lpips
from sshbench.metrics.suite import MetricWarning, score
from tests.metrics.test_protocols import made


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No weights in the cache, none given, and no network."""

    def refuse(*args: object, **kwargs: object) -> None:
        raise OSError("no network in tests")

    monkeypatch.setattr("urllib.request.urlopen", refuse)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    monkeypatch.delenv(perceptual.VARIABLE, raising=False)
    perceptual._outcome.cache_clear()
    yield
    perceptual._outcome.cache_clear()


@pytest.mark.shared
@pytest.mark.filterwarnings("error")
def test_official_values(shared: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv(perceptual.VARIABLE, str(shared / "data/lpips/alexnet_features.pth"))
    folder = shared / "data/lpips"
    state = torch.random.get_rng_state()
    for entry in json.loads((folder / "verified_values.json").read_text()):
        pair = (Image.open(folder / "pyiqa" / side / entry["image"]).convert("RGB") for side in ("dist_dir", "ref_dir"))
        one, other = map(np.asarray, pair)
        assert lpips(one, other) == pytest.approx(entry["official_alex_v01"], abs=2e-4)
        assert lpips(one, other) == pytest.approx(entry["alex_fp32"], abs=1e-5)
        assert lpips(one, one) == 0
    assert torch.equal(state, torch.random.get_rng_state())
    assert capsys.readouterr() == ("", "")


@pytest.mark.shared
def test_weights_are_found_in_a_folder_and_in_the_cache(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = shared / "data/lpips/alexnet_features.pth"
    cached = tmp_path / "hub/checkpoints/alexnet-owt-7be5be79.pth"
    cached.parent.mkdir(parents=True)
    cached.symlink_to(weights)
    sample = made(size=(64, 64))
    from_cache = score(sample.composite, sample, PROTOCOLS["sshbench-v1-fullres"], ["lpips"])
    monkeypatch.setenv(perceptual.VARIABLE, str(cached.parent))
    assert score(sample.composite, sample, PROTOCOLS["sshbench-v1-fullres"], ["lpips"]) == from_cache


def test_without_weights_the_column_is_empty_and_the_rest_is_scored() -> None:
    sample = made(size=(64, 64))
    with pytest.warns(MetricWarning, match="alexnet-owt-7be5be79.pth.*SSHBENCH_LPIPS_WEIGHTS.*stays empty") as caught:
        scores = score(sample.composite, sample, PROTOCOLS["sshbench-v1-fullres"])
    assert len(caught) == 1
    assert "lpips" not in scores
    assert scores["psnr"] > 0


def test_weights_that_are_missing_are_fetched_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("urllib.request.urlopen", lambda url, timeout: io.BytesIO(url.encode()))
    file = perceptual.backbone_file("alex")
    assert file == tmp_path / "hub/checkpoints/alexnet-owt-7be5be79.pth"
    assert file.read_text() == "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth"
    file.write_text("kept")
    assert perceptual.backbone_file("alex").read_text() == "kept"


def test_the_network_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def refuse(url: str, timeout: float) -> None:
        asked.append(url)
        raise OSError("unreachable")

    monkeypatch.setattr("urllib.request.urlopen", refuse)
    for _ in range(3):
        with pytest.raises(LpipsError):
            perceptual.load("squeeze")
    assert len(asked) == 1


def test_a_wrong_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = tmp_path / "weights.pth"
    for content, message in ((b"no weights", "is damaged or not a file"), (None, "does not hold")):
        if content is None:
            torch.save({"features.0.weight": torch.zeros(1)}, wrong)
        else:
            wrong.write_bytes(content)
        monkeypatch.setenv(perceptual.VARIABLE, str(wrong))
        perceptual._outcome.cache_clear()
        with pytest.raises(LpipsError, match=message):
            perceptual.load("alex")
    monkeypatch.setenv(perceptual.VARIABLE, str(tmp_path / "missing.pth"))
    with pytest.raises(LpipsError, match=r"missing\.pth"):
        perceptual.load("alex")
