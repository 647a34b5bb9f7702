"""A training run and its folder: it begins or continues, trains, and leaves weights for `sshbench evaluate`.

The folder holds `recipe.toml`, `log.csv`, `validation.csv`, `curve.png`, `checkpoints/`, and the weights `best/` (by
validation) and `last/`.
"""

from __future__ import annotations

import math
import os
import shutil
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from sshbench.errors import SshbenchError
from sshbench.locks import locked
from sshbench.methods.weights import Preprocessing, WeightsCard, load_weights, read_weights, save_weights
from sshbench.results.machine import machine, revision
from sshbench.training import checkpoint as checkpoints
from sshbench.training import panel as panels
from sshbench.training.data import Training, described, make_loader, open_training
from sshbench.training.distributed import World, world
from sshbench.training.interrupts import interrupts
from sshbench.training.logs import LogError, Logs, Numbers, draw_curve
from sshbench.training.loop import Diverged, Reason, Trainer, train
from sshbench.training.objectives import Objective, make_objective
from sshbench.training.panel import Panel, open_panel, validate_panel
from sshbench.training.recipe import Recipe, RecipeError
from sshbench.training.validation import HeldOut, evaluating, open_held_out, validate
from sshbench.triplets.data_workers import WorkersError
from sshbench.triplets.loader import TripletLoader
from sshbench.triplets.luts import Places
from sshbench.whole_file import whole_file

FILES = ("recipe.toml", "log.csv", "validation.csv", "curve.png")
FOLDERS = ("checkpoints", "tensorboard", "wandb", "best", "last")


@dataclass(frozen=True)
class Outcome:
    """How a training ended.

    Attributes
    ----------
    reason
        `"complete"`, `"time limit"` or `"interrupted"`.
    folder
        The folder of the run.
    step, samples, seconds
        How far the run has come, over all calls.
    weights
        The folder of the best weights by validation, or else of the last ones.
    scores
        What the last validation of this call measured, as `sshbench.training.validation.validate` names it.
    signal
        The signal that this process was interrupted by; None where it was not.

    Examples
    --------
    >>> import sshbench
    >>> small = {"data.batch": 2, "data.crop": 64, "schedule.steps": 1, "validation.images": 0}
    >>> outcome = sshbench.train("ssh-lut", "sample", "run", changes=small, device="cpu")
    >>> outcome.weights.name, outcome.samples
    ('last', 2)
    """

    reason: Reason
    folder: Path
    weights: Path
    step: int
    samples: int
    seconds: float
    scores: dict[str, float]
    signal: int | None = None


