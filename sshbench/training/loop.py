"""The loop that trains every method: it takes batches, makes steps, and regularly logs, validates and saves.

`Trainer` holds the state that a step changes, and `train` is the loop. The random numbers of a step follow from the
seed, the step and the process, and the batches follow from the number of consumed samples. A run that continues from a
checkpoint therefore computes the same numbers as a run without a stop.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from hashlib import blake2b
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn.utils import clip_grads_with_norm_, get_total_norm

from sshbench.errors import SshbenchError
from sshbench.training.distributed import World
from sshbench.training.ema import Average
from sshbench.training.logs import Numbers
from sshbench.training.objectives import Batch, Objective, Phase
from sshbench.training.recipe import Interval, Recipe, RecipeError, seconds
from sshbench.triplets.data_workers import WorkersError
from sshbench.triplets.loader import TripletLoader

Reason = Literal["complete", "time limit", "interrupted"]

_NUMBER = (int, float)
_KINDS: dict[str, Any] = {
    "step": int, "samples": int, "seconds": _NUMBER, "best": _NUMBER, "recipe": str, "average": dict,
}  # fmt: skip


class Diverged(SshbenchError):
    """The loss is not finite, or is far above its first value."""


class StoppedWaiting(SshbenchError):
    """The run was asked to end while it waited for data."""


class Trainer:
    """An objective in training: its modules, optimizers and averaged weights, and its progress."""

    def __init__(self, recipe: Recipe, objective: Objective, batches: TripletLoader, world: World) -> None:
        self.recipe, self.objective, self.batches, self.world = recipe, objective, batches, world
        self.modules = objective.modules
        self._layout = torch.channels_last if recipe.loop.channels_last else torch.contiguous_format
        self.modules.to(world.device)
        for parameter in self.modules.parameters():
            if parameter.ndim == 4:  # torch refuses channels_last for other tensors
                parameter.data = parameter.data.contiguous(memory_format=self._layout)
        self.modules.train()
        world.share(self.modules)
        if recipe.loop.compile:
            for module in self.modules.values():
                module.compile()
        self.average = Average(self.modules, recipe.loop.ema)
        self.optimizers = [_optimizer(recipe, phase) for phase in objective.phases]
        self.step = self.samples = 0
        self.seconds = 0.0
        self.best = -math.inf
        self.first_losses: dict[str, float] = {}
        self._terms_known = False

    @property
    def epoch(self) -> float:
        """The number of finished epochs, plus the finished part of this one."""
        sampler = self.batches.sampler
        step = sampler.batch_size * sampler.world_size
        return sampler.epoch + min(1.0, sampler.consumed / (sampler.count // step * step))  # the remainder is dropped

    @property
    def progress(self) -> float:
        """The finished part of the run, 0..1."""
        schedule = self.recipe.schedule
        if schedule.budget is not None:
            done = self.seconds / schedule.budget
        elif schedule.steps is not None:
            done = self.step / schedule.steps
        else:
            assert schedule.epochs is not None
            done = self.epoch / schedule.epochs
        return min(1.0, done)

    def parts(self) -> Iterator[list[Batch]]:
        """Yield the batches of each step, without end."""
        parts: list[Batch] = []
        while True:
            for batch in self.batches:
                parts.append(batch)
                if len(parts) == self.recipe.loop.accumulate:
                    yield parts
                    parts = []

    def train_on(self, parts: Sequence[Batch]) -> dict[str, Tensor]:
        """Do one step; return the losses and the norms of the gradients, detached."""
        recipe = self.recipe
        found: dict[str, Tensor] = {}
        torch.manual_seed(_seed(recipe.loop.seed, self.step, self.world.rank))
        parts = [self._laid_out(batch) for batch in parts]
        lr = recipe.optimizer.lr * recipe.schedule.factor(self.progress)
        for phase, optimizer in zip(self.objective.phases, self.optimizers, strict=True):
            optimizer.zero_grad()
            for batch in parts:
                with self.autocast():
                    terms = phase.terms(batch)
                    loss = torch.stack([recipe.loss[name] * term for name, term in self._known(terms)]).sum()
                # Only this phase's parameters get gradients, even if other modules contribute to the loss.
                (loss / len(parts)).backward(inputs=phase.parameters)  # type: ignore[no-untyped-call]
                for name, value in [("", loss), *terms.items()]:
                    name = f"loss/{phase.name}.{name}".rstrip(".")
                    value = value.detach().float() / len(parts)
                    found[name] = found[name] + value if name in found else value
            self.world.average_gradients(phase.parameters)
            gradients = [p.grad for p in phase.parameters if p.grad is not None]
            norm = get_total_norm(gradients)
            if recipe.optimizer.clip:
                clip_grads_with_norm_(phase.parameters, recipe.optimizer.clip, norm)
            found[f"gradient/{phase.name}"] = norm
            for group in optimizer.param_groups:
                group["lr"] = lr
            optimizer.step()
        if not self._terms_known:
            self._terms_known = True
            given = {name.partition(".")[2] for name in found}
            if unused := sorted(name for name, weight in recipe.loss.items() if weight and name not in given):
                warnings.warn(f"the loss of {recipe.method} has no term {' or '.join(unused)}", stacklevel=2)
        self.step += 1
        self.samples += recipe.data.batch
        self.average.update(self.modules, self.step)
        return found

    def autocast(self) -> AbstractContextManager[None]:
        """Return the context of the recipe's precision."""
        enabled = self.recipe.loop.precision == "bfloat16"
        return torch.autocast(self.world.device.type, torch.bfloat16, enabled=enabled)

    def check(self, losses: Numbers) -> None:
        """Refuse losses that show that the run has diverged.

        Raises
        ------
        Diverged
            The loss is not finite, or is too far above the first loss.
        """
        for phase in self.objective.phases:
            loss = losses[f"loss/{phase.name}"]
            first = self.first_losses.setdefault(phase.name, loss)
            if not math.isfinite(loss):
                raise Diverged(f"the loss of {phase.name} is {loss} at step {self.step}")
            if abs(loss) > self.recipe.loop.explode * max(abs(first), 1e-3):
                raise Diverged(f"the loss of {phase.name} has gone from {first:.4g} to {loss:.4g} at step {self.step}")

    def state_dict(self) -> dict[str, Any]:
        """Return the state that a checkpoint stores."""
        return {
            "recipe": self.recipe.to_toml(),
            "step": self.step,
            "samples": self.samples,
            "seconds": self.seconds,
            "best": self.best,
            "first_losses": self.first_losses,
            "modules": self.modules.state_dict(),
            "average": self.average.state,
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "batches": self.batches.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from the state of a checkpoint.

        Raises
        ------
        SshbenchError
            The state belongs to another network, to another choice of averaging, or to other data.
        """
        for name, kind in _KINDS.items():
            if not isinstance(state[name], kind):
                raise TypeError(f"{name} is {state[name]!r:.80}")
        try:
            self.modules.load_state_dict(state["modules"])
        except RuntimeError as error:
            raise RecipeError("the checkpoint holds another network than the recipe asks for") from error
        if bool(state["average"]) != bool(self.average.decay):
            raise RecipeError("loop.ema is either on or off for a whole run; start over with --overwrite to change it")
        for name, value in state["average"].items():
            self.average.state[name].copy_(value)
        for optimizer, kept in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(kept)
        self.batches.load_state_dict(state["batches"])
        self.step, self.samples, self.seconds = state["step"], state["samples"], state["seconds"]
        self.best, self.first_losses = state["best"], state["first_losses"]

    def _laid_out(self, batch: Batch) -> Batch:
        images = {n: v for n, v in batch.items() if isinstance(v, Tensor) and v.ndim == 4}
        return batch | {name: image.contiguous(memory_format=self._layout) for name, image in images.items()}

    def _known(self, terms: dict[str, Tensor]) -> list[tuple[str, Tensor]]:
        if unknown := terms.keys() - self.recipe.loss.keys():
            raise RecipeError(f"the recipe gives no weight for {', '.join(sorted(unknown))} in its section loss")
        if not terms:
            raise RecipeError("every term of the loss is off; give one of them a weight in the section loss")
        return list(terms.items())


def train(
    trainer: Trainer,
    *,
    stop: Callable[[], Reason | None],
    log: Callable[[Numbers], None],
    validate: Callable[[], float | None],
    checkpoint: Callable[[bool], None],
) -> Reason:
    """Train until the recipe's schedule is done, or there is an earlier reason to stop.

    Parameters
    ----------
    stop
        Called before each step, and while data workers prepare the next batch; returns a reason to stop, or None.
    log
        Receives a row with the means of the last steps.
    validate
        Returns a measurement that is better if it is higher; None if nothing is measured.
    checkpoint
        Saves the state of `trainer`; with True, as the best so far. It is never called after the loss has diverged.

    Raises
    ------
    Diverged
        The loss is not finite, or is far above its first value.
    WorkersError
        The data workers deliver no more data. A single process has saved its state; several processes have not.
    """
    recipe, world = trainer.recipe, trainer.world
    validating, saving = Due(recipe.validation.every, trainer), Due(recipe.loop.checkpoint, trainer)
    before, started = trainer.seconds, time.monotonic()
    meter = Meter(trainer)
    parts = trainer.parts()
    reasons: list[Reason] = ["time limit", "interrupted"]

    def wait() -> None:
        if asked := stop():
            raise StoppedWaiting(f"stopped ({asked}) while waiting for data")

    def settle() -> None:
        if meter.steps:
            row = meter.row()
            trainer.check(row)
            log(row)

    trainer.batches.while_waiting = wait
    while True:
        asked = stop()
        code, trainer.seconds = world.largest(
            1 + reasons.index(asked) if asked in reasons else 0, before + time.monotonic() - started
        )
        ended: Reason | None = "complete" if trainer.progress >= 1 else reasons[int(code) - 1] if code else None
        validate_now = validating(trainer) or ended == "complete"
        save_now = saving(trainer) or ended is not None
        if validate_now or save_now or trainer.step % recipe.loop.log == 0:
            settle()
        if validate_now and (score := validate()) is not None and score > trainer.best:
            trainer.best = score
            checkpoint(True)
        elif save_now:
            checkpoint(False)
        if ended is not None:
            return ended
        sampler = trainer.batches.sampler
        place = sampler.epoch, sampler.consumed
        try:
            with meter.waiting():
                batches = next(parts)
        except (StoppedWaiting, WorkersError) as error:
            if world.size > 1:  # the other processes wait for this one, so all of them cannot agree on a checkpoint
                raise
            sampler.epoch, sampler.consumed = place  # the next run repeats the parts of this unfinished step
            if isinstance(error, WorkersError):
                settle()
                checkpoint(False)
                raise
            parts = trainer.parts()
            continue
        meter.add(trainer.train_on(batches))


class Due:
    """Tells when a task is due again, after a number of steps or a time; never twice at one step."""

    def __init__(self, every: Interval, trainer: Trainer) -> None:
        self._steps = int(every) if str(every).strip().isdigit() else 0
        self._seconds = 0.0 if self._steps else seconds(every)
        self._last, self._step = trainer.seconds, trainer.step

    def __call__(self, trainer: Trainer) -> bool:
        if trainer.step == self._step:
            return False
        self._step = trainer.step
        if self._steps:
            return trainer.step % self._steps == 0
        due = trainer.seconds - self._last >= self._seconds
        if due:
            self._last = trainer.seconds
        return due


class Meter:
    """The means over the steps since the last row, the samples per second, and the share of time spent waiting."""

    def __init__(self, trainer: Trainer) -> None:
        self._trainer = trainer
        self._reset()

    def _reset(self) -> None:
        self.steps = 0
        self._sums: dict[str, Tensor] = {}
        self._waited, self._started = 0.0, time.monotonic()

    def waiting(self) -> _Waiting:
        """Return a context for a block that waits for data."""
        return _Waiting(self)

    def add(self, found: dict[str, Tensor]) -> None:
        """Add the results of a step; this does not wait for a GPU."""
        self.steps += 1
        self._sums = {name: self._sums[name] + value if self._sums else value for name, value in found.items()}

    def row(self) -> Numbers:
        """Return the row to log, and start over."""
        trainer, recipe = self._trainer, self._trainer.recipe
        means = trainer.world.means(torch.stack(list(self._sums.values())) / self.steps).tolist()
        elapsed = max(time.monotonic() - self._started, 1e-9)
        row: Numbers = {
            "step": trainer.step,
            "epoch": trainer.epoch,
            "samples": trainer.samples,
            "seconds": trainer.seconds,
            "progress": trainer.progress,
            "lr": recipe.optimizer.lr * recipe.schedule.factor(trainer.progress),
            "samples_per_second": self.steps * recipe.data.batch / elapsed,
            "data_wait": self._waited / elapsed,
        }
        row |= dict(zip(self._sums, means, strict=True))
        self._reset()
        return row


class _Waiting:
    def __init__(self, meter: Meter) -> None:
        self._meter = meter

    def __enter__(self) -> None:
        self._since = time.monotonic()

    def __exit__(self, *error: object) -> None:
        self._meter._waited += time.monotonic() - self._since


def _optimizer(recipe: Recipe, phase: Phase) -> torch.optim.Optimizer:
    options = recipe.optimizer
    return torch.optim.AdamW(
        phase.parameters, lr=options.lr, betas=options.betas, weight_decay=options.weight_decay, fused=True
    )


def _seed(seed: int, step: int, rank: int) -> int:
    return int.from_bytes(blake2b(f"{seed} {step} {rank}".encode(), digest_size=8).digest(), "big")
