"""A training run and its folder: it begins or continues, trains, and leaves weights for `sshbench evaluate`.

The folder holds `recipe.toml`, `log.csv`, `validation.csv`, `curve.png`, `checkpoints/`, and the weights `best/` (by
validation) and `last/`.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from sshbench.errors import SshbenchError
from sshbench.locks import locked
from sshbench.methods.weights import load_weights
from sshbench.outputs import check_folder
from sshbench.training import checkpoint as checkpoints
from sshbench.training.data import Training, described, fingerprint_of, make_loader, open_training
from sshbench.training.distributed import World, world
from sshbench.training.interrupts import interrupts
from sshbench.training.keeper import Keeper, restore
from sshbench.training.loop import Diverged, Reason, Trainer, train
from sshbench.training.objectives import Objective, make_objective, untrained_parts
from sshbench.training.panel import Panel, open_panel
from sshbench.training.recipe import Recipe, RecipeError
from sshbench.training.validation import HeldOut, open_held_out
from sshbench.triplets.data_workers import WorkersError
from sshbench.triplets.loader import TripletLoader
from sshbench.triplets.luts import Places

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
        The steps, samples and seconds of the run, over all calls.
    weights
        The folder of the best weights by validation, or else of the last weights.
    scores
        The measurements of the last validation of this call, named as by `sshbench.training.validation.validate`.
    signal
        The number of the signal that interrupted this process; None if no signal did.

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
    """Begin or continue a training run, and return its outcome.

    Parameters
    ----------
    source, luts
        As for `sshbench.training.data.open_training`; the held-out tenth of both serves only for measurements.
    out
        The folder of the run.
    time_limit
        The seconds after which this call takes no further step and saves its state in a checkpoint.
    resume
        Whether to continue from the last checkpoint in `out`, if there is one.
    overwrite
        Whether to remove the run in `out` first.
    init_from
        The weights to begin with, as `sshbench evaluate --weights` takes them. A run that continues ignores them.
    masks, max_pixels
        As for `sshbench.triplets.sources.open_source`.
    measure_on
        A store or photographs whose held-out part serves for the measurements instead of the source's.
    make
        The function that makes the objective; by default the one that `find_objective` finds for the recipe's method.

    Raises
    ------
    SshbenchError
        Input cannot be used, the run has diverged (`Diverged`), or data workers died (`WorkersError`), in which case
        the state was saved.
    """
    check_folder(out)
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
        keeper = Keeper(trainer, folder, described(dataset), fingerprint_of(dataset), held_out, begun_with, quiet)
        if state is not None:
            restore(trainer, state, folder)
        if here.first and overwrite:  # only now, after all arguments have proved usable
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
            kept = f"the last good checkpoint is {found[-1]}" if found else "no checkpoint was written"
            raise Diverged(f"{error}; {kept}; a smaller optimizer.lr or optimizer.clip=1 may help") from error
        except WorkersError as error:
            found = checkpoints.checkpoints(folder / "checkpoints")
            kept = f"all steps are in {found[-1]}; continue with --resume" if found else "no checkpoint was written"
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
        weights, signal = keeper.finish(), interrupted[0] if interrupted else None
        return Outcome(reason, folder, weights, trainer.step, trainer.samples, trainer.seconds, keeper.scores, signal)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep other trainings out of a folder. The folder is created, and removed again if it stays empty."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with locked(folder, refusal=f"{folder} is in use by another training; wait for it, or give another --out"):
            yield
    finally:
        with suppress(OSError):
            folder.rmdir()  # fails for a folder that is not empty


def _check(folder: Path, resume: bool, overwrite: bool) -> None:
    if resume and overwrite:
        raise SshbenchError("--resume continues a run and --overwrite removes it; give only one of them")
    begun = (folder / "recipe.toml").exists() or (folder / "checkpoints").exists()
    if begun and not resume and not overwrite:
        raise SshbenchError(f"{folder} already holds a run; continue it with --resume, or start over with --overwrite")


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
    """Load given weights into the network, and return the facts about them for the card of the new weights."""
    found = load_weights(method, where)
    given, (state, _) = found.state, objective.weights()
    new = untrained_parts(objective)
    missing = {name for name in state.keys() - given.keys() if not name.startswith(new)}
    wrong = missing | given.keys() - state.keys()
    wrong |= {name for name in given.keys() & state.keys() if given[name].shape != state[name].shape}
    if wrong:
        raise SshbenchError(
            f"{where} holds another network than the recipe asks for (see {min(wrong)}); its card tells the section "
            "network that fits"
        )
    with torch.no_grad():
        for name, value in given.items():
            state[name].copy_(value)
    kept = {"trained_by", "samples_seen", "seconds", "recipe", "data", "begun_with", "file"}
    return {"hash": found.hash} | found.card.model_dump(mode="json", include=kept, exclude_defaults=True)
