"""`tools.mix_weights`: means of two weights of SSH-LUT, of which the older may lack a part."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from sshbench.methods.weights import Weights, WeightsCard, load_weights, save_weights
from sshbench.networks.ssh_lut_numpy import SIDE
from sshbench.training.objectives import make_objective
from sshbench.training.recipe import Recipe
from tools import mix_weights
from tools.mix_weights import LAST, mixed

OTHER = "things.understand.0.weight"
LAYER = LAST + "weight"


def weights(**values: float) -> Weights:
    """Weights with one vector for each name, in which `__` stands for a dot."""
    arrays: dict[str, NDArray[np.float32]] = {
        name.replace("__", "."): np.full(3, value, np.float32) for name, value in values.items()
    }
    return Weights(arrays, WeightsCard(method="ssh-lut"), "", "")


@pytest.mark.parametrize(("share", "expected"), [(0.0, 1.0), (0.25, 2.0), (1.0, 5.0)])
def test_each_tensor_is_the_weighted_mean(share: float, expected: float) -> None:
    found = mixed(weights(gains__weight=1), weights(gains__weight=5), share)
    assert found["gains.weight"].tolist() == [expected] * 3


def test_a_part_that_the_old_weights_lack_is_taken_from_the_new_ones_with_a_last_layer_of_zero() -> None:
    new = weights(gains__weight=5, things__understand__0__weight=7, things__understand__2__weight=8)
    found = mixed(weights(gains__weight=1), new, 0.25)
    assert {name: value[0].item() for name, value in found.items()} == {"gains.weight": 2, OTHER: 7, LAYER: 2}


def test_a_part_that_both_weights_have_is_the_weighted_mean() -> None:
    old = weights(things__understand__0__weight=3, things__understand__2__weight=4)
    new = weights(things__understand__0__weight=7, things__understand__2__weight=8)
    found = mixed(old, new, 0.25)
    assert {name: value[0].item() for name, value in found.items()} == {OTHER: 4, LAYER: 5}


def test_the_command_measures_each_share_and_writes_one(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    network = {"width": 4, "channels": 16, "mixtures": 4, "hidden": 8, "attention": 0}
    recipe = Recipe.model_validate({
        "method": "ssh-lut", "network": network, "loss": {"harm": 1.0}, "schedule": {"steps": 1},
        "data": {"crop": SIDE, "scale": (SIDE, SIDE + 8)}, "validation": {"on": "panel", "images": 2},
    })  # fmt: skip
    (tmp_path / "recipe.toml").write_text(recipe.to_toml())
    for seed, name in enumerate(("old", "new")):
        torch.manual_seed(seed)
        state, arguments = make_objective("ssh-lut", recipe).weights()
        card = WeightsCard(method="ssh-lut", architecture=arguments, licence=f"of the {name} weights")
        save_weights(tmp_path / name, state, card)
    options = ["--shares", "1", "0.5", "--source", place / "photos", "--masks", place / "masks", "--luts", "luts",
               "--recipe", tmp_path / "recipe.toml", "--write", "0.25", tmp_path / "mean"]  # fmt: skip
    words = ["mix_weights", tmp_path / "old", tmp_path / "new", *options]
    monkeypatch.setattr("sys.argv", [str(word) for word in words])
    mix_weights.main()
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(" of the new weights: ")[0] for line in lines[:2]] == ["1.00", "0.50"]
    assert all("on 8 held-out composites" in line for line in lines[:2])
    old, new, mean = (load_weights("ssh-lut", tmp_path / name) for name in ("old", "new", "mean"))
    for name, value in mixed(old, new, 0.25).items():
        assert torch.allclose(mean.state[name], value, rtol=2e-3, atol=1e-6)
    assert (mean.card.licence, mean.card.begun_with) == ("of the old weights", {"share_in_the_mean": 0.75})
    assert mean.card.metrics["images"] == 8
