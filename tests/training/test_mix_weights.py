"""`tools.mix_weights`: the weighted mean of weights, and its card."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from sshbench.methods.weights import WeightsCard, load_weights, save_weights
from sshbench.networks.ssh_lut_numpy import SIDE
from sshbench.training.objectives import make_objective
from sshbench.training.recipe import Recipe
from tools import mix_weights
from tools.mix_weights import completed, mean


@pytest.mark.parametrize(("shares", "expected"), [((1, 0, 0), 1.0), ((1, 1, 2), 4.5), ((3, 1, 0), 2.0)])
def test_each_tensor_is_the_weighted_mean(shares: tuple[float, ...], expected: float) -> None:
    states = [{"gains.weight": torch.full((3,), float(value)), "seen": torch.tensor(value)} for value in (1, 5, 6)]
    found = mean(states, shares)
    assert found["gains.weight"].tolist() == [expected] * 3
    assert found["seen"].item() == 6


def test_the_command_measures_each_share_and_writes_one(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    network = {"width": 4, "channels": 16, "mixtures": 4, "hidden": 8, "attention": 0}
    recipe = Recipe.model_validate({
        "method": "ssh-lut", "network": network, "loss": {"harm": 1.0}, "schedule": {"steps": 1},
        "data": {"crop": SIDE, "scale": (SIDE, SIDE + 8)}, "validation": {"on": "panel", "images": 2},
    })  # fmt: skip
    (tmp_path / "recipe.toml").write_text(recipe.model_copy(update={"network": {"width": 3}}).to_toml())
    for seed, name in enumerate(("old", "new")):
        torch.manual_seed(seed)
        state, arguments = make_objective("ssh-lut", recipe).weights()
        card = WeightsCard(
            method="ssh-lut", architecture=arguments, licence=f"of the {name} weights", samples_seen=seed
        )
        save_weights(tmp_path / name, state, card)
    options = ["--shares", "3", "1", "--source", place / "photos", "--masks", place / "masks", "--luts", "luts",
               "--recipe", tmp_path / "recipe.toml", "--write", tmp_path / "mean"]  # fmt: skip
    words = ["mix_weights", "ssh-lut", tmp_path / "old", tmp_path / "new", *options]
    monkeypatch.setattr("sys.argv", [str(word) for word in words])
    mix_weights.main()
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(": ")[0] for line in lines[:3]] == [str(tmp_path / "old"), str(tmp_path / "new"), "mean"]
    assert all("on 8 held-out composites" in line for line in lines[:3])
    old, new, mixed = (load_weights("ssh-lut", tmp_path / name) for name in ("old", "new", "mean"))
    for name, value in mixed.state.items():
        expected = 0.75 * old.state[name] + 0.25 * new.state[name]
        assert torch.allclose(value, expected, rtol=2e-3, atol=1e-6)
    assert mixed.card.licence == "of the new weights"
    assert mixed.card.begun_with["mean_of"] == [
        {"hash": old.hash, "share": 0.75, "samples_seen": 0}, {"hash": new.hash, "share": 0.25, "samples_seen": 1},
    ]  # fmt: skip
    assert mixed.card.metrics["images"] == 8


def test_what_weights_lack_counts_as_it_was_before_training() -> None:
    network = {"width": 4, "channels": 16, "mixtures": 4, "hidden": 8, "attention": 0}
    parts = {"method": "ssh-lut", "loss": {"harm": 1.0}, "schedule": {"steps": 1}, "data": {"crop": SIDE}}
    plain, knowing = (
        make_objective("ssh-lut", Recipe.model_validate(parts | {"network": network | more}))
        for more in ({}, {"extremes": 1})
    )
    state = plain.weights()[0]
    found = completed(knowing, state)
    assert found.keys() == knowing.weights()[0].keys()
    assert found.keys() - state.keys() == {"extremes.weight", "extremes.bias"}
    assert not any(found[name].any() for name in found.keys() - state.keys())
    assert all(found[name] is value for name, value in state.items())
