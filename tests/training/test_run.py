"""Runs: stopped in every way they go on as if they had not been, and their folder holds what the command says."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from sshbench.errors import SshbenchError
from sshbench.locks import locked
from sshbench.methods.weights import load_weights, read_weights
from sshbench.training import checkpoint
from sshbench.training.logs import read_rows
from sshbench.training.loop import train
from sshbench.training.recipe import Recipe, RecipeError, read_recipe
from sshbench.training.run import Outcome, run
from sshbench.triplets.held_out import is_held_out

TOY = f"{Path(__file__).parent / 'toy.py'}:make"


@pytest.fixture
def recipe(toy_recipe: Path) -> Recipe:
    return read_recipe(toy_recipe, method=TOY)


def go(recipe: Recipe, photographs: Path, out: Path, **options: Any) -> Outcome:
    return run(recipe, str(photographs), None, out, **({"device": "cpu", "quiet": True} | options))


def changed(recipe: Recipe, section: str, **values: Any) -> Recipe:
    return Recipe.model_validate(recipe.model_dump() | {section: recipe.model_dump()[section] | values})


def state(folder: Path, step: int = 6) -> dict[str, Any]:
    return checkpoint.load(folder / "checkpoints" / f"step-{step:09d}.pt")


def assert_equal(one: Path, other: Path) -> None:
    """Weights, averages, moments of Adam and the place in the data are bit for bit the same."""
    first, second = (torch.utils._pytree.tree_flatten(  # type: ignore[attr-defined]
        {k: v for k, v in state(folder).items() if k != "seconds"}) for folder in (one, other))  # fmt: skip
    assert first[1] == second[1]
    for a, b in zip(first[0], second[0], strict=True):
        assert torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b


def stopping_after(steps: int) -> Any:
    """`train`, stopped after so many steps as an interrupt would."""

    def stopped(trainer: Any, *, stop: Any, **hooks: Any) -> Any:
        end = trainer.step + steps
        return train(trainer, stop=lambda: "interrupted" if trainer.step == end else None, **hooks)

    return stopped


@pytest.mark.parametrize("changes", [{}, {"ema": 0.9}, {"accumulate": 2}, {"precision": "bfloat16", "ema": 0.5}])
def test_a_run_in_slices_gives_the_weights_of_a_whole_one_bit_for_bit(
    recipe, photographs, tmp_path, monkeypatch, changes
):
    recipe = changed(recipe, "loop", **changes)
    if "precision" in changes:  # the method itself, on its own terms
        small = {"network": {"width": 2}, "loss": {"harm": 1.0, "recon": 0.4, "dis": 0.05}, "method": "ssh"}
        recipe = Recipe.model_validate(recipe.model_dump() | small)
    go(recipe, photographs, tmp_path / "whole")
    for steps in (1, 3, 99):
        monkeypatch.setattr("sshbench.training.run.train", stopping_after(steps))
        last = go(recipe, photographs, tmp_path / "slices", resume=True)
    assert (last.reason, last.step) == ("complete", 6)
    assert_equal(tmp_path / "whole", tmp_path / "slices")
    rows = [read_rows(tmp_path / name / "log.csv") for name in ("whole", "slices")]
    losses = [[(row["step"], *(v for k, v in row.items() if k.startswith("loss"))) for row in run] for run in rows]
    assert losses[0] == losses[1]


def test_workers_and_time_change_nothing(recipe, photographs, tmp_path):
    go(recipe, photographs, tmp_path / "one")
    go(changed(recipe, "validation", images=0), photographs, tmp_path / "other", workers=2)
    one, other = state(tmp_path / "one")["modules"], state(tmp_path / "other")["modules"]
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_the_folder_holds_what_a_run_leaves(recipe, photographs, tmp_path):
    out = tmp_path / "run"
    outcome = go(recipe, photographs, out)
    assert outcome.weights == out / "best"
    names = {path.name for path in out.iterdir()} - {"tensorboard"}
    assert names == {"recipe.toml", "log.csv", "validation.csv", "curve.png", "checkpoints", "best", "last"}
    assert {path.name for path in (out / "checkpoints").iterdir()} == {
        "best.pt", *(f"step-{step:09d}.pt" for step in (3, 4, 6)),
    }  # fmt: skip
    assert read_recipe(out / "recipe.toml", method=TOY) == recipe
    assert [row["step"] for row in read_rows(out / "validation.csv")] == [3, 6]


def test_weights_carry_their_recipe_and_what_they_were_measured_at(recipe, photographs, tmp_path):
    outcome = go(recipe, photographs, tmp_path)
    last = load_weights(TOY, tmp_path / "last")
    module = state(tmp_path)["modules"]
    for name, value in last.state.items():
        torch.testing.assert_close(value, module[f"network.{name}"].to(value.dtype), rtol=1e-3, atol=1e-6)
    card = last.card
    assert card.architecture == {"width": 2}
    assert (card.samples_seen, card.recipe["optimizer"]["lr"]) == (24, 1e-3)
    assert card.metrics == outcome.scores
    assert card.data["samples"] == state(tmp_path)["batches"]["count"]
    assert card.machine
    assert "held-out photographs" in card.data["validation"]


def test_what_ships_is_the_average_where_there_is_one(recipe, photographs, tmp_path):
    go(changed(recipe, "loop", ema=0.5), photographs, tmp_path)
    kept, shipped = state(tmp_path), load_weights(TOY, tmp_path / "last").state
    name = "conv10.weight"
    assert torch.equal(shipped[name], kept["average"][f"network.{name}"].half().float())
    assert not torch.equal(shipped[name], kept["modules"][f"network.{name}"].half().float())


def test_training_never_reads_what_is_held_out(recipe, photographs, tmp_path, monkeypatch):
    from sshbench.training.loop import Trainer
    from sshbench.triplets.held_out import bank_part, is_held_out
    from sshbench.triplets.luts import open_bank

    seen: list[tuple[str, int, int]] = []
    train_on = Trainer.train_on

    def noted(self: Trainer, parts: Any) -> Any:
        for batch in parts:
            seen.extend(zip(batch["row"], batch["alpha"].tolist(), batch["beta"].tolist(), strict=True))
        return train_on(self, parts)

    monkeypatch.setattr(Trainer, "train_on", noted)
    go(recipe, photographs, tmp_path)
    assert len(seen) == 24
    assert not any(is_held_out(Path(row).stem) for row, _, _ in seen)
    looks = bank_part(open_bank(), "train").names
    assert not any(is_held_out(looks[look]) for _, *both in seen for look in both)


def test_a_time_limit_ends_a_call_and_not_the_run(recipe, photographs, tmp_path):
    first = go(recipe, photographs, tmp_path, time_limit=1e-6)
    assert (first.reason, first.step) == ("time limit", 0)
    assert go(recipe, photographs, tmp_path, resume=True).reason == "complete"
    again = go(recipe, photographs, tmp_path, resume=True)
    assert (again.reason, again.step) == ("complete", 6)


def test_a_run_is_never_overwritten_by_mistake(recipe, photographs, tmp_path):
    go(recipe, photographs, tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(SshbenchError, match="--resume, or start over with --overwrite"):
        go(recipe, photographs, tmp_path)
    with pytest.raises(SshbenchError, match="give only one of them"):
        go(recipe, photographs, tmp_path, resume=True, overwrite=True)
    with pytest.raises(SshbenchError):
        go(recipe, tmp_path / "nowhere", tmp_path, overwrite=True)
    assert state(tmp_path)["step"] == 6
    go(changed(recipe, "schedule", steps=2), photographs, tmp_path, overwrite=True)
    assert [path.name for path in checkpoint.checkpoints(tmp_path / "checkpoints")] == ["step-000000002.pt"]
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_another_recipe_is_told_and_another_network_refused(recipe, photographs, tmp_path, capsys):
    go(recipe, photographs, tmp_path)
    go(changed(recipe, "schedule", steps=7), photographs, tmp_path, resume=True, quiet=False)
    assert "continues from step 6 with another recipe: schedule.steps: 7, not 6" in capsys.readouterr().err
    for section, values, message in (
        ("network", {"width": 4}, "another network"),
        ("data", {"strength": (0.5, 1.0)}, "other settings"),
        ("loop", {"ema": 0.9}, "loop.ema"),
    ):
        with pytest.raises(SshbenchError, match=message):
            go(changed(recipe, section, **values), photographs, tmp_path, resume=True)


def test_other_photographs_are_told_and_named_on_the_card(recipe, photographs, tmp_path):
    own, out = tmp_path / "own", tmp_path / "out"
    shutil.copytree(photographs, own)
    go(changed(recipe, "schedule", steps=2), own, out)
    own = own.rename(tmp_path / "moved")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        go(changed(changed(recipe, "validation", images=0), "schedule", steps=4), own, out, resume=True)
    assert "earlier" not in read_weights(out / "last", "").card.data
    trained_on = next(path for path in sorted(own.iterdir()) if not is_held_out(path.stem))
    Image.new("RGB", (60, 48), "red").save(trained_on)
    for again in (False, True):  # the second time, the run is complete
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            go(changed(recipe, "schedule", steps=6), own, out, resume=True)
        assert [str(one.message).split(", so")[0] for one in caught if "the data have changed" in str(one.message)] == [
            f"{out}: the data have changed since the checkpoint"
        ] * (not again)
    card = read_weights(out / "last", "").card
    assert [one["source"]["spec"] for one in [*card.data["earlier"], card.data]] == ["moved", "moved"]


def test_a_run_begins_with_the_weights_it_is_given(recipe, photographs, tmp_path):
    go(recipe, photographs, tmp_path / "first")
    given = load_weights(TOY, tmp_path / "first" / "last").state
    still = changed(changed(recipe, "schedule", steps=1, warmup=0.9, decay=0), "validation", images=0)  # a rate of 0
    go(still, photographs, tmp_path / "second", init_from=str(tmp_path / "first" / "last"))
    begun = state(tmp_path / "second", 1)["modules"]
    assert torch.equal(begun["network.conv10.weight"].float(), given["conv10.weight"])
    go(changed(still, "schedule", steps=2), photographs, tmp_path / "second", resume=True)
    first, second = (load_weights(TOY, tmp_path / name / "last") for name in ("first", "second"))
    told = second.card.begun_with
    assert (told["hash"], told["samples_seen"], told["data"]) == (first.hash, 24, first.card.data)
    assert first.card.begun_with == {}
    with pytest.raises(SshbenchError, match="another network than the recipe asks for"):
        go(changed(recipe, "network", width=4), photographs, tmp_path / "third",
           init_from=str(tmp_path / "first" / "last"))  # fmt: skip


def test_a_network_that_knows_more_begins_with_the_weights_of_one_that_does_not(tmp_path):
    small = {"width": 4, "channels": 16, "mixtures": 8, "hidden": 32, "attention": 1}
    sections = {"loss": {"harm": 1.0}, "schedule": {"steps": 1, "warmup": 0.9, "decay": 0}, "validation": {"images": 0}}
    for name, network, crop in (("plain", small, 64), ("knowing", small | {"things": 8, "extremes": 1}, 128)):
        data = {"batch": 2, "crop": crop, "scale": (crop, crop)}
        recipe = Recipe.model_validate({"method": "ssh-lut", "network": network, "data": data} | sections)
        begun = str(tmp_path / "plain" / "last") if name == "knowing" else None
        go(recipe, Path("sample"), tmp_path / name, init_from=begun)
    plain, knowing = (load_weights("ssh-lut", tmp_path / name / "last").state for name in ("plain", "knowing"))
    assert plain.keys() < knowing.keys()
    assert all(torch.equal(value, knowing[name]) for name, value in plain.items())
    with pytest.raises(SshbenchError, match="another network than the recipe asks for"):  # but not the reverse
        go(Recipe.model_validate({"method": "ssh-lut", "network": small, "data": data | {"crop": 64}} | sections),
           Path("sample"), tmp_path / "third", init_from=str(tmp_path / "knowing" / "last"))  # fmt: skip


def test_a_lost_run_keeps_its_last_good_checkpoint(recipe, photographs, tmp_path):
    lost = changed(changed(recipe, "optimizer", lr=1e3), "loop", checkpoint=1)
    with pytest.raises(
        SshbenchError, match=r"at step \d+; the last good checkpoint is .*step-0000000\d\d.pt"
    ) as caught:
        go(lost, photographs, tmp_path)
    kept = checkpoint.load_last(tmp_path / "checkpoints")
    assert kept is not None
    assert str(checkpoint.checkpoints(tmp_path / "checkpoints")[-1]) in str(caught.value)
    assert kept["step"] < int(re.findall(r"at step (\d+)", str(caught.value))[0])


def test_batches_that_do_not_fit_are_told(recipe, photographs, tmp_path):
    with pytest.raises(
        RecipeError, match=r"cannot be shared by 1 processes with loop.accumulate=3; take a multiple of 3"
    ):
        go(changed(recipe, "loop", accumulate=3), photographs, tmp_path)
    with pytest.raises(SshbenchError, match="more draws, or a smaller batch"):
        go(changed(recipe, "data", batch=64), photographs, tmp_path)


def command(recipe: Path, photographs: Path, out: Path, *more: str) -> list[str]:
    words = ["train", TOY, "--recipe", str(recipe), "--source", str(photographs), "--out", str(out), "--device", "cpu"]
    return [sys.executable, "-m", "sshbench", *words, *more]


def test_the_command_says_what_it_made_and_what_to_do_next(toy_recipe, photographs, tmp_path):
    first = subprocess.run(
        command(toy_recipe, photographs, tmp_path / "run", "--set", "schedule.steps=2"), capture_output=True, text=True,
    )  # fmt: skip
    assert first.returncode == 0, first.stderr
    assert first.stdout.count("\n") == 1
    assert re.search(
        r"2 steps, 8 samples in .* dB .*weights in .*/best; next: sshbench evaluate --method", first.stdout
    )
    assert "held-out images" in first.stderr
    again = subprocess.run(
        command(toy_recipe, photographs, tmp_path / "run", "--time-limit", "soon"), capture_output=True, text=True
    )
    assert (again.returncode, again.stderr.count("\n")) == (2, 1)
    assert "9m, 90s or 1h30m" in again.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_command_that_is_stopped_or_killed_goes_on_to_the_same_weights(
    toy_recipe, photographs, tmp_path, recipe, number
):
    out, long = tmp_path / "run", "--set=schedule.steps=1000000"
    process = subprocess.Popen(
        command(toy_recipe, photographs, out, long, "--set=loop.checkpoint=1", "--workers=1"),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        while not checkpoint.checkpoints(out / "checkpoints"):
            assert process.poll() is None, process.communicate()
            time.sleep(0.01)
        os.killpg(process.pid, number)  # as a terminal does it: workers hear of it too
        said, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    kept = checkpoint.load_last(out / "checkpoints")
    assert kept is not None
    if number == signal.SIGKILL:
        assert process.returncode == -9
    else:
        assert process.returncode == 128 + number, errors
        assert "stopped (interrupted) with a checkpoint" in said
        assert "Traceback" not in errors
        assert kept["step"] == read_rows(out / "log.csv")[-1]["step"]
    steps = kept["step"] + 2
    until = changed(recipe, "schedule", steps=steps, decay=0)
    go(until, photographs, out, resume=True)
    go(until, photographs, tmp_path / "whole")
    stopped, whole = (state(folder, steps)["modules"] for folder in (out, tmp_path / "whole"))
    assert all(torch.equal(stopped[name], whole[name]) for name in whole)


def test_a_folder_in_use_is_refused_and_a_new_one_goes_where_nothing_came_of_it(
    recipe: Recipe, photographs: Path, tmp_path: Path
) -> None:
    out = tmp_path / "new"
    out.mkdir()
    with locked(out), pytest.raises(SshbenchError, match="new is in use by another training; wait for it, or give"):
        go(recipe, photographs, out)
    assert not list(tmp_path.rglob("recipe.toml"))
    with pytest.raises(SshbenchError):
        go(recipe, tmp_path / "nowhere", tmp_path / "deep/er")
    assert not (tmp_path / "deep/er").exists()
    (tmp_path / "file").write_text("")
    with pytest.raises(SshbenchError, match=r"cannot be written, as .* is no folder"):
        go(recipe, photographs, tmp_path / "file")


def test_of_two_trainings_that_begin_at_once_one_is_refused(
    recipe: Recipe, photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = []

    def second(trainer: Any, **hooks: Any) -> Any:
        monkeypatch.undo()
        with pytest.raises(SshbenchError, match="in use by another training") as caught:
            go(changed(recipe, "loop", seed=2), photographs, tmp_path / "run")
        refused.append(caught.value)
        return train(trainer, **hooks)

    monkeypatch.setattr("sshbench.training.run.train", second)
    go(recipe, photographs, tmp_path / "run")
    assert len(refused) == 1
    assert f"seed = {recipe.loop.seed}" in (tmp_path / "run/recipe.toml").read_text()
