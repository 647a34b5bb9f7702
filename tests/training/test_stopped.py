"""Runs that are stopped, killed or starved of data: what is kept, what is said, and that they go on exactly."""

from __future__ import annotations

import math
import multiprocessing
import os
import random
import shutil
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from sshbench.methods import tensor_files
from sshbench.methods.weights import load_weights
from sshbench.training import checkpoint
from sshbench.training import keeper as module
from sshbench.training.loop import Trainer
from sshbench.training.recipe import Recipe, read_recipe
from sshbench.triplets.data_workers import WorkersError
from sshbench.triplets.dataset import TripletDataset
from tests.training.test_run import TOY, assert_equal, changed, go, state

pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create")


@pytest.fixture
def recipe(toy_recipe: Path) -> Recipe:
    return read_recipe(toy_recipe, method=TOY)


@pytest.fixture
def starved(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A file; while it is there, no sample comes from anywhere."""
    render, closed = TripletDataset.render, tmp_path / "closed"

    def slowly(self: TripletDataset, *arguments: Any) -> Any:
        while closed.exists():
            time.sleep(0.01)
        return render(self, *arguments)

    monkeypatch.setattr(TripletDataset, "render", slowly)  # workers are forked
    return closed


def after(steps: int, call: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """Call a function once when so many steps are done."""
    train_on = Trainer.train_on

    def then(self: Trainer, parts: Any) -> Any:
        found = train_on(self, parts)
        if self.step == steps:
            call()
        return found

    monkeypatch.setattr(Trainer, "train_on", then)


class TestWorkers:
    def test_a_killed_one_ends_the_run_with_all_its_steps_kept(self, recipe, photographs, tmp_path, monkeypatch):
        recipe = changed(changed(recipe, "loop", checkpoint="1h", accumulate=2), "validation", images=0)

        def kill() -> None:
            for worker in multiprocessing.active_children():
                os.kill(worker.pid, signal.SIGKILL)

        with monkeypatch.context() as patch:
            after(3, kill, patch)
            with pytest.raises(WorkersError, match=r"killed \(SIGKILL\).*steps are in .*\.pt; continue with --resume"):
                go(recipe, photographs, tmp_path / "killed", workers=2)
        kept = checkpoint.load_last(tmp_path / "killed" / "checkpoints")
        assert kept is not None
        assert kept["step"] >= 3
        go(recipe, photographs, tmp_path / "killed", resume=True)
        go(recipe, photographs, tmp_path / "whole")
        assert_equal(tmp_path / "killed", tmp_path / "whole")

    def test_of_one_that_dies_before_anything_is_made_nothing_is_claimed(self, recipe, photographs, tmp_path, starved):
        starved.touch()

        def kill() -> None:
            while not (workers := multiprocessing.active_children()):
                time.sleep(0.05)
            os.kill(workers[0].pid, signal.SIGKILL)

        killer = threading.Thread(target=kill)
        killer.start()
        with pytest.raises(WorkersError, match="a data worker was killed"):
            go(changed(recipe, "validation", images=0), photographs, tmp_path / "out", workers=1)
        killer.join()
        starved.unlink()
        assert go(recipe, photographs, tmp_path / "out", resume=True).step == 6


class TestWaiting:
    def test_the_time_limit_ends_it(self, recipe, photographs, tmp_path, starved, monkeypatch):
        recipe = changed(recipe, "validation", images=0)
        begun = time.monotonic()
        with monkeypatch.context() as patch:
            after(2, starved.touch, patch)
            outcome = go(recipe, photographs, tmp_path / "out", workers=1, time_limit=6.0)
        assert outcome.reason == "time limit"
        assert 2 <= outcome.step < 6
        assert time.monotonic() - begun < 60
        assert state(tmp_path / "out", outcome.step)["step"] == outcome.step
        starved.unlink()
        go(recipe, photographs, tmp_path / "out", resume=True)
        go(recipe, photographs, tmp_path / "whole")
        assert_equal(tmp_path / "out", tmp_path / "whole")

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
    def test_signals_end_it(self, recipe, photographs, tmp_path, starved, monkeypatch, number):
        def stop() -> None:
            starved.touch()
            threading.Timer(1.0, os.kill, (os.getpid(), number)).start()

        after(2, stop, monkeypatch)
        outcome = go(changed(recipe, "validation", images=0), photographs, tmp_path / "out", workers=1)
        assert (outcome.reason, outcome.signal) == ("interrupted", number)
        assert state(tmp_path / "out", outcome.step)["step"] == outcome.step


def best(folder: Path) -> tuple[Any, ...]:
    found = load_weights(TOY, folder / "best")
    return found.hash, found.card.samples_seen, found.card.metrics


class Killed(BaseException):
    """As a kill: what stands in `except Exception` does not hear of it."""


class TestBest:
    """`best/` holds what the checkpoint counts, wherever a run is killed."""

    @pytest.fixture
    def whole(self, recipe, photographs, tmp_path) -> Path:
        go(changed(recipe, "validation", every=1), photographs, tmp_path / "whole")
        return tmp_path / "whole"

    def test_it_is_written_before_the_checkpoint_that_counts_it(
        self, recipe, photographs, tmp_path, whole, monkeypatch
    ):
        """Killed where a file gets its name, at moments by chance, runs go on to the best of a whole run."""
        recipe, replace = changed(recipe, "validation", every=1), os.replace
        names: list[str] = []

        def dying_at(moment: int) -> Callable[[Any, Any], None]:
            def name(source: Any, target: Any) -> None:
                names.append(str(target))
                if len(names) == moment:
                    raise Killed
                replace(source, target)

            return name

        monkeypatch.setattr(os, "replace", dying_at(-1))
        go(recipe, photographs, tmp_path / "counted")
        count = len(names)
        assert count > 10
        for moment in random.Random(0).sample(range(2, count), 5):
            names.clear()
            out = tmp_path / f"killed-{moment}"
            monkeypatch.setattr(os, "replace", dying_at(moment))
            with pytest.raises(Killed):
                go(recipe, photographs, out)
            monkeypatch.setattr(os, "replace", replace)
            kept = checkpoint.load_last(out / "checkpoints")
            if kept is not None and kept["best"] > -math.inf:
                assert load_weights(TOY, out / "best").card.metrics["psnr"] >= kept["best"]
                assert checkpoint.load(out / "checkpoints" / "best.pt")["best"] >= kept["best"]
            go(recipe, photographs, out, resume=True)
            assert best(out) == best(whole)
            assert_equal(out, whole)

    @pytest.mark.parametrize("harm", ["gone", "damaged", "older"])
    def test_it_is_verified_on_resume_and_written_again(self, recipe, photographs, tmp_path, whole, harm, capsys):
        before, folder = best(whole), whole / "best"
        match harm:
            case "gone":
                shutil.rmtree(folder)
            case "damaged":
                file = folder / "model.safetensors"
                file.write_bytes(file.read_bytes()[:-1000])
            case "older":
                found = load_weights(TOY, folder)
                older = found.card.model_copy(update={"metrics": {"psnr": 1.0}, "samples_seen": 4})
                module.save_weights(folder, {name: value / 2 for name, value in found.state.items()}, older)
        go(changed(recipe, "validation", every=1), photographs, whole, resume=True, quiet=False)
        assert "best is written again from" in capsys.readouterr().err
        assert best(whole) == before

    def test_what_cannot_be_written_again_is_told_and_not_counted(self, recipe, photographs, tmp_path, whole, capsys):
        shutil.rmtree(whole / "best")
        (whole / "checkpoints" / "best.pt").write_bytes(b"cut short")
        go(changed(recipe, "schedule", steps=8), photographs, whole, resume=True, quiet=False)
        assert "the best weights so far are lost" in capsys.readouterr().err
        assert load_weights(TOY, whole / "best").card.samples_seen > 24


class TestFolderOfWeights:
    """A folder of weights is that of before or the new one, wherever writing it ends."""

    SHARDS = 3000

    def weights(self, value: float, count: int) -> dict[str, torch.Tensor]:
        return {f"layer{i}": torch.full((20, 20), value + i) for i in range(count)}

    @pytest.mark.parametrize(("before", "then"), [(4, 4), (4, 6), (6, 4), (1, 4), (4, 1), (1, 1)])
    def test_at_every_file(self, tmp_path, monkeypatch, before, then):
        old, new = self.weights(1.0, before), self.weights(2.0, then)
        replace, unlink = os.replace, Path.unlink
        hashes = {tensor_files.tensors_hash(old), tensor_files.tensors_hash(new)}
        moments = 0
        for moment in range(1, 100):
            folder, left = tmp_path / str(moment), moment
            tensor_files.write_tensors(folder, old, {"card": "old"}, self.SHARDS)

            def count() -> None:
                nonlocal left
                left -= 1
                if not left:
                    raise Killed

            def dying(source: Any, target: Any) -> None:
                count()
                replace(source, target)

            def undying(self: Path, missing_ok: bool = False) -> None:
                if not self.name.startswith("."):
                    count()
                unlink(self, missing_ok)

            with monkeypatch.context() as patch:
                patch.setattr(os, "replace", dying)
                patch.setattr(Path, "unlink", undying)
                try:
                    tensor_files.write_tensors(folder, new, {"card": "new"}, self.SHARDS)
                    break
                except Killed:
                    moments += 1
            assert tensor_files.read_arrays(folder)[2] in hashes
            tensor_files.write_tensors(folder, new, {"card": "new"}, self.SHARDS)
            assert tensor_files.read_arrays(folder)[2] == tensor_files.tensors_hash(new)
        assert moments >= 1
        files = len(tensor_files._shards(new, self.SHARDS))
        assert len(list(folder.iterdir())) == (files if files == 1 else files + 1)
