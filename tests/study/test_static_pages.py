"""A study without a server: pages that need nothing else, and files of answers that are taken whole or not at all."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from sshbench.study.designs import StudyError
from sshbench.study.plan import Plan
from sshbench.study.static_pages import export_pages, import_answers, subject_page
from sshbench.study.storage import read_answers
from tests.study.serving import SCREEN
from tests.study.studies import METHODS, make_study, some_answer, token_of


def saved(folder: Path, plan: Plan, who: int, count: int | None = None, **changes: Any) -> Path:
    """Write a file as a subject's page saves it."""
    trials = plan.trials(who)[:count]
    answers = [{"answer": some_answer(plan, trial), "milliseconds": 1500 + trial.number} for trial in trials]
    data = {
        "format": "sshbench-study-answers", "version": 1, "study": plan.id, "subject": who,
        "token": token_of(folder, who), "consent": "1", "screen": SCREEN, "answers": answers, "withdrawn": False,
    }  # fmt: skip
    path = folder.with_name(f"answers-{who}.json")
    path.write_text(json.dumps({**data, **changes}))
    return path


def stored(folder: Path, plan: Plan) -> dict[int, int]:
    counts: dict[int, int] = {}
    for row in read_answers(folder, plan):
        counts[row.subject] = counts.get(row.subject, 0) + 1
    return counts


def test_a_page_holds_everything_and_no_name(tmp_path: Path) -> None:
    plan = make_study(tmp_path / "s", "pairs", title="</script><b>")
    assert export_pages(tmp_path / "s", tmp_path / "pages") == 6
    page = (tmp_path / "pages" / "subject-0002.html").read_text()
    data = json.loads(re.search(r'id="embedded">(.*?)</script>', page, re.DOTALL)[1])  # type: ignore[index]
    assert data["study"]["title"] == "</script><b>"
    assert len(data["trials"]) == len(plan.trials(2))
    needed = {code for one in data["trials"] for code in (*one["pictures"], one["reference"])}
    assert needed == set(data["pictures"])
    assert all(uri.startswith("data:image/png;base64,") for uri in data["pictures"].values())
    assert not re.search("catch|repeat|main", json.dumps({**data, "pictures": 0, "study": 0}))
    for hidden in (*(f'"{name}"' for name in METHODS), "part_", "http://", "https://", "../"):
        assert hidden not in re.sub(r"base64,[^\"]*", "", page), hidden
    with pytest.raises(StudyError, match="exists"):
        export_pages(tmp_path / "s", tmp_path / "pages")


def test_pages_may_share_pictures_beside_them(tmp_path: Path) -> None:
    plan = make_study(tmp_path / "s", "rank", subjects=2)
    export_pages(tmp_path / "s", tmp_path / "pages", embed=False)
    page = (tmp_path / "pages" / "subject-0000.html").read_text()
    data = json.loads(re.search(r'id="embedded">(.*?)</script>', page, re.DOTALL)[1])  # type: ignore[index]
    for place in data["pictures"].values():
        assert (tmp_path / "pages" / place).is_file()
    assert subject_page(tmp_path / "s", plan, 0, token_of(tmp_path / "s", 0), embed=False) == page


@pytest.mark.parametrize("design", ["acr", "pairs", "rank"])
def test_answers_come_back_whole_and_once(tmp_path: Path, design: str) -> None:
    folder = tmp_path / "s"
    plan = make_study(folder, design)
    count = len(plan.trials(1))
    assert import_answers(folder, saved(folder, plan, 1, 4)) == (1, 4, False)
    assert import_answers(folder, saved(folder, plan, 1)) == (1, count - 4, False)
    assert import_answers(folder, saved(folder, plan, 1)) == (1, 0, False)
    assert stored(folder, plan) == {1: count}
    assert import_answers(folder, saved(folder, plan, 1, withdrawn=True, answers=[])) == (1, 0, True)
    assert stored(folder, plan) == {}
    with pytest.raises(StudyError, match="withdrawn"):
        import_answers(folder, saved(folder, plan, 1))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"study": "f" * 16}, "another study"),
        ({"token": "x" * 22}, "token is not that of subject 1"),
        ({"subject": 2}, "token is not that of subject 2"),
        ({"consent": None}, "no consent"),
        ({"consent": "7"}, "text has changed"),
        ({"screen": {**SCREEN, "width": 100}}, "too small"),
        ({"screen": {"width": 100}}, "not a file of answers: screen"),
        ({"run": "rm"}, "not a file of answers: run"),
        ({"format": "x"}, "not a file of answers: format"),
        ({"answers": [{"answer": 9, "milliseconds": 1500}]}, "answer is not valid"),
        ({"answers": [{"answer": 1, "milliseconds": -5}]}, "time of the answer is not valid"),
        ({"answers": [{"answer": 1, "milliseconds": 1500}] * 999}, "question does not exist"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_whole(tmp_path: Path, changes: dict[str, Any], says: str) -> None:
    folder = tmp_path / "s"
    plan = make_study(folder, min_seconds=1.0)
    import_answers(folder, saved(folder, plan, 0))
    with pytest.raises(StudyError, match=says):
        import_answers(folder, saved(folder, plan, 1, **changes))
    assert stored(folder, plan) == {0: len(plan.trials(0))}


def test_a_file_that_contradicts_what_is_stored_or_is_none_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "s"
    plan = make_study(folder)
    import_answers(folder, saved(folder, plan, 1, 4))
    with pytest.raises(StudyError, match="contradicts"):
        import_answers(folder, saved(folder, plan, 1, answers=[{"answer": 4, "milliseconds": 1}] * 5))
    path = tmp_path / "none.json"
    for data in (b"", b"\xff", b"[" * 100_000, b'{"answers": ' + b"1" * 2**20 + b"}"):
        path.write_bytes(data)
        with pytest.raises(StudyError):
            import_answers(folder, path)
    os.mkfifo(tmp_path / "pipe.json")  # which would be waited for, for ever
    for name in ("pipe.json", "none-there.json", "s"):
        with pytest.raises(StudyError, match="is not a file of answers"):
            import_answers(folder, tmp_path / name)
    path.write_bytes(b"\xef\xbb\xbf" + saved(folder, plan, 2, 1).read_bytes())
    assert import_answers(folder, path) == (2, 1, False)
    withdrawn = saved(folder, plan, 2, withdrawn=True, answers=[])
    assert import_answers(folder, withdrawn) == (2, 0, True)
    assert stored(folder, plan) == {1: 4}
