"""The rules by which answers are taken, and the writer that commits them together."""

from __future__ import annotations

import json
import sqlite3
import time
from concurrent.futures import wait
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from sshbench.errors import sentence
from sshbench.study.answering import State, agree, check_answer, set_screen, state_of, take_answer, withdraw
from sshbench.study.designs import StudyError
from sshbench.study.plan import Consent, Plan, read_plan, write_plan
from sshbench.study.static_pages import import_answers
from sshbench.study.storage import delete_subject, open_answers, read_answers
from sshbench.study.writer import Writer
from sshbench.web import Refused
from tests.study.serving import SCREEN
from tests.study.studies import make_study, some_answer, token_of
from tests.test_whole_file import no_file_above


def started(tmp_path: Path, design: str = "acr", **choices: Any) -> tuple[Plan, sqlite3.Connection]:
    plan = make_study(tmp_path / "s", design, **choices)
    db = open_answers(tmp_path / "s", plan)
    agree(db, plan, 0, "1", 0.0)
    set_screen(db, plan, 0, SCREEN, 0.0)
    return plan, db


@pytest.mark.parametrize("harm", ["import", "withdraw"])
def test_no_space_is_a_sentence_and_changes_nothing(tmp_path: Path, harm: str) -> None:
    plan, db = started(tmp_path)
    take_answer(db, plan, 0, 0, 1, 2000, 9.0)
    db.close()
    file = tmp_path / "answers.json"
    answers = [{"answer": 1, "milliseconds": 2000} for _ in plan.trials(1)]
    given = {"format": "sshbench-study-answers", "version": 1, "study": plan.id, "subject": 1, "withdrawn": False}
    given |= {"token": token_of(tmp_path / "s", 1), "consent": "1", "screen": SCREEN, "answers": answers}
    file.write_text(json.dumps(given))
    with no_file_above(100), pytest.raises((OSError, StudyError)) as caught:
        import_answers(tmp_path / "s", file) if harm == "import" else delete_subject(tmp_path / "s", plan, 0)
    assert sentence(caught.value).startswith(f"{tmp_path / 's' / 'answers.sqlite'}")
    assert [(row.subject, row.trial, row.answer) for row in read_answers(tmp_path / "s", plan)] == [(0, 0, 1)]


def test_the_stages_follow_one_another(tmp_path: Path) -> None:
    plan = make_study(tmp_path / "s", training=0, catch=0, repeats=0, count=3)
    db = open_answers(tmp_path / "s", plan)
    assert state_of(db, plan, 0) == State("consent", 0)
    with pytest.raises(Refused, match="agree"):
        set_screen(db, plan, 0, SCREEN, 0.0)
    with pytest.raises(Refused, match="changed"):
        agree(db, plan, 0, "0", 0.0)
    assert agree(db, plan, 0, "1", 0.0) == State("screen", 0)
    with pytest.raises(Refused, match="shown"):
        take_answer(db, plan, 0, 0, 1, 2000, 9.0)
    for small in ({"width": 319}, {"colour_depth": 16}):
        with pytest.raises(Refused, match="screen"):
            set_screen(db, plan, 0, {**SCREEN, **small}, 0.0)
    assert set_screen(db, plan, 0, SCREEN, 0.0) == State("trial", 0)
    for number in range(9):
        state = take_answer(db, plan, 0, number, 1, 2000, 10.0 + number)
    assert state == State("done", 9) == state_of(db, plan, 0)
    assert state_of(db, plan, 1) == State("consent", 0)  # another subject
    with pytest.raises(Refused) as refused:
        agree(db, plan, 0, "1", 0.0)
    assert refused.value.status == 410


def test_an_answer_sent_again_changes_nothing_and_another_one_is_refused(tmp_path: Path) -> None:
    plan, db = started(tmp_path)
    for _ in range(3):
        assert take_answer(db, plan, 0, 0, 3, 2000, 9.0) == State("trial", 1)
    for answer, milliseconds in ((2, 2000), (3, 2001)):
        with pytest.raises(Refused, match="already"):
            take_answer(db, plan, 0, 0, answer, milliseconds, 9.0)
    take_answer(db, plan, 0, 1, 1, 2000, 20.0)
    with pytest.raises(Refused, match="already"):  # late: two questions ago
        take_answer(db, plan, 0, 0, 3, 2000, 21.0)
    with pytest.raises(Refused, match="not been shown"):  # early: the question after the next one
        take_answer(db, plan, 0, 3, 3, 2000, 21.0)
    assert [(row.trial, row.answer) for row in read_answers(tmp_path / "s", plan)] == [(0, 3), (1, 1)]


@pytest.mark.parametrize("design", ["acr", "pairs", "rank"])
def test_only_possible_answers_are_taken(tmp_path: Path, design: str) -> None:
    plan = make_study(tmp_path / "s", design)
    for trial in plan.trials(0):
        check_answer(plan, trial, some_answer(plan, trial))
        good: dict[str, Any] = {"acr": 0, "pairs": "tie", "rank": list(range(len(trial.shown)))}
        wrong = [5, -1, 2.0, True, "3", None, "third", "", [0], [0, 0, 1], [0, 1, 2, 3], [0, "1", 2], [True, 0, 2], {}]
        wrong += [answer for name, answer in good.items() if name != design]
        for answer in wrong:
            with pytest.raises(Refused):
                check_answer(plan, trial, answer)


