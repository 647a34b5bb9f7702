"""The file of answers, `answers.sqlite`: open it, read it, and delete a subject from it.

`answering` has the steps of a subject, and `writer` runs the steps of many requests.
"""

from __future__ import annotations

import errno
import json
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from sshbench.study.answering import Answer, check_answer, withdraw
from sshbench.study.designs import StudyError
from sshbench.study.plan import Plan
from sshbench.web import Refused
from sshbench.whole_file import whole_file

FILE, SIMULATED = "answers.sqlite", "simulated.sqlite"

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


def empty_journal(db: sqlite3.Connection) -> None:
    """Move the journal into the file, so that deleted answers are in neither."""
    with suppress(sqlite3.OperationalError):  # a reader holds the journal; the next call moves it
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
