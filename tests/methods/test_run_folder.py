"""The folder of a training where weights are asked for."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from sshbench.cli.main import main
from sshbench.methods.base import WeightsError
from sshbench.methods.run_folder import weights_in
from sshbench.methods.weights import WeightsCard, load_weights, save_weights

STATE = {"conv.weight": torch.ones(2, 3)}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "runs" / "x"
    (folder / "checkpoints").mkdir(parents=True)
    for name in ("best.pt", "step-000000007.pt"):
        torch.save({"step": 7}, folder / "checkpoints" / name)
    return folder


def put(run: Path, name: str, value: float) -> None:
    save_weights(run / name, {key: value * tensor for key, tensor in STATE.items()}, WeightsCard(method="ssh-lut"))


def test_it_stands_for_its_best_weights_or_else_the_last(run: Path) -> None:
    put(run, "last", 1.0)
    assert float(load_weights("ssh-lut", run).state["conv.weight"][0, 0]) == 1.0
    put(run, "best", 2.0)
    found = load_weights("ssh-lut", str(run))
    assert float(found.state["conv.weight"][0, 0]) == 2.0
    assert found.source == str(run / "best")
    assert weights_in(run / "last") == run / "last"


@pytest.mark.parametrize("name", ["checkpoints/best.pt", "checkpoints/step-000000007.pt", "checkpoints"])
def test_a_checkpoint_is_no_weights_and_says_what_to_give(run: Path, name: str) -> None:
    with pytest.raises(WeightsError, match=f"sshbench train --resume -o {run} makes some"):
        load_weights("ssh-lut", run / name)
    put(run, "best", 2.0)
    with pytest.raises(WeightsError, match=f"^{run / name} is a checkpoint of a training.*; give {run / 'best'}$"):
        load_weights("ssh-lut", run / name)


def test_a_training_without_weights_yet_is_told(run: Path) -> None:
    with pytest.raises(WeightsError, match="is a training without weights so far"):
        load_weights("ssh-lut", run)


def test_other_paths_stand_for_themselves(tmp_path: Path) -> None:
    for name in ("best.pt", "latest_net_G.pth", "folder"):
        assert weights_in(tmp_path / name) == tmp_path / name
    (tmp_path / "folder" / "checkpoint").mkdir(parents=True)
    assert weights_in(tmp_path / "folder") == tmp_path / "folder"


@pytest.mark.parametrize("left", [None, ".sshbench-0123456789abcdef.safetensors"])
def test_an_empty_folder_is_told(tmp_path: Path, left: str | None) -> None:
    if left:
        (tmp_path / left).touch()
    for method in ("ssh", "ssh-lut", "wct2"):
        with pytest.raises(WeightsError, match=f"^{tmp_path} is a folder without weights"):
            load_weights(method, tmp_path)


@pytest.mark.parametrize("words", ["weights check", "weights export ssh-lut -o out --weights"])
def test_commands_take_it(run: Path, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([*words.split(), str(run / "checkpoints" / "best.pt")])
    assert stopped.value.code == 2
    said = capsys.readouterr().err
    assert "a checkpoint of a training" in said
    assert said.count("\n") == 1
