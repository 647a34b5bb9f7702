"""A training run and its folder: begins or goes on, trains, and leaves weights that `sshbench evaluate` takes.

The folder holds `recipe.toml`, `log.csv`, `validation.csv`, `curve.png`, `checkpoints/`, and the weights `best/` (by
validation) and `last/`.
"""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from sshbench.errors import SshbenchError
from sshbench.methods.weights import WeightsCard, load_weights, save_weights
from sshbench.results.machine import machine, revision
from sshbench.training import checkpoint as checkpoints
from sshbench.training.data import held_out_batches, training_batches
from sshbench.training.distributed import World, world
from sshbench.training.logs import Logs, Row, draw_curve
from sshbench.training.loop import Diverged, Reason, Trainer, train
from sshbench.training.objectives import Objective, make_objective
from sshbench.training.recipe import Recipe, RecipeError, read_recipe
from sshbench.training.validation import Scores, validate
from sshbench.triplets.luts import Places, places_of
from sshbench.whole_file import whole_file

FILES = ("recipe.toml", "log.csv", "validation.csv", "curve.png")
FOLDERS = ("checkpoints", "tensorboard", "best", "last")


@dataclass(frozen=True)
class Outcome:
    """How a call of `run` ended.

    Attributes
    ----------
    weights
        The folder of the best weights by validation, or else of the last ones.
    scores
        The last validation of this call, if there was one.
    """

    reason: Reason
    folder: Path
    weights: Path
    step: int
    samples: int
    seconds: float
    scores: Scores | None


def run(
    recipe: Recipe,
    source: str | os.PathLike[str],
    luts: Places | None,
    out: str | os.PathLike[str],
    *,
    device: str = "auto",
    workers: int = 0,
    time_limit: float | None = None,
    resume: bool = False,
    overwrite: bool = False,
    init_from: str | None = None,
    quiet: bool = False,
) -> Outcome:
    """Train.

    Parameters
    ----------
    source, luts
        Photographs and looks as for `TripletDataset`; the held-out tenth of both is only measured on.
    out
        The folder of the run.
    time_limit
        Seconds after which this call takes no further step and keeps its state in a checkpoint.
    resume
        Go on from the last checkpoint in `out`, if there is one.
    overwrite
        Remove the run that is in `out` first.
    init_from
        Weights to begin with, as `sshbench evaluate --weights` takes them; a run that goes on has its own.

    Raises
    ------
    SshbenchError
        Input that cannot be used, or a run that has diverged (`Diverged`).
    """
    started, folder = time.monotonic(), Path(out)
    with world(device) as here, _interrupts() as interrupted:
        if here.first:
            _prepare(folder, resume, overwrite)
        here.wait()
        state = checkpoints.load_last(folder / "checkpoints") if resume else None
        torch.manual_seed(recipe.loop.seed)
        objective = make_objective(recipe.method, recipe)
        _check_terms(recipe, objective)
        if state is None and init_from is not None:
            _begin_with(objective, recipe.method, init_from)
        batches = training_batches(
            recipe, source, luts, device=here.device, workers=workers, rank=here.rank, world_size=here.size
        )
        trainer = Trainer(recipe, objective, batches, here)
        keeper = _Keeper(trainer, folder, source, luts, quiet)
        if state is not None:
            trainer.load_state_dict(state)
            keeper.changed(state["recipe"])
        keeper.begin()

        def stop() -> Reason | None:
            if interrupted():
                return "interrupted"
            return "time limit" if time_limit and time.monotonic() - started >= time_limit else None

        try:
            reason = train(
                trainer, stop=stop, log=keeper.log, validate=keeper.validate, checkpoint=keeper.checkpoint
            )
        except Diverged as error:
            found = checkpoints.checkpoints(folder / "checkpoints")
            kept = f"the last good checkpoint is {found[-1]}" if found else "no checkpoint had been written"
            raise Diverged(f"{error}; {kept}; a smaller optimizer.lr or optimizer.clip=1 may help") from error
        finally:
            keeper.close()
        return keeper.outcome(reason)


