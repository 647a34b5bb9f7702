"""The held-out set and what is measured on it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio
from torch import Tensor

from sshbench.errors import SshbenchError
from sshbench.training.validation import HeldOut, evaluating, open_held_out, validate
from sshbench.triplets.engine import generate, plan
from sshbench.triplets.held_out import is_held_out
from sshbench.triplets.luts import open_bank
from sshbench.triplets.settings import Settings
from sshbench.triplets.sources import open_source

SMALL = Settings(crop=32, scale=(36, 44))


class Predicts:
    def __init__(self, function: Any) -> None:
        self.predict = function


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for i in range(40):
        coarse = np.random.default_rng(i).integers(0, 256, (6, 8, 3), np.uint8)
        Image.fromarray(coarse).resize((96, 72)).save(folder / f"{i}.png")
    return folder


def test_the_set_is_fixed_and_of_held_out_photographs_and_looks(photos: Path) -> None:
    count = sum(is_held_out(str(i)) for i in range(40))
    one, other = (
        open_held_out(str(photos), None, Settings(seed=s, crop=32, scale=(36, 44)), images=20) for s in (0, 7)
    )
    assert len(one) == 20
    assert f"20 images of {count} held-out photographs" in one.description
    assert "held-out looks" in one.description
    assert all(torch.equal(one.images[name], other.images[name]) for name in one.images)  # for any seed of the run
    contents = {one.images["content_alpha"][i].numpy().tobytes() for i in range(20)}
    assert len(contents) == 20


def test_a_larger_crop_keeps_the_part_of_the_photograph(photos: Path) -> None:
    held = open_held_out(str(photos), None, SMALL, images=2, crop=48)
    assert held.images["content_alpha"].shape == (2, 48, 48, 3)


def test_a_sample_without_held_out_photographs_says_that_training_sees_it() -> None:
    held = open_held_out("sample", None, SMALL, images=3)
    assert "12 photographs that training sees" in held.description
    assert "held-out looks" in held.description


def test_scores_are_those_of_scikit_image(photos: Path) -> None:
    held = open_held_out(str(photos), None, SMALL, images=5)
    darker = validate(Predicts(lambda b: (b["content_beta"] / 2 + 0.5) * 0.9), held, batch_size=2)
    given, target = (held.images[name].numpy() for name in ("content_alpha", "content_beta"))
    expected = [
        peak_signal_noise_ratio(
            t, np.rint(t / np.float32(255) * np.float32(0.9) * 255).astype(np.uint8), data_range=255
        )
        for t in target
    ]
    assert math.isclose(darker["psnr"], np.mean(expected), abs_tol=0.01)
    untouched = [peak_signal_noise_ratio(t, g, data_range=255) for g, t in zip(given, target, strict=True)]
    assert math.isclose(darker["dc_psnr"], np.mean(untouched), abs_tol=1e-4)
    assert math.isclose(darker["gain"], darker["psnr"] - darker["dc_psnr"], abs_tol=1e-6)
    assert darker["dc_psnr_low"] < darker["dc_psnr"] < darker["dc_psnr_high"]
    assert darker["images"] == 5


def test_composites_are_measured_against_the_real_image(photos: Path) -> None:
    held = open_held_out(str(photos), None, Settings(kind="composites", crop=32, scale=(36, 44)), images=4)
    assert held.images["mask"].shape == (4, 32, 32)
    perfect = validate(Predicts(lambda b: b["real"] / 2 + 0.5), held)
    assert perfect["psnr"] == 100  # an infinite PSNR counts as 100 dB
    assert perfect["gain"] == pytest.approx(100 - perfect["dc_psnr"])
    nothing = validate(Predicts(lambda b: b["composite"] / 2 + 0.5), held)
    assert nothing["psnr"] == nothing["dc_psnr"]
    assert nothing["gain"] == 0


def test_an_objective_that_predicts_nothing_has_no_scores(photos: Path) -> None:
    assert validate(Predicts(lambda b: None), open_held_out(str(photos), None, SMALL, images=2)) == {}


def test_lpips_stands_beside_where_its_weights_are(
    photos: Path, shared: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    held = open_held_out(str(photos), None, Settings(crop=64, scale=(64, 72)), images=2)
    monkeypatch.setenv("SSHBENCH_LPIPS_WEIGHTS", str(shared / "data" / "lpips"))
    scores = validate(Predicts(lambda b: b["content_beta"] / 2 + 0.5), held, with_lpips=True)
    assert scores["lpips"] == pytest.approx(0, abs=1e-6)
    assert scores["dc_lpips"] > 0
    monkeypatch.setenv("SSHBENCH_LPIPS_WEIGHTS", str(tmp_path))
    scores = validate(Predicts(lambda b: b["content_beta"] / 2 + 0.5), held, with_lpips=True)
    assert "lpips" not in scores
    assert scores["psnr"] == 100


def test_modules_are_put_back_into_their_own_modes() -> None:
    module = torch.nn.Sequential(torch.nn.Dropout(), torch.nn.BatchNorm2d(3))
    module[1].eval()
    with evaluating(module):
        assert not module[0].training
    assert module[0].training
    assert not module[1].training


def test_batches_are_over_minus_1_to_1() -> None:
    held = HeldOut({"content_alpha": torch.tensor([[[[0, 255, 51]]]], dtype=torch.uint8)}, "triplets", "")
    (batch,) = held.batches(4)
    values: Tensor = batch["content_alpha"]
    assert values.shape == (1, 3, 1, 1)
    assert torch.allclose(values.ravel(), torch.tensor([-1, 1, -0.6]))


def test_a_store_is_measured_on_its_held_out_rows_or_says_that_training_sees_them(photos: Path, tmp_path: Path) -> None:
    for part in ("held-out", "train"):
        source, bank = open_source(str(photos), part=part), open_bank(part=part)
        run = plan(
            Settings(crop=40, scale=(44, 48)), source, bank, asked={"spec": str(photos), "part": part}, lut_part=part
        )
        generate(run, source, bank, tmp_path / part)
    held = open_held_out(str(tmp_path / "held-out"), None, SMALL, images=2)
    assert held.images["content_alpha"].shape == (2, 40, 40, 3)  # of its own crop, and of three views
    assert "held-out rows of" in held.description
    seen = open_held_out(str(tmp_path / "train"), None, SMALL, images=2)
    assert "rows that training sees" in seen.description
    with pytest.raises(SshbenchError, match="holds triplets, and the recipe trains composites"):
        open_held_out(str(tmp_path / "train"), None, Settings(kind="composites"))


def test_a_source_that_is_not_there_is_no_small_source(tmp_path: Path) -> None:
    with pytest.raises(SshbenchError, match="no such folder"):
        open_held_out(str(tmp_path / "missing"), None, SMALL)
