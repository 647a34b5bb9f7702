"""The files that the first process of a training writes into the folder of the run: logs, checkpoints and weights."""

from __future__ import annotations

import math
import tomllib
import warnings
from pathlib import Path
from typing import Any

from sshbench.errors import SshbenchError
from sshbench.methods.weights import Preprocessing, WeightsCard, read_weights, save_weights
from sshbench.results.machine import machine, revision
from sshbench.training import checkpoint as checkpoints
from sshbench.training import panel as panels
from sshbench.training.logs import LogError, Logs, Numbers, draw_curve
from sshbench.training.loop import Trainer
from sshbench.training.panel import Panel, validate_panel
from sshbench.training.recipe import Recipe
from sshbench.training.validation import HeldOut, evaluating, validate
from sshbench.whole_file import whole_file


class Keeper:
    """The files that the first process writes during training; in other processes, a keeper does nothing."""

    def __init__(
        self,
        trainer: Trainer,
        folder: Path,
        data: dict[str, Any],
        fingerprint: str,
        held_out: HeldOut | Panel | None,
        begun_with: dict[str, Any],
        quiet: bool,
    ) -> None:
        self.trainer, self.folder, self.held_out, self.quiet = trainer, folder, held_out, quiet
        self.begun_with = begun_with
        self.data = data | ({"validation": held_out.description} if held_out else {})
        self._fingerprint = fingerprint
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
            self._compare_data(kept.get("data"))
            self._logs.say(f"continues from step {self.trainer.step:,}{changed}")
            self._verify_best(kept)

    def _compare_data(self, kept: dict[str, Any] | None) -> None:
        """Warn if the run continues on other data, and keep the description of the former data for the card."""
        if kept is None:  # a checkpoint of an older version
            return
        before = dict(kept["said"])
        earlier = before.pop("earlier", [])
        if kept["fingerprint"] != self._fingerprint or _trained_on(before) != _trained_on(self.data):
            warnings.warn(
                f"{self.folder}: the data have changed since the checkpoint, so the run does not end as it would have "
                "ended on the former data; the card of the weights names both",
                RuntimeWarning,
                stacklevel=4,
            )
            earlier = [*earlier, before]
        if earlier:
            self.data["earlier"] = earlier

    def _verify_best(self, kept: dict[str, Any]) -> None:
        """Ensure that `best/` holds the best weights that a checkpoint counts, even after a kill or a user's change.

        If `best/` holds newer weights, written before a checkpoint that was lost, they are better and stay.
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
                restore(self.trainer, best, path)
                self.scores, self._measured = best.get("scores", {}), self.trainer.step
                self.save_weights("best")
                self._say(f"{folder} is written again from {path}")
                return
        except (SshbenchError, KeyError, TypeError, ValueError):  # `best.pt` is lost too
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
        """Measure the weights, averaged if the recipe says so, and return the number that ranks them.

        None if nothing is measured, as in all but the first process.
        """
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
        """Return the number of a measurement that decides which weights are the best."""
        return panels.standing(scores) if isinstance(self.held_out, Panel) else scores["psnr"]

    def checkpoint(self, best: bool) -> None:
        if not self.first:
            return
        if best:  # before the checkpoint, which counts these weights as the best
            self.save_weights("best")
        data = {"said": self.data, "fingerprint": self._fingerprint}
        state = self.trainer.state_dict() | {"begun_with": self.begun_with, "data": data}
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

    def finish(self) -> Path:
        """Write the last weights and the curve; return the folder of the best weights, or else of the last weights."""
        if self.first:
            self.save_weights("last")
            try:
                draw_curve(self.folder)
            except LogError as error:
                self._say(str(error))
        best = self.folder / "best"
        return best if best.is_dir() else self.folder / "last"


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


def restore(trainer: Trainer, state: dict[str, Any], where: Path) -> None:
    try:
        trainer.load_state_dict(state)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise checkpoints.CheckpointError(
            f"{where}: the checkpoint is damaged or of another training ({reason}); start over with --overwrite"
        ) from error


def _trained_on(data: dict[str, Any]) -> dict[str, Any]:
    """Return a description without the data of measurements, and without the names of folders, which may have moved."""
    source = data.get("source")
    if isinstance(source, dict):
        source = {name: value for name, value in source.items() if name not in ("spec", "masks")}
    return data | {"source": source, "validation": None}


def _changed(recipe: Recipe, kept: str) -> str:
    """Return the differences between a recipe and that of a checkpoint, as the rest of a sentence."""
    try:
        changes = recipe.differences(Recipe.model_validate(tomllib.loads(kept)))
    except ValueError:
        return " with another recipe, which was one of another version of sshbench"
    return f" with another recipe: {'; '.join(changes)}" if changes else ""