def run(
    recipe: Recipe,
    source: str,
    luts: Places | None,
    out: str | os.PathLike[str],
    *,
    device: str = "auto",
    workers: int = 0,
    time_limit: float | None = None,
    resume: bool = False,
    overwrite: bool = False,
    init_from: str | None = None,
    masks: str | None = None,
    max_pixels: int | None = None,
    measure_on: str | None = None,
    quiet: bool = False,
    make: Callable[[Recipe], Objective] | None = None,
) -> Outcome:
    """Train.

    Parameters
    ----------
    source, luts
        As for `sshbench.training.data.open_training`; the held-out tenth of both is only measured on.
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
    masks, max_pixels
        As for `sshbench.triplets.sources.open_source`.
    measure_on
        A store or photographs whose held-out part is measured on in place of the source's.
    make
        What makes the objective; by default what `find_objective` finds for the recipe's method.

    Raises
    ------
    SshbenchError
        Input that cannot be used, a run that has diverged (`Diverged`), or data workers that died (`WorkersError`); of
        the latter the state has been kept.
    """
    started, folder = time.monotonic(), Path(out)
    with world(device) as here, interrupts() as interrupted, ExitStack() as held:
        if here.first:
            held.enter_context(_alone(folder))
            _check(folder, resume, overwrite)
        here.wait()
        state = checkpoints.load_last(folder / "checkpoints") if resume else None
        torch.manual_seed(recipe.loop.seed)
        objective = make_objective(recipe.method, recipe, make)
        begun_with: dict[str, Any] = {} if state is None else dict(state.get("begun_with") or {})
        if state is None and init_from is not None:
            begun_with = _begin_with(objective, recipe.method, init_from)
        asked: dict[str, Any] = {name: value for name, value in (("masks", masks), ("max_pixels", max_pixels)) if value}
        data, settings = recipe.data, recipe.data.settings(recipe.loop.seed)
        dataset = open_training(
            source, luts, settings, flip=data.flip, window=data.window, cache_mb=data.cache_mb, shares=data.shares(),
            **asked,
        )  # fmt: skip
        trainer = Trainer(recipe, objective, _batches(recipe, dataset, here, workers), here)
        held_out: HeldOut | Panel | None = None
        if here.first and recipe.validation.images:
            place, images = measure_on or source, recipe.validation.images
            if recipe.validation.on == "panel":
                held_out = open_panel(place, luts, settings, images=images, **asked)
            else:
                held_out = open_held_out(place, luts, settings, images=images, crop=recipe.validation.crop, **asked)
        keeper = _Keeper(trainer, folder, described(dataset), held_out, begun_with, quiet)
        if state is not None:
            _restore(trainer, state, folder)
        if here.first and overwrite:  # not before all that was asked for has proved usable
            _remove_run(folder)
        keeper.begin(state)

        def stop() -> Reason | None:
            if interrupted:
                return "interrupted"
            return "time limit" if time_limit and time.monotonic() - started >= time_limit else None

        try:
            reason = train(trainer, stop=stop, log=keeper.log, validate=keeper.validate, checkpoint=keeper.checkpoint)
        except Diverged as error:
            found = checkpoints.checkpoints(folder / "checkpoints")
            kept = f"the last good checkpoint is {found[-1]}" if found else "no checkpoint had been written"
            raise Diverged(f"{error}; {kept}; a smaller optimizer.lr or optimizer.clip=1 may help") from error
        except WorkersError as error:
            found = checkpoints.checkpoints(folder / "checkpoints")
            kept = f"all steps are in {found[-1]}; go on with --resume" if found else "no checkpoint had been written"
            raise WorkersError(f"{error}; {kept}") from error
        except (MemoryError, RuntimeError) as error:
            if not (isinstance(error, MemoryError | torch.OutOfMemoryError) or "not enough memory" in str(error)):
                raise
            raise SshbenchError(
                f"{here.device} has not enough memory for data.batch={recipe.data.batch} in {recipe.loop.accumulate} "
                "parts; take more parts (loop.accumulate), a smaller batch, or a smaller network"
            ) from error
        finally:
            keeper.close()
        return replace(keeper.outcome(reason), signal=interrupted[0] if interrupted else None)


