"""Train each variant once: later calls find a finished run, and continue a stopped run."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sshbench.errors import SshbenchError, counted
from sshbench.methods.weights import WeightsCard, load_weights
from sshbench.reproduce.variants import Variant
from sshbench.training.keeper import clock
from sshbench.training.recipe import Recipe, read_recipe
from sshbench.training.run import run
from sshbench.whole_file import whole_file

_SAID = "reproduce.json"


@dataclass(frozen=True)
class TrainingPlan:
    """The plan by which all variants are trained.

    Parameters
    ----------
    recipe, changes
        As for `read_recipe`; the changes of a variant are added.
    source, luts
        As for `sshbench train`. The source must be photographs, since the variants render different samples from them.
    out
        The folder in which each variant has a folder for its run.
    """

    recipe: str
    changes: tuple[str, ...]
    source: str
    luts: tuple[str, ...]
    out: Path
    device: str = "auto"
    workers: int = 0
    quiet: bool = False

    def recipe_of(self, variant: Variant) -> Recipe:
        """Return the recipe of a variant.

        Raises
        ------
        RecipeError
            The recipe cannot be read, or does not take a change.
        """
        return read_recipe(self.recipe, (*self.changes, *variant.changes), method="ssh")


@dataclass(frozen=True)
class Trained:
    """A variant, the weights of its run (None if the run is not finished), and a text about the training."""

    variant: Variant
    weights: Path | None
    says: str


def train_variants(plan: TrainingPlan, variants: Sequence[Variant], time_limit: float | None = None) -> list[Trained]:
    """Train the variants whose runs are not finished, one after the other, and return all variants.

    Parameters
    ----------
    time_limit
        The seconds for all variants together. A later call continues the unfinished runs.

    Raises
    ------
    SshbenchError
        A run in `plan.out` was made by another recipe or from other photographs or LUTs; or as
        `sshbench.training.run.run`.
    KeyboardInterrupt
        Training was interrupted; its state is kept.
    """
    started = time.monotonic()
    for variant in variants:  # check all recipes before the first hour of training
        _finished(plan, variant)
    found = []
    for variant in variants:
        left = None if time_limit is None else time_limit - (time.monotonic() - started)
        if not _finished(plan, variant) and (left is None or left > 0):
            _train(plan, variant, left)
        weights = plan.out / variant.name / "last" if _finished(plan, variant) else None
        found.append(
            Trained(
                variant,
                weights,
                seen(load_weights("ssh", weights).card) if weights else "not finished; run the same command again",
            )
        )
    return found


def _train(plan: TrainingPlan, variant: Variant, time_limit: float | None) -> None:
    if not plan.quiet:
        print(f"{variant.name}: {variant.says}")
    _say(plan, variant, finished=False)
    outcome = run(
        plan.recipe_of(variant), plan.source, plan.luts if variant.uses_luts else None, plan.out / variant.name,
        device=plan.device, workers=plan.workers, time_limit=time_limit, resume=True, quiet=plan.quiet,
    )  # fmt: skip
    if outcome.reason == "interrupted":
        raise KeyboardInterrupt
    if outcome.reason == "complete":
        _say(plan, variant, finished=True)


def _asked(plan: TrainingPlan, variant: Variant) -> dict[str, object]:
    luts = list(plan.luts) if variant.uses_luts else []
    return {"recipe": plan.recipe_of(variant).to_toml(), "source": plan.source, "luts": luts}


def _say(plan: TrainingPlan, variant: Variant, *, finished: bool) -> None:
    folder = plan.out / variant.name
    folder.mkdir(parents=True, exist_ok=True)
    with whole_file(folder / _SAID) as temporary:
        temporary.write_text(json.dumps(_asked(plan, variant) | {"finished": finished}, indent=1), encoding="utf-8")


def _finished(plan: TrainingPlan, variant: Variant) -> bool:
    """Return whether a variant's run exists and is finished."""
    path = plan.out / variant.name / _SAID
    if not path.exists():
        return False
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        finished = bool(said.pop("finished"))
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise SshbenchError(
            f"{path} is damaged; remove {path.parent} and run the same command again, which trains it again"
        ) from error
    asked = _asked(plan, variant)
    differing = [name for name in asked if said.get(name) != asked[name]]
    if differing:
        raise SshbenchError(
            f"{path.parent} was trained by another {' and other '.join(differing)}; take the same again, or another "
            "--out"
        )
    return finished


def seen(card: WeightsCard) -> str:
    """Return a text about the training data of weights, according to their card."""
    source, looks = card.data.get("source", {}), card.data.get("looks", [])
    count = source.get("photographs", card.data.get("samples", "?"))
    what = "photographs" if "photographs" in source else "samples"
    others = f", {counted(len(looks), 'look')}" if looks else ""
    place = Path(str(source.get("spec", "?"))).name
    return f"{count} {what} of {place}{others}: {card.samples_seen:,} samples, {clock(card.seconds)}"
