"""Checkpoints: whole or not there, three of them, read as data."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch

from sshbench.training import checkpoint
from sshbench.training.checkpoint import CheckpointError


def test_the_last_three_are_kept(tmp_path: Path):
    for step in (5, 10, 1000, 20):
        checkpoint.save(tmp_path / "new", step, {"step": step, "weights": torch.arange(3)})
    assert [path.name for path in checkpoint.checkpoints(tmp_path / "new")] == [
        "step-000000010.pt", "step-000000020.pt", "step-000001000.pt",
    ]  # fmt: skip
    last = checkpoint.load_last(tmp_path / "new")
    assert last is not None
    assert last["step"] == 1000
    assert torch.equal(last["weights"], torch.arange(3))


def test_a_damaged_checkpoint_gives_way_to_the_one_before(tmp_path: Path):
    checkpoint.save(tmp_path, 1, {"step": 1})
    path = checkpoint.save(tmp_path, 2, {"step": 2})
    path.write_bytes(path.read_bytes()[:200])
    with pytest.warns(RuntimeWarning, match=r"step-000000002.pt is damaged .*the one before it"):
        assert checkpoint.load_last(tmp_path) == {"step": 1}


def test_where_all_are_damaged_nobody_starts_over_by_mistake(tmp_path: Path):
    (tmp_path / "step-000000003.pt").write_bytes(b"nothing")
    with pytest.warns(RuntimeWarning), pytest.raises(CheckpointError, match="--overwrite"):
        checkpoint.load_last(tmp_path)
    assert checkpoint.load_last(tmp_path / "none") is None


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path):
    checkpoint.save(tmp_path, 1, {"step": 1})
    with pytest.raises((AttributeError, pickle.PicklingError)):
        checkpoint.save(tmp_path, 2, {"step": lambda: 2})
    assert [path.name for path in tmp_path.iterdir()] == ["step-000000001.pt"]


def test_code_in_a_checkpoint_is_not_run(tmp_path: Path):
    class Trap:
        def __reduce__(self) -> object:
            return (Path(tmp_path / "trap").touch, ())

    torch.save({"step": Trap()}, tmp_path / "step-000000001.pt")
    with pytest.raises(CheckpointError, match="damaged or no checkpoint"):
        checkpoint.load(tmp_path / "step-000000001.pt")
    assert not (tmp_path / "trap").exists()