class _Keeper:
    """What the first process writes while training; in the others it does nothing."""

    def __init__(
        self,
        trainer: Trainer,
        folder: Path,
        data: dict[str, Any],
        held_out: HeldOut | Panel | None,
        begun_with: dict[str, Any],
        quiet: bool,
    ) -> None:
        self.trainer, self.folder, self.held_out, self.quiet = trainer, folder, held_out, quiet
        self.begun_with = begun_with
        self.data = data | ({"validation": held_out.description} if held_out else {})
        self.first = trainer.world.first
        self.scores: dict[str, float] = {}
        self._measured = -1
        self._logs: Logs | None = None

    def begin(self, kept: dict[str, Any] | None) -> None:
        """Open the logs; `kept` is the checkpoint that the run continues from."""
        if not self.first:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        with whole_file(self.folder / "recipe.toml") as temporary:
            temporary.write_text(self.trainer.recipe.to_toml(), encoding="utf-8")
        config = self.trainer.recipe.model_dump(mode="json", exclude_none=True)
        self._logs = Logs(self.folder, self.trainer.step, quiet=self.quiet, config=config)
        if kept is not None:
            changed = _changed(self.trainer.recipe, kept["recipe"])
            self._logs.say(f"goes on from step {self.trainer.step:,}{changed}")
            self._verify_best(kept)

    def _verify_best(self, kept: dict[str, Any]) -> None:
        """See to it that the best weights that a checkpoint counts are in `best/`, whatever a kill or a user has done.

        Newer ones, which were written before a checkpoint that is lost, are better and stay.
        """
        counted, folder = self.trainer.best, self.folder / "best"
        if counted == -math.inf:
            return
        try:
            there: float | None = self._standing(read_weights(folder, str(folder)).card.metrics)
        except (SshbenchError, KeyError):
            there = None
        if there is not None and there >= counted:
            return
        path = self.folder / "checkpoints" / checkpoints.BEST
        try:
            best = checkpoints.load(path)
            if best["best"] >= counted:
                _restore(self.trainer, best, path)
                self.scores, self._measured = best.get("scores", {}), self.trainer.step
                self.save_weights("best")
                self._say(f"{folder} is written again from {path}")
                return
        except (SshbenchError, KeyError, TypeError, ValueError):  # it is lost too
            pass
        finally:
            self.trainer.load_state_dict(kept)
            self.scores, self._measured = {}, -1
        self.trainer.best = -math.inf if there is None else there
        self._say(
            f"the best weights so far are lost ({counted:.2f} dB); from here on the best is what is better than "
            + ("nothing" if there is None else f"the {there:.2f} dB of those in {folder}")
        )

    def _say(self, line: str) -> None:
        if self._logs is not None:
            self._logs.say(line)

    def log(self, row: Numbers) -> None:
        if self._logs is None:
            return
        losses = " ".join(f"{name.removeprefix('loss/')} {row[name]:.4f}" for name in row if name.startswith("loss/"))
        left = row["seconds"] / row["progress"] - row["seconds"] if row["progress"] else 0
        self._logs.trained(
            row,
            f"{row['progress']:4.0%}  step {row['step']:,}  epoch {row['epoch']:.2f}  {losses}  "
            f"{row['samples_per_second']:.1f} samples/s  data {row['data_wait']:.0%}  {clock(left)} left",
        )

    def validate(self) -> float | None:
        """Measure the averaged weights, if there are any; only the first process does."""
        if self._logs is None or self.held_out is None:
            return None
        trainer, recipe = self.trainer, self.trainer.recipe
        with trainer.average.applied(trainer.modules), evaluating(trainer.modules), trainer.autocast():
            on_panel = isinstance(self.held_out, Panel)
            measure: Any = validate_panel if on_panel else validate
            batch_size, device = recipe.validation.batch, trainer.world.device
            scores = measure(trainer.objective, self.held_out, batch_size=batch_size, device=device)
        if not scores:
            return None
        self.scores, self._measured = scores, trainer.step
        standing = self._standing(scores)
        best = ", the best so far" if standing > trainer.best else ""
        words = panels.said(scores) if on_panel else said(scores)
        self._logs.validated(
            {"step": trainer.step, "epoch": trainer.epoch, "samples": trainer.samples, "seconds": trainer.seconds}
            | scores,
            f"after {clock(trainer.seconds)} and {trainer.samples:,} samples: {words}{best}",
        )
        return standing

    def _standing(self, scores: dict[str, float]) -> float:
        """Return the one number of what was measured by which the best is told."""
        return panels.standing(scores) if isinstance(self.held_out, Panel) else scores["psnr"]

    def checkpoint(self, best: bool) -> None:
        if not self.first:
            return
        if best:  # before the checkpoint that counts it
            self.save_weights("best")
        state = self.trainer.state_dict() | {"begun_with": self.begun_with}
        if best:
            state["scores"] = self.scores
        checkpoints.save(self.folder / "checkpoints", self.trainer.step, state, best=best)

    def save_weights(self, name: str) -> None:
        trainer = self.trainer
        with trainer.average.applied(trainer.modules):
            state, architecture = trainer.objective.weights()
            state = {key: value.detach().cpu().clone() for key, value in state.items()}
        card = WeightsCard(
            method=trainer.recipe.method,
            architecture=architecture,
            trained_by="user",
            preprocessing=Preprocessing(input_size=trainer.recipe.input_size),
            recipe=trainer.recipe.model_dump(mode="json", exclude_none=True),
            data=self.data,
            git_revision=revision(),
            samples_seen=trainer.samples,
            seconds=round(trainer.seconds, 1),
            begun_with=self.begun_with,
            machine=machine(),
            metrics=self.scores if self._measured == trainer.step else {},
        )
        save_weights(self.folder / name, state, card)

    def close(self) -> None:
        if self._logs is not None:
            self._logs.close()

    def outcome(self, reason: Reason) -> Outcome:
        if self.first:
            self.save_weights("last")
            try:
                draw_curve(self.folder)
            except LogError as error:
                self._say(str(error))
        best = self.folder / "best"
        trainer = self.trainer
        return Outcome(
            reason, self.folder, best if best.is_dir() else self.folder / "last",
            trainer.step, trainer.samples, trainer.seconds, self.scores,
        )  # fmt: skip


