"""The storage of answers: one SQLite file, and the rules by which an answer is accepted or refused.

Each function is one step of one subject within a transaction of the caller. `Writer` runs steps from many requests in
one thread: waiting steps share one commit, and a step succeeds only after the commit has reached the disk.
"""

from __future__ import annotations

import errno
import json
import os
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from sshbench.study.designs import StudyError
from sshbench.study.plan import Plan, Trial
from sshbench.web import Refused
from sshbench.whole_file import whole_file

FILE, SIMULATED = "answers.sqlite", "simulated.sqlite"
MOST_MILLISECONDS = 24 * 3600 * 1000
_EARLY = 0.05  # largest difference of clocks and timers in seconds

_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE subjects (
    subject INTEGER PRIMARY KEY, consent TEXT, consented REAL, screen TEXT,
    shown INTEGER, shown_at REAL, finished REAL, withdrawn REAL
) STRICT;
CREATE TABLE answers (
    subject INTEGER NOT NULL REFERENCES subjects, trial INTEGER NOT NULL, answer TEXT NOT NULL,
    milliseconds INTEGER NOT NULL, received REAL NOT NULL, PRIMARY KEY (subject, trial)
) STRICT, WITHOUT ROWID;
"""

Answer = int | str | list[int]
T = TypeVar("T")


@dataclass(frozen=True)
class State:
    """The stage of a subject, `consent`, `screen`, `trial`, `done` or `withdrawn`, and the count of answered trials."""

    stage: str
    done: int


@dataclass(frozen=True)
class Row:
    """One stored answer."""

    subject: int
    trial: int
    answer: Answer
    milliseconds: int


def open_answers(folder: Path, plan: Plan, *, simulated: bool = False) -> sqlite3.Connection:
    """Open the answers of a study, or create the file.

    One thread at a time may use the connection. The caller controls the transactions.

    Raises
    ------
    StudyError
        The file is damaged, or its answers were given to another plan.
    OSError
        There is no space to create the file.
    """
    path = folder / (SIMULATED if simulated else FILE)
    with naming(path):
        return _opened(path, plan, simulated=simulated, journal="WAL")


@contextmanager
def simulated_answers(folder: Path, plan: Plan) -> Iterator[sqlite3.Connection]:
    """Yield an empty file of simulated answers, which becomes part of the study if the block ends without an error.

    Raises
    ------
    StudyError, OSError
        The file cannot be written, or there is no space left.
    """
    path = folder / SIMULATED
    with whole_file(path) as temporary, naming(path):
        db = _opened(temporary, plan, simulated=True, journal="MEMORY")  # avoids a second file
        try:
            db.execute("BEGIN IMMEDIATE")
            yield db
            db.execute("COMMIT")
        finally:
            db.close()
        for suffix in ("-wal", "-shm"):  # files of a killed process; they belong to the replaced file
            path.with_name(f"{path.name}{suffix}").unlink(missing_ok=True)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Turn errors of SQLite into errors that name the file of answers.

    Raises
    ------
    OSError
        There is no space to write the file.
    StudyError
        The file cannot be used for another reason.
    """
    try:
        yield
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), os.fspath(path)) from error
        raise StudyError(
            f"{path} cannot be read or written as a file of answers ({error}); restore it from a copy"
        ) from error


def _opened(path: Path, plan: Plan, *, simulated: bool, journal: str) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
    db.execute(f"PRAGMA journal_mode={journal}")
    db.execute("PRAGMA synchronous=FULL")  # an answer reaches the disk before the next item is shown
    db.execute("PRAGMA secure_delete=ON")  # deleted answers are overwritten
    db.execute("BEGIN IMMEDIATE")
    if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchone():
        for statement in filter(str.strip, _SCHEMA.split(";")):
            db.execute(statement)
        meta = {"plan": plan.fingerprint, "simulated": str(int(simulated))}
        db.executemany("INSERT INTO meta VALUES (?, ?)", meta.items())
    said = dict(db.execute("SELECT key, value FROM meta").fetchall())
    db.execute("COMMIT")
    if said.get("plan") != plan.fingerprint:
        db.close()
        raise StudyError(
            f"{path} holds answers to another plan; items, orders and pictures must not change after the first "
            "answer; restore plan.toml, or make a new study"
        )
    if said.get("simulated") != str(int(simulated)):
        db.close()
        raise StudyError(
            f"{path} mixes simulated answers with answers of people, and is refused; remove it, or restore the right "
            f"file"
        )
    return db


