"""A study without a server: one page for each subject, and the files of answers that subjects send back."""

from __future__ import annotations

import base64
import hashlib
import json
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sshbench.outputs import check_folder
from sshbench.regular_file import read_regular_text
from sshbench.study.answering import agree, set_screen, state_of, take_answer, withdraw
from sshbench.study.designs import StudyError
from sshbench.study.making import PICTURES, read_tokens
from sshbench.study.plan import Plan, read_plan
from sshbench.study.session import about, trial_of
from sshbench.study.storage import FILE, empty_journal, naming, open_answers
from sshbench.web import Refused
from sshbench.whole_file import whole_folder

MOST_BYTES = 2**20  # largest size of a file of answers


def export_pages(
    folder: Path, out: Path, *, embed: bool = True, progress: Callable[[int, int], None] | None = None
) -> int:
    """Write a page for each subject, `subject-<number>.html`.

    With `embed`, a page contains its pictures and may be sent by mail. Otherwise the pages share a folder of pictures,
    for a static web server. A page contains its subject's token, so each page is for one subject only.

    Raises
    ------
    StudyError
        The folder exists, or the study is incomplete.
    """
    check_folder(out)
    if out.exists():
        raise StudyError(f"{out} exists; choose another folder, or remove it")
    plan, tokens = read_plan(folder), read_tokens(folder)
    with whole_folder(out) as temporary:
        if not embed:
            (temporary / PICTURES).mkdir()
            for code in plan.pictures:
                name = f"{code}.png"
                (temporary / PICTURES / name).write_bytes((folder / PICTURES / name).read_bytes())
        for done, (token, subject) in enumerate(sorted(tokens.items(), key=lambda one: one[1]), 1):
            text = subject_page(folder, plan, subject, token, embed=embed)
            (temporary / f"subject-{subject:04d}.html").write_text(text, encoding="utf-8")
            if progress:
                progress(done, len(tokens))
    return len(tokens)


def subject_page(folder: Path, plan: Plan, subject: int, token: str, *, embed: bool) -> str:
    """Return the page of one subject; without `embed`, the pictures are separate files."""
    trials = [trial_of(plan, subject, number) for number in range(len(plan.trials(subject)))]
    codes = dict.fromkeys(
        code for one in trials for code in (*one["pictures"], *([one["reference"]] if one["reference"] else []))
    )
    pictures = {}
    for code in codes:
        path = folder / PICTURES / f"{code}.png"
        if embed:
            pictures[code] = f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}"
        else:
            pictures[code] = f"{PICTURES}/{code}.png"
    data = {"study": about(plan), "subject": subject, "token": token, "trials": trials, "pictures": pictures}
    text = json.dumps(data, ensure_ascii=True).replace("<", "\\u003c")  # no text can end the script element
    page = files(__package__).joinpath("page")
    markup, style, script = (
        page.joinpath(name).read_text(encoding="utf-8") for name in ("study.html", "study.css", "study.js")
    )
    policy = (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; img-src 'self' data: file:; "
        "base-uri 'none'; form-action 'none'"
    )
    changes = {
        '<meta charset="utf-8">': (
            f'<meta charset="utf-8">\n<meta http-equiv="content-security-policy" content="{policy}">'
        ),
        '<link rel="stylesheet" href="../../static/study.css">': f"<style>{style}</style>",
        '<script src="../../static/study.js"></script>': (
            f'<script type="application/json" id="embedded">{text}</script>\n<script>{script}</script>'
        ),
    }
    for before, after in changes.items():
        head, found, tail = markup.partition(before)
        assert found, before
        markup = head + after + tail
    return markup


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Screen(_Model):
    width: Annotated[int, Field(ge=0, le=100_000)]
    height: Annotated[int, Field(ge=0, le=100_000)]
    pixel_ratio_percent: Annotated[int, Field(ge=0, le=100_000)]
    colour_depth: Annotated[int, Field(ge=0, le=100_000)]
    touch: Annotated[int, Field(ge=0, le=1)]


class _Given(_Model):
    answer: int | str | list[int]
    milliseconds: int


class _File(_Model):
    format: Literal["sshbench-study-answers"]
    version: Literal[1]
    study: str
    subject: int
    token: str
    consent: str | None
    screen: _Screen | None
    answers: list[_Given]
    withdrawn: bool


def import_answers(folder: Path, path: Path) -> tuple[int, int, bool]:
    """Import the answers of a file that a subject saved: all of them, or none if one is refused.

    A later file of the same subject adds its new answers.

    Returns
    -------
    The subject, the number of new answers, and whether the subject has withdrawn.

    Raises
    ------
    StudyError
        The file does not contain answers to this study, or the rules of the study refuse them.
    """
    plan, tokens = read_plan(folder), read_tokens(folder)
    try:
        given = _File.model_validate_json(read_regular_text(path, MOST_BYTES))
    except OSError as error:
        raise StudyError(f"{path} is not a file of answers: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise StudyError(f"{path} is not a file of answers: it is not UTF-8") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise StudyError(f"{path} is not a file of answers: {where}: {first['msg']}") from error
    if given.study != plan.id:
        raise StudyError(f"{path} holds answers to another study")
    if tokens.get(given.token) != given.subject:
        raise StudyError(f"{path}: its token is not that of subject {given.subject} of this study")
    subject, now = given.subject, time.time()
    with naming(folder / FILE), closing(open_answers(folder, plan)) as db:
        try:
            db.execute("BEGIN IMMEDIATE")
            if given.withdrawn:
                withdraw(db, plan, subject, now)
                new = 0
            else:
                new = _take(db, plan, given, now)
            db.execute("COMMIT")
            if given.withdrawn:
                empty_journal(db)
            return subject, new, given.withdrawn
        except Refused as refused:
            db.execute("ROLLBACK")
            raise StudyError(f"{path} is refused, and no answer in it is imported: {refused.reason}") from refused


def _take(db: sqlite3.Connection, plan: Plan, given: _File, now: float) -> int:
    subject = given.subject
    before = state_of(db, plan, subject)
    if before.stage == "withdrawn":
        raise Refused(410, "The subject has withdrawn.")
    if given.consent is None or given.screen is None:
        raise Refused(409, "The file has no consent or no description of the screen.")
    if before.stage != "done":
        agree(db, plan, subject, given.consent, now)
        set_screen(db, plan, subject, given.screen.model_dump(), now)
    stored = [
        (json.loads(answer), milliseconds)
        for answer, milliseconds in db.execute(
            "SELECT answer, milliseconds FROM answers WHERE subject = ? ORDER BY trial", (subject,)
        )
    ]
    sent = [(one.answer, one.milliseconds) for one in given.answers]
    if sent[: len(stored)] != stored:
        raise Refused(409, "The file contradicts stored answers of this subject.")
    for trial in range(len(stored), len(sent)):
        take_answer(db, plan, subject, trial, *sent[trial], now, clock=False)
    return len(sent) - len(stored)