def test_the_minimum_time_is_kept_by_both_clocks(tmp_path: Path) -> None:
    plan, db = started(tmp_path, min_seconds=2.0)
    for milliseconds, now in ((1000, 50.0), (2500, 1.0)):
        with pytest.raises(Refused) as refused:
            take_answer(db, plan, 0, 0, 1, milliseconds, now)
        assert refused.value.status == 425
    for milliseconds in (-1, 10**9, 10**30):
        with pytest.raises(Refused, match="time"):
            take_answer(db, plan, 0, 0, 1, milliseconds, 50.0)
    take_answer(db, plan, 0, 0, 1, 2500, 3.0)


def test_no_answer_is_taken_after_the_last_day(tmp_path: Path) -> None:
    plan, db = started(tmp_path, until=date(2026, 3, 1))
    take_answer(db, plan, 0, 0, 1, 2000, datetime(2026, 3, 1, 23, tzinfo=UTC).timestamp())
    with pytest.raises(Refused, match="over"):
        take_answer(db, plan, 0, 1, 1, 2000, datetime(2026, 3, 2, 1, tzinfo=UTC).timestamp())


def test_a_new_version_of_the_consent_is_asked_for_again(tmp_path: Path) -> None:
    plan, db = started(tmp_path)
    take_answer(db, plan, 0, 0, 1, 2000, 9.0)
    db.close()
    write_plan(tmp_path / "s", plan.model_copy(update={"consent": Consent(version="2", text="New.")}))
    plan = read_plan(tmp_path / "s")
    db = open_answers(tmp_path / "s", plan)
    assert state_of(db, plan, 0) == State("consent", 1)
    with pytest.raises(Refused):
        take_answer(db, plan, 0, 1, 1, 2000, 19.0)
    assert agree(db, plan, 0, "2", 9.0) == State("trial", 1)


def test_withdrawing_leaves_nothing_of_a_subject(tmp_path: Path) -> None:
    plan, db = started(tmp_path, "rank")
    agree(db, plan, 1, "1", 0.0)
    set_screen(db, plan, 1, {**SCREEN, "width": 98765}, 0.0)
    for number in range(5):
        for subject in (0, 1):
            answer = some_answer(plan, plan.trials(subject)[number])
            take_answer(db, plan, subject, number, answer, 71234567 + subject, 10.0 + number)
    db.close()
    writer = Writer(open_answers(tmp_path / "s", plan))
    assert writer.submit(lambda db: withdraw(db, plan, 1, 99.0)).result(10) == State("withdrawn", 0)
    with pytest.raises(Refused) as refused:
        writer.submit(lambda db: take_answer(db, plan, 1, 5, [0, 1, 2], 2000, 999.0)).result(10)
    assert refused.value.status == 410
    files = b"".join(path.read_bytes() for path in (tmp_path / "s").glob("answers.sqlite*"))
    assert b"98765" not in files  # neither in the file nor in its journal
    assert b"1280" in files
    writer.close()
    assert {row.subject for row in read_answers(tmp_path / "s", plan)} == {0}


def test_answers_to_another_plan_are_refused(tmp_path: Path) -> None:
    plan, db = started(tmp_path)
    take_answer(db, plan, 0, 0, 1, 2000, 9.0)
    db.close()
    other = make_study(tmp_path / "t")
    with pytest.raises(StudyError, match="another plan"):
        open_answers(tmp_path / "s", other)
    (tmp_path / "t" / "answers.sqlite").write_bytes(b"no database" * 100)
    with pytest.raises(StudyError, match="cannot be read or written"):
        open_answers(tmp_path / "t", other)


def test_steps_that_wait_together_are_all_stored_and_a_refused_one_harms_no_other(tmp_path: Path) -> None:
    plan, db = started(tmp_path, subjects=40)
    db.close()
    writer = Writer(open_answers(tmp_path / "s", plan))

    def answer(subject: int) -> Any:
        def step(db: sqlite3.Connection) -> State:
            agree(db, plan, subject, "1", 0.0)
            set_screen(db, plan, subject, SCREEN, 0.0)
            return take_answer(db, plan, subject, 0, 9 if subject % 4 == 3 else 2, 2000, 9.0)

        return step

    writer.submit(lambda db: time.sleep(0.2))  # so that the others wait together
    futures = [writer.submit(answer(subject)) for subject in range(40)]
    wait(futures)
    for subject, future in enumerate(futures):
        if subject % 4 == 3:
            assert isinstance(future.exception(), Refused)
        else:
            assert future.result() == State("trial", 1)
    writer.close()
    assert [row.subject for row in read_answers(tmp_path / "s", plan)] == [n for n in range(40) if n % 4 != 3]


def test_a_commit_that_fails_confirms_nothing(tmp_path: Path) -> None:
    plan, db = started(tmp_path)
    writer = Writer(db)
    db.execute("PRAGMA query_only = ON")  # as if the disk were full
    with pytest.raises(sqlite3.OperationalError):
        writer.submit(lambda db: take_answer(db, plan, 0, 0, 1, 2000, 9.0)).result(10)
    db.execute("PRAGMA query_only = OFF")
    assert writer.submit(lambda db: take_answer(db, plan, 0, 0, 1, 2000, 9.0)).result(10) == State("trial", 1)
    writer.close()
