"""The data of a subject's page: texts, and pictures under random names, but no methods or kinds of trials."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sshbench.study.answering import State
from sshbench.study.plan import Plan

AHEAD = 3  # trials whose pictures the page may load in advance


def about(plan: Plan) -> dict[str, Any]:
    """Return the data that are the same for all subjects."""
    return {
        "id": plan.id,
        "title": plan.title,
        "design": plan.design,
        "reference": plan.reference,
        "question": plan.question,
        "instructions": plan.instructions,
        "scale": plan.scale,
        "min_seconds": plan.min_seconds,
        "consent": {"version": plan.consent.version, "text": plan.consent.text},
        "screen": {"min_width": plan.screen.min_width, "min_colour_depth": plan.screen.min_colour_depth},
    }


def trial_of(plan: Plan, subject: int, number: int) -> dict[str, Any]:
    """Return the content of a trial."""
    trial = plan.trials(subject)[number]
    return {
        "number": number,
        "practice": trial.kind == "training",
        "pictures": [plan.codes[trial.image, version] for version in trial.shown],
        "reference": plan.reference_code(trial.image),
    }


def told(plan: Plan, subject: int, state: State, now: float) -> dict[str, Any]:
    """Return the stage of a subject, with the next trials to show."""
    count = len(plan.trials(subject))
    over = plan.until is not None and datetime.fromtimestamp(now, UTC).date() > plan.until
    stage = "over" if over and state.stage not in ("done", "withdrawn") else state.stage
    found: dict[str, Any] = {"stage": stage, "done": state.done, "trials": count}
    if stage in ("trial", "screen", "consent"):
        numbers = range(state.done, min(state.done + AHEAD, count))
        found["next"] = [trial_of(plan, subject, number) for number in numbers]
    return found