def said(scores: dict[str, float]) -> str:
    """Return the measurement of a validation in words."""
    shown = {name: f"{scores[name]:.2f} dB ({scores[name + '_low']:.2f} to {scores[name + '_high']:.2f})"
             for name in ("psnr", "dc_psnr")}  # fmt: skip
    return f"{shown['psnr']}, untouched {shown['dc_psnr']}, on {scores['images']:.0f} held-out images"


def clock(seconds: float) -> str:
    """Return a duration in words."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


def _restore(trainer: Trainer, state: dict[str, Any], where: Path) -> None:
    try:
        trainer.load_state_dict(state)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise checkpoints.CheckpointError(
            f"{where}: the checkpoint is damaged or of another training ({reason}); start over with --overwrite"
        ) from error


def _changed(recipe: Recipe, kept: str) -> str:
    """Return the differences between a recipe and that of a checkpoint, as the rest of a sentence."""
    try:
        changes = recipe.differences(Recipe.model_validate(tomllib.loads(kept)))
    except ValueError:
        return " with another recipe, which was one of another version of sshbench"
    return f" with another recipe: {'; '.join(changes)}" if changes else ""


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep other trainings out of a folder. The folder is created, and removed again if it stays empty."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise SshbenchError(f"{folder} is a file; give a folder for the run with --out") from error
    try:
        with locked(folder, refusal=f"{folder} is in use by another training; wait for it, or give another --out"):
            yield
    finally:
        with suppress(OSError):
            folder.rmdir()  # which leaves a folder that holds anything


def _check(folder: Path, resume: bool, overwrite: bool) -> None:
    if resume and overwrite:
        raise SshbenchError("--resume goes on with a run and --overwrite removes it; give one of them")
    begun = (folder / "recipe.toml").exists() or (folder / "checkpoints").exists()
    if begun and not resume and not overwrite:
        raise SshbenchError(f"{folder} holds a run already; go on with --resume, or start over with --overwrite")


def _remove_run(folder: Path) -> None:
    for name in FILES:
        (folder / name).unlink(missing_ok=True)
    for name in FOLDERS:
        shutil.rmtree(folder / name, ignore_errors=True)


def _batches(recipe: Recipe, dataset: Training, here: World, workers: int) -> TripletLoader:
    parts = here.size * recipe.loop.accumulate
    if recipe.data.batch % parts:
        raise RecipeError(
            f"data.batch={recipe.data.batch} cannot be shared by {here.size} processes with loop.accumulate="
            f"{recipe.loop.accumulate}; take a multiple of {parts}"
        )
    return make_loader(
        dataset, recipe.data.batch // parts, seed=recipe.loop.seed, workers=workers, device=here.device,
        rank=here.rank, world_size=here.size,
    )  # fmt: skip


def _begin_with(objective: Objective, method: str, where: str) -> dict[str, Any]:
    """Fill the network with given weights, and return what a card says about them."""
    found = load_weights(method, where)
    given, (state, _) = found.state, objective.weights()
    wrong = given.keys() ^ state.keys() | {n for n in given.keys() & state.keys() if given[n].shape != state[n].shape}
    if wrong:
        raise SshbenchError(
            f"{where} holds another network than the recipe asks for (see {min(wrong)}); its card tells the section "
            "network that fits"
        )
    with torch.no_grad():
        for name, value in state.items():
            value.copy_(given[name])
    kept = {"trained_by", "samples_seen", "seconds", "recipe", "data", "begun_with", "file"}
    return {"hash": found.hash} | found.card.model_dump(mode="json", include=kept, exclude_defaults=True)