def read_answers(folder: Path, plan: Plan, *, simulated: bool = False) -> list[Row]:
    """Return all answers of subjects who have not withdrawn, ordered by subject and trial.

    Raises
    ------
    StudyError
        There are no answers, or they do not belong to the plan.
    """
    path = folder / (SIMULATED if simulated else FILE)
    if not path.is_file():
        how = f"sshbench study simulate {folder}" if simulated else f"sshbench study serve {folder}"
        raise StudyError(f"{path}: there are no answers yet; collect answers with {how}")
    db = open_answers(folder, plan, simulated=simulated)
    try:
        rows = db.execute("SELECT subject, trial, answer, milliseconds FROM answers ORDER BY subject, trial").fetchall()
        found = [Row(s, t, json.loads(a), ms) for s, t, a, ms in rows]
        for row in found:
            check_answer(plan, plan.trials(row.subject)[row.trial], row.answer)
        return found
    except (sqlite3.Error, ValueError, IndexError, Refused) as error:
        raise StudyError(f"{path} is damaged: {error}") from error
    finally:
        db.close()


def read_model(folder: Path, plan: Plan) -> str:
    """Return the model of the simulated answers of a study, in one sentence."""
    with naming(folder / SIMULATED), closing(open_answers(folder, plan, simulated=True)) as db:
        found = db.execute("SELECT value FROM meta WHERE key = 'model'").fetchone()
    return str(found[0]) if found else "The model is not known."


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


def delete_subject(folder: Path, plan: Plan, subject: int) -> None:
    """Delete everything about a subject from a study, as `withdraw` does.

    Raises
    ------
    StudyError, OSError
        The file of answers cannot be used, or there is no space to change it; then nothing is deleted.
    """
    with naming(folder / FILE), closing(open_answers(folder, plan)) as db:
        db.execute("BEGIN IMMEDIATE")
        withdraw(db, plan, subject, time.time())
        db.execute("COMMIT")
        empty_journal(db)


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


def empty_journal(db: sqlite3.Connection) -> None:
    """Move the journal into the file, so that deleted answers are in neither."""
    with suppress(sqlite3.OperationalError):  # a reader holds the journal; the next call moves it
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


class Writer:
    """Runs steps on one connection in a separate thread; waiting steps share a commit."""

    MOST = 256  # largest number of steps in a commit

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._steps: queue.SimpleQueue[tuple[Callable[[sqlite3.Connection], Any], Future[Any]] | None]
        self._steps = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="answers", daemon=True)
        self._thread.start()

    def submit(self, step: Callable[[sqlite3.Connection], T]) -> Future[T]:
        """Run a step; its result or error is available after the commit.

        A step that raises `Refused` must not have changed anything. If the commit fails, all its steps fail.
        """
        future: Future[T] = Future()
        self._steps.put((step, future))
        return future

    def close(self) -> None:
        """Finish the waiting steps and stop the thread."""
        self._steps.put(None)
        self._thread.join()
        self._db.close()

    def _run(self) -> None:
        while (first := self._steps.get()) is not None:
            group, last = [first], False
            with suppress(queue.Empty):
                while len(group) < self.MOST and not last:
                    following = self._steps.get_nowait()
                    if following is None:
                        last = True
                    else:
                        group.append(following)
            self._commit(group)
            if last:
                return

    def _commit(self, group: list[tuple[Callable[[sqlite3.Connection], Any], Future[Any]]]) -> None:
        results: list[tuple[Future[Any], Any, BaseException | None]] = []
        try:
            self._begin()
            for step, future in group:
                try:
                    results.append((future, step(self._db), None))
                except Refused as refused:
                    results.append((future, None, refused))
            self._db.execute("COMMIT")
        except BaseException as error:
            with suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            for _, future in group:
                future.set_exception(error)
            return
        if any(isinstance(value, State) and value.stage == "withdrawn" for _, value, _ in results):
            empty_journal(self._db)
        for future, value, refusal in results:
            if refusal is None:
                future.set_result(value)
            else:
                future.set_exception(refusal)

    def _begin(self) -> None:
        for _ in range(3):
            with suppress(sqlite3.OperationalError):
                self._db.execute("BEGIN IMMEDIATE")
                return
            time.sleep(0.05)
        self._db.execute("BEGIN IMMEDIATE")
