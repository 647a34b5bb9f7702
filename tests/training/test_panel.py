"""The panel: composites of each family, what is measured on them, and which weights count as better."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio

from sshbench.errors import SshbenchError
from sshbench.methods.weights import load_weights
from sshbench.training import panel as module
from sshbench.training.logs import read_rows
from sshbench.training.panel import FAMILIES, Panel, foreground_psnr, open_panel, standing, validate_panel
from sshbench.training.recipe import Recipe, RecipeError, read_recipe
from sshbench.training.run import run
from sshbench.triplets.dataset import TripletDataset
from sshbench.triplets.families import grade_bank, ladder_bank
from sshbench.triplets.held_out import is_held_out
from sshbench.triplets.luts import open_bank
from sshbench.triplets.settings import Settings
from tests.training.conftest import BACKGROUND

SMALL = Settings(crop=32, scale=(36, 44))
IMAGES = 5


class Predicts:
    def __init__(self, function: Any) -> None:
        self.predict = function


def opened(place: Path, settings: Settings = SMALL, images: int = IMAGES) -> Panel:
    return open_panel(str(place / "photos"), None, settings, images=images, masks=str(place / "masks"))


@pytest.fixture(scope="module")
def panel(place: Path) -> Panel:
    return opened(place)


def test_each_family_has_so_many_composites(panel: Panel) -> None:
    assert tuple(panel.families) == FAMILIES
    for held_out in panel.families.values():
        assert len(held_out) == IMAGES
        assert held_out.images["placed_alpha"].shape == (IMAGES, 32, 32, 3)
        assert held_out.images["near_mask"].flatten(1).any(1).all()  # each has a place
    assert "5 composites of each of looks, grades, transfers, ladders" in panel.description
    assert "held-out photographs" in panel.description
    assert "held-out looks" in panel.description


def test_half_of_the_backgrounds_are_as_photographed_and_half_are_not(panel: Panel) -> None:
    """The larger half is as photographed, and stands last."""
    for family, held_out in panel.families.items():
        natural = []
        for reference, mask in zip(held_out.images["reference_beta"], held_out.images["reference_mask"], strict=True):
            shown = reference[mask > 0].numpy().astype(int)
            natural.append(bool(np.abs(shown - BACKGROUND).max(axis=1).mean() < 2))
        assert natural == [False, False, True, True, True], family


def test_foregrounds_are_under_looks_of_their_family(panel: Panel, place: Path) -> None:
    ladders = panel.families["ladders"].images
    for k in range(2, IMAGES):  # beta changes nothing there
        content, looked = (
            ladders[name][k][ladders["content_mask"][k] > 200].numpy() / 255
            for name in ("content_beta", "content_alpha")
        )
        grid = np.linspace(0, 1, 17)
        errors = []
        for table in ladder_bank().values:
            steps = np.stack([np.interp(content[:, c], grid, line) for c, line in enumerate(
                (table[0, 0, :, 0], table[0, :, 0, 1], table[:, 0, 0, 2]))], 1)  # fmt: skip
            errors.append(np.abs(steps - looked).mean())
        assert min(errors) < 0.6 / 255  # one of the rungs, and they are curves of each channel


def test_photographs_and_looks_are_held_out(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    drawn = module._drawn

    def kept(dataset: TripletDataset, *rest: Any) -> list[dict[str, Any]]:
        found = drawn(dataset, *rest)
        seen.setdefault(dataset.bank.names, []).extend(found)
        return found

    monkeypatch.setattr(module, "_drawn", kept)
    opened(place, images=2)
    looks, grades = (tuple(n for n in names if is_held_out(Path(n).name)) for names in
                     (open_bank().names, grade_bank().names))  # fmt: skip
    assert set(seen) == {looks, grades, ladder_bank().names}
    rows = {sample["row"].removesuffix(".png") for samples in seen.values() for sample in samples}
    assert rows
    assert all(map(is_held_out, rows))


def test_a_panel_is_the_same_for_every_training(place: Path, panel: Panel) -> None:
    other = opened(place, replace(SMALL, seed=7, draws=3, strength=(0.2, 0.8), weights=(1.0,) * 100))
    for family, held_out in panel.families.items():
        for name, images in held_out.images.items():
            assert torch.equal(images, other.families[family].images[name]), (family, name)


def test_what_is_returned_as_it_was_gains_nothing(panel: Panel) -> None:
    scores = validate_panel(Predicts(lambda b: b["content_alpha"] / 2 + 0.5), panel, batch_size=2)
    assert scores["images"] == IMAGES * len(FAMILIES)
    assert scores["gain"] == scores["gain_low"] == scores["gain_high"] == 0
    assert all(scores[f"gain_{family}"] == 0 for family in FAMILIES)
    assert scores["worst"] == 0
    assert scores["psnr"] == scores["dc_psnr"]
    assert 8 < scores["dc_psnr"] < 40


def test_the_truth_has_the_ceiling(panel: Panel) -> None:
    scores = validate_panel(Predicts(lambda b: b["content_beta"] / 2 + 0.5), panel)
    assert scores["psnr"] == 60
    assert scores["gain"] == pytest.approx(60 - scores["dc_psnr"])
    assert scores["gain_low"] < scores["gain"] < scores["gain_high"]
    means = [scores[f"gain_{family}"] for family in FAMILIES]
    assert scores["worst"] == min(means)
    assert scores["gain"] == pytest.approx(np.mean(means))


def test_what_is_outside_of_the_mask_does_not_count(panel: Panel) -> None:
    def outside(batch: dict[str, torch.Tensor]) -> torch.Tensor:
        right = batch["content_beta"] / 2 + 0.5
        return torch.where(batch["content_mask"] >= 0.5, right, 1 - right)

    assert validate_panel(Predicts(outside), panel)["psnr"] == 60


def test_half_of_the_error_is_six_decibels(panel: Panel) -> None:
    def halved(batch: dict[str, torch.Tensor]) -> torch.Tensor:
        return (batch["content_alpha"] + batch["content_beta"]) / 4 + 0.5

    gain = validate_panel(Predicts(halved), panel)["gain"]
    assert gain == pytest.approx(20 * np.log10(2), abs=0.3)


def test_an_objective_that_predicts_nothing_has_no_scores(panel: Panel) -> None:
    assert validate_panel(Predicts(lambda b: None), panel) == {}


def test_the_psnr_of_a_foreground_is_that_of_scikit_image() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.integers(0, 256, (2, 2, 3, 8, 8), np.uint8)
    mask = torch.from_numpy((rng.random((2, 1, 8, 8)) < 0.4).astype(np.float32))
    found = foreground_psnr(torch.from_numpy(one / 255).float(), torch.from_numpy(other / 255).float(), mask)
    for k in range(2):
        inside = mask[k, 0].numpy() >= 0.5
        expected = peak_signal_noise_ratio(other[k][:, inside], one[k][:, inside], data_range=255)
        assert found[k].item() == pytest.approx(expected, abs=1e-6)
    rounded = torch.from_numpy(one / 255).float() + 0.4 / 255
    assert foreground_psnr(rounded.clamp(0, 1), torch.from_numpy(one / 255).float(), mask).tolist() == [60, 60]


def test_weights_below_untouched_on_one_family_are_never_the_best() -> None:
    even = {"gain": 0.1, "worst": 0.0}
    lopsided = {"gain": 6.0, "worst": -0.01}
    assert standing(lopsided) < standing(even) < standing({"gain": 0.2, "worst": 0.1})
    assert standing({"gain": 5.0, "worst": -2.0}) < standing(lopsided)


def test_a_family_that_loses_is_found(panel: Panel) -> None:
    """The truth for all composites but those of one family, whose foregrounds become black."""
    ladders = panel.families["ladders"].images["content_alpha"]

    def black_for_ladders(batch: dict[str, torch.Tensor]) -> torch.Tensor:
        given = ((batch["content_alpha"] / 2 + 0.5) * 255).round().to(torch.uint8).permute(0, 2, 3, 1)
        is_ladder = torch.tensor([any(torch.equal(one, other) for other in ladders) for one in given])
        return (batch["content_beta"] / 2 + 0.5) * ~is_ladder[:, None, None, None]

    scores = validate_panel(Predicts(black_for_ladders), panel)
    assert scores["worst"] == scores["gain_ladders"] < 0 < scores["gain_looks"]
    assert standing(scores) < 0 < scores["gain"]
    assert "ladders -" in module.said(scores)
    assert f"{IMAGES * 4} held-out composites" in module.said(scores)


def test_a_source_of_which_too_little_can_be_used_says_so(place: Path, tmp_path: Path) -> None:
    """Masks of everything leave no background."""
    for path in (place / "masks").iterdir():
        Image.new("L", (96, 72), 255).save(tmp_path / path.name)
    with pytest.raises(SshbenchError, match=r"photos: 0 of 5 composites for the panel can be made of \d+ held-out"):
        open_panel(str(place / "photos"), None, SMALL, images=IMAGES, masks=str(tmp_path))


def test_a_crop_of_its_own_is_for_triplets(tmp_path: Path) -> None:
    file = tmp_path / "recipe.toml"
    file.write_text('[schedule]\nsteps = 1\n[loss]\nharm = 1.0\n[validation]\non = "panel"\ncrop = 48\n')
    with pytest.raises(RecipeError, match=r"validation: .*the panel has the crop of the training; leave crop out"):
        read_recipe(file, method="ssh-lut")


def test_a_training_is_measured_on_it_and_keeps_the_best(place: Path, tmp_path: Path) -> None:
    network = {"width": 4, "channels": 16, "mixtures": 8, "hidden": 32, "attention": 1}
    recipe = Recipe.model_validate({
        "method": "ssh-lut", "network": network,
        "data": {"batch": 4, "crop": 64, "scale": (73, 91), "own": 0.8, "placed": 0.9, "graded": 0.5},
        "schedule": {"steps": 2}, "loss": {"harm": 1.0},
        "validation": {"on": "panel", "images": 2, "every": 1},
        "loop": {"log": 1, "checkpoint": 1, "channels_last": False},
    })  # fmt: skip
    masks = str(place / "masks")
    run(recipe, str(place / "photos"), None, tmp_path / "out", device="cpu", quiet=True, masks=masks)
    rows = read_rows(tmp_path / "out" / "validation.csv")
    assert [row["step"] for row in rows] == [1, 2]
    assert {"gain", "worst", *(f"gain_{family}" for family in FAMILIES)} < set(rows[0])
    assert all(row["images"] == 2 * len(FAMILIES) for row in rows)
    assert load_weights("ssh-lut", tmp_path / "out" / "best").card.trained_by == "user"