class _Keeper:
    """What the first process writes while training; in the others it does nothing."""

    def __init__(
        self, trainer: Trainer, folder: Path, source: str | os.PathLike[str], luts: Places | None, quiet: bool
    ) -> None:
        self.trainer, self.folder, self.quiet = trainer, folder, quiet
        self.first = trainer.world.first
        self.scores: Scores | None = None
        self._held_out: Any = None
        self._logs: Logs | None = None
        recipe, dataset = trainer.recipe, trainer.batches.dataset
        if self.first and recipe.validation.images:
            self._held_out = held_out_batches(recipe, source, luts, device=trainer.world.device)
        self._data = {"source": os.fspath(source), "photographs": len(dataset.source or ()),
                      "luts": list(places_of(luts)), "looks": len(dataset.bank or ())}  # fmt: skip

    def begin(self) -> None:
        if not self.first:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        with whole_file(self.folder / "recipe.toml") as temporary:
            temporary.write_text(self.trainer.recipe.to_toml(), encoding="utf-8")
        self._logs = Logs(self.folder, self.trainer.step, quiet=self.quiet)
        if self.trainer.step:
            self._logs.say(f"goes on from step {self.trainer.step:,}")

    def changed(self, kept: str) -> None:
        """Say where the recipe of a checkpoint was another."""
        with whole_file(self.folder / f".{self.trainer.world.rank}.toml") as temporary:
            temporary.write_text(kept, encoding="utf-8")
            differences = self.trainer.recipe.differences(read_recipe(temporary))
        if differences and self.first and not self.quiet:
            print(f"goes on with another recipe: {'; '.join(differences)}")

    def log(self, row: Row) -> None:
        if self._logs is None:
            return
        losses = " ".join(f"{name.removeprefix('loss/')} {row[name]:.4f}" for name in row if name.startswith("loss/"))
        left = row["seconds"] / row["progress"] - row["seconds"] if row["progress"] else 0
        self._logs.trained(
            row,
            f"{row['progress']:4.0%}  step {row['step']:,}  epoch {row['epoch']:.2f}  {losses}  "
            f"{row['samples_per_second']:.1f} samples/s  data {row['data_wait']:.0%}  {clock(left)} left",
        )

    def validate(self) -> Scores | None:
        """Measure the averaged weights where there are any; only the first process does."""
        if self._logs is None or self._held_out is None:
            return None
        trainer = self.trainer
        self._held_out.set_epoch(0)
        with trainer.average.applied(trainer.modules), trainer.autocast():
            scores = validate(trainer.objective, self._held_out, trainer.recipe.validation.images)
        if scores is None:
            return None
        self.scores = scores
        row: Row = {"step": trainer.step, "epoch": trainer.epoch, "samples": trainer.samples,
                    "seconds": trainer.seconds} | metrics(scores)  # fmt: skip
        better = "" if scores.psnr.mean <= trainer.best else ", the best so far"
        line = f"held out after {clock(trainer.seconds)}, {trainer.samples:,} samples: {said(scores)}{better}"
        self._logs.validated(row, line)
        return scores

    def checkpoint(self, best: bool) -> None:
        if not self.first:
            return
        path = checkpoints.save(self.folder / "checkpoints", self.trainer.step, self.trainer.state_dict())
        if best:
            with whole_file(path.with_name("best.pt")) as temporary:
                shutil.copyfile(path, temporary)
            self.save_weights("best")

    def save_weights(self, name: str) -> None:
        trainer = self.trainer
        with trainer.average.applied(trainer.modules):
            state, architecture = trainer.objective.weights()
            state = {key: value.detach().cpu().clone() for key, value in state.items()}
        card = WeightsCard(
            method=trainer.recipe.method,
            architecture=architecture,
            trained_by="user",
            recipe=trainer.recipe.model_dump(mode="json", exclude_none=True),
            data=self._data,
            git_revision=revision(),
            samples_seen=trainer.samples,
            seconds=round(trainer.seconds, 1),
            machine=machine(),
            metrics=metrics(self.scores) if self.scores else {},
        )
        save_weights(self.folder / name, state, card)

    def close(self) -> None:
        if self._logs is not None:
            self._logs.close()

    def outcome(self, reason: Reason) -> Outcome:
        if self.first:
            self.save_weights("last")
            draw_curve(self.folder)
        best = self.folder / "best"
        trainer = self.trainer
        return Outcome(
            reason, self.folder, best if best.is_dir() else self.folder / "last",
            trainer.step, trainer.samples, trainer.seconds, self.scores,
        )  # fmt: skip


def metrics(scores: Scores) -> dict[str, float]:
    """Scores as columns of a table."""
    found = {}
    for name, one in (("psnr", scores.psnr), ("dc", scores.dc)):
        found |= {name: one.mean, f"{name}_low": one.low, f"{name}_high": one.high}
    return found | {"images": scores.psnr.n}


def said(scores: Scores) -> str:
    """Scores in a line."""
    psnr, dc = scores.psnr, scores.dc
    return (
        f"{psnr.mean:.2f} dB ({psnr.low:.2f} to {psnr.high:.2f}), direct composition {dc.mean:.2f} dB "
        f"({dc.low:.2f} to {dc.high:.2f}), {psnr.n} images"
    )


def clock(seconds: float) -> str:
    """A duration as people say it."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


def _prepare(folder: Path, resume: bool, overwrite: bool) -> None:
    if resume and overwrite:
        raise SshbenchError("--resume goes on with a run and --overwrite removes it; give one of them")
    if not (folder / "recipe.toml").exists() and not (folder / "checkpoints").exists():
        return
    if overwrite:
        for name in FILES:
            (folder / name).unlink(missing_ok=True)
        for name in FOLDERS:
            shutil.rmtree(folder / name, ignore_errors=True)
    elif not resume:
        raise SshbenchError(f"{folder} holds a run already; go on with --resume, or start over with --overwrite")


def _check_terms(recipe: Recipe, objective: Objective) -> None:
    names = {phase.name for phase in objective.phases}
    if len(names) != len(objective.phases):
        raise RecipeError(f"the phases of {recipe.method} share a name: {', '.join(sorted(names))}")


def _begin_with(objective: Objective, method: str, where: str) -> None:
    given, (state, _) = load_weights(method, where).state, objective.weights()
    wrong = [name for name in state if name not in given or given[name].shape != state[name].shape]
    if wrong or given.keys() - state.keys():
        raise SshbenchError(
            f"{where} holds another network than the recipe asks for (see {(wrong or sorted(given.keys() - state.keys()))[0]}); "
            "its card tells the section network that fits"
        )
    with torch.no_grad():
        for name, value in state.items():
            value.copy_(given[name])


@contextmanager
def _interrupts() -> Iterator[Any]:
    """Take note of the first SIGINT or SIGTERM, so that a checkpoint can be written; the second one interrupts."""
    seen: list[int] = []

    def note(number: int, frame: object) -> None:
        if seen:
            raise KeyboardInterrupt
        seen.append(number)

    try:
        before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:  # not the main thread, which alone hears of signals
        before = {}
    try:
        yield lambda: bool(seen)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
