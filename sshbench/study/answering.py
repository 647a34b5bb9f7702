"""The steps of a subject, and the rules by which an answer is accepted or refused.

Each function is one step of one subject, within a transaction of the caller.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sshbench.study.plan import Plan, Trial
from sshbench.web import Refused

MOST_MILLISECONDS = 24 * 3600 * 1000
_EARLY = 0.05  # largest difference of clocks and timers in seconds

Answer = int | str | list[int]


@dataclass(frozen=True)
class State:
    """The stage of a subject, `consent`, `screen`, `trial`, `done` or `withdrawn`, and the count of answered trials."""

    stage: str
    done: int


def state_of(db: sqlite3.Connection, plan: Plan, subject: int) -> State:
    """Return the stage of a subject."""
    row = db.execute("SELECT consent, screen, withdrawn FROM subjects WHERE subject = ?", (subject,)).fetchone()
    if row is not None and row[2] is not None:
        return State("withdrawn", 0)
    (done,) = db.execute("SELECT count(*) FROM answers WHERE subject = ?", (subject,)).fetchone()
    if done >= len(plan.trials(subject)):
        return State("done", done)
    if row is None or row[0] != plan.consent.version:
        return State("consent", done)
    return State("screen" if row[1] is None else "trial", done)


def agree(db: sqlite3.Connection, plan: Plan, subject: int, version: str, now: float) -> State:
    """Store that a subject agrees to a version of the consent text."""
    state = state_of(db, plan, subject)
    if state.stage in ("withdrawn", "done"):
        raise Refused(410, "You have finished or withdrawn already.")
    if version != plan.consent.version:
        raise Refused(409, "The text has changed. Please read it again.")
    db.execute(
        "INSERT INTO subjects (subject, consent, consented) VALUES (?1, ?2, ?3) "
        "ON CONFLICT (subject) DO UPDATE SET consent = ?2, consented = ?3",
        (subject, version, now),
    )
    return state_of(db, plan, subject)


def set_screen(db: sqlite3.Connection, plan: Plan, subject: int, screen: dict[str, int], now: float) -> State:
    """Store a subject's screen, which must meet the plan's requirements.

    If a subject continues on another device, the new screen replaces the old one.
    """
    state = state_of(db, plan, subject)
    if state.stage == "consent":
        raise Refused(409, "Please agree to take part first.")
    if state.stage in ("withdrawn", "done"):
        raise Refused(410, "You have finished or withdrawn already.")
    if screen["width"] < plan.screen.min_width or screen["colour_depth"] < plan.screen.min_colour_depth:
        raise Refused(422, "This screen is too small or shows too few colours. Please use another device.")
    db.execute(
        "UPDATE subjects SET screen = ?, shown = ?, shown_at = ? WHERE subject = ?",
        (json.dumps(screen), state.done, now, subject),
    )
    return state_of(db, plan, subject)


def take_answer(
    db: sqlite3.Connection, plan: Plan, subject: int, trial: int, answer: Answer, milliseconds: int, now: float,
    *, clock: bool = True,
) -> State:  # fmt: skip
    """Store an answer to a subject's next trial.

    If the confirmation was lost and the page sends the same answer to the previous trial again, nothing changes, and
    there is no error. `clock` says whether `now` measures the time of the trial; answers from a file only have the
    subject's own time.

    Raises
    ------
    Refused
        With status 409 if the trial is not the subject's next one; 410 if the subject has finished or withdrawn, or the
        study is over; 422 if the answer is not valid; 425 if the answer comes before the plan's minimum time.
    """
    state = state_of(db, plan, subject)
    trials = plan.trials(subject)
    if state.stage == "withdrawn":
        raise Refused(410, "You have withdrawn. Nothing is stored any more.")
    if not 0 <= trial < len(trials):
        raise Refused(422, "This question does not exist.")
    check_answer(plan, trials[trial], answer)
    if not 0 <= milliseconds <= MOST_MILLISECONDS:
        raise Refused(422, "The time of the answer is not valid.")
    if trial < state.done:
        stored = db.execute(
            "SELECT answer, milliseconds FROM answers WHERE subject = ? AND trial = ?", (subject, trial)
        ).fetchone()
        if trial == state.done - 1 and stored == (json.dumps(answer), milliseconds):
            return state
        raise Refused(409, "This question has been answered already.")
    if state.stage != "trial":
        raise Refused(409, "This question has not been shown yet.")
    if trial > state.done:
        raise Refused(409, "This question has not been shown yet.")
    if plan.until is not None and datetime.fromtimestamp(now, UTC).date() > plan.until:
        raise Refused(410, "The study is over. Answers are no longer accepted.")
    if milliseconds < 1000 * (plan.min_seconds - _EARLY):
        raise Refused(425, "Please look at the pictures a little longer.")
    if clock:
        shown, shown_at = db.execute("SELECT shown, shown_at FROM subjects WHERE subject = ?", (subject,)).fetchone()
        if shown != trial or now - shown_at < plan.min_seconds - _EARLY:
            raise Refused(425, "Please look at the pictures a little longer.")
    db.execute("INSERT INTO answers VALUES (?, ?, ?, ?, ?)", (subject, trial, json.dumps(answer), milliseconds, now))
    done = trial + 1
    finished = now if done == len(trials) else None
    db.execute(
        "UPDATE subjects SET shown = ?, shown_at = ?, finished = ? WHERE subject = ?", (done, now, finished, subject)
    )
    return State("trial" if finished is None else "done", done)


def withdraw(db: sqlite3.Connection, plan: Plan, subject: int, now: float) -> State:
    """Delete everything that is stored about a subject, except for the fact of the withdrawal."""
    db.execute("DELETE FROM answers WHERE subject = ?", (subject,))
    db.execute("DELETE FROM subjects WHERE subject = ?", (subject,))
    db.execute("INSERT INTO subjects (subject, withdrawn) VALUES (?, ?)", (subject, now))
    return State("withdrawn", 0)


def check_answer(plan: Plan, trial: Trial, answer: Any) -> None:
    """Refuse an invalid answer to a trial.

    An answer is, with `acr`, a score from 0 to 4; with `pairs`, `"first"`, `"second"` or `"tie"`, by the position on
    the screen; with `rank`, the positions on the screen from best to worst.
    """
    if plan.design == "acr":
        good = type(answer) is int and 0 <= answer <= 4
    elif plan.design == "pairs":
        good = answer in ("first", "second", "tie") if isinstance(answer, str) else False
    else:
        good = (
            isinstance(answer, list)
            and all(type(one) is int for one in answer)
            and sorted(answer) == list(range(len(trial.shown)))
        )
    if not good:
        raise Refused(422, "This answer is not valid.")
