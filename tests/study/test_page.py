"""The page in Chromium, with a mouse and by touch at phone width: from consent to thanks, with and without a server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("playwright")
pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

from sshbench.study.plan import Plan, write_plan
from sshbench.study.static_pages import export_pages, import_answers
from sshbench.study.storage import read_answers
from tests.study.serving import running
from tests.study.studies import make_study, token_of
from tools.study_pages import answer, browser, installed_browser, open_page, press, walk

pytestmark = pytest.mark.skipif(
    installed_browser() is None,
    reason="no Chromium or Chrome is installed, which this test opens the page in",
)

EVIL = "<img src=x onerror=\"document.title='broken into'\"><script>document.title='broken into'</script>"
SMALL = {"training": 1, "catch": 1, "repeats": 0, "rounds": 1}


@pytest.mark.parametrize(("design", "device"), [("acr", "desktop"), ("pairs", "phone"), ("rank", "phone")])
def test_a_subject_answers_everything(tmp_path: Path, design: str, device: str) -> None:
    folder = tmp_path / "s"
    plan = make_study(folder, design, count=3, min_seconds=0.2, **SMALL)
    evil = {"title": EVIL, "question": EVIL, "instructions": EVIL, "scale": [EVIL[:40]] * 5}
    plan = Plan.model_validate({**plan.model_dump(), **evil})
    write_plan(folder, plan)
    with running(folder) as (port, _), browser() as one:
        page, errors = open_page(one, device)
        page.goto(f"http://127.0.0.1:{port}/s/{token_of(folder, 1)}/")
        count = len(plan.trials(1))
        assert walk(page, device, most=2) == 2
        assert page.title() == EVIL  # as text
        page, more = open_page(one, "desktop")  # resumed on another device
        page.goto(f"http://127.0.0.1:{port}/s/{token_of(folder, 1)}/")
        for name in ("I see all", "Start in this window"):
            press(page, name, "desktop")
        while not page.get_by_role("heading", name="Thank you").count():
            if page.get_by_role("button", name="Begin").count():
                press(page, "Begin", "desktop")
            answer(page, "desktop")
        assert errors == more == []
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        rows = read_answers(folder, plan)
        assert [(row.subject, row.trial) for row in rows] == [(1, number) for number in range(count)]
        assert all(200 <= row.milliseconds < 60_000 for row in rows)
        press(page, "Withdraw from", "desktop")
        press(page, "Withdraw and delete", "desktop")
        page.get_by_role("heading", name="You have withdrawn").wait_for()
        assert read_answers(folder, plan) == []


def test_keys_answer_and_zoom_moves_all_pictures(tmp_path: Path) -> None:
    folder = tmp_path / "s"
    plan = make_study(folder, "pairs", count=3, min_seconds=0.5, **SMALL)
    with running(folder) as (port, _), browser() as one:
        page, errors = open_page(one, "desktop")
        page.goto(f"http://127.0.0.1:{port}/s/{token_of(folder, 0)}/")
        walk(page, "desktop", most=1)
        if page.get_by_role("button", name="Begin").count():
            press(page, "Begin", "desktop")
        page.wait_for_selector(".panes.ready")
        page.keyboard.press("a")  # too early: nothing happens
        page.keyboard.press("+")
        shifts = page.evaluate("[...document.querySelectorAll('.pane img')].map((image) => image.style.transform)")
        assert len(shifts) == 3
        assert len(set(shifts)) == 1
        assert "scale(1.5)" in shifts[0]
        page.wait_for_function("() => !document.querySelector('.controls button').disabled")
        before = page.locator(".count").inner_text()
        page.keyboard.press("b")
        page.wait_for_function("(old) => document.querySelector('.count')?.textContent !== old", arg=before)
        assert [row.answer for row in read_answers(folder, plan)][1] == "second"
        assert errors == []


def test_a_page_without_a_server_saves_a_file_that_is_imported(tmp_path: Path) -> None:
    folder = tmp_path / "s"
    plan = make_study(folder, "rank", count=3, min_seconds=0.2, **SMALL)
    export_pages(folder, tmp_path / "pages")
    with browser() as one:
        page, errors = open_page(one, "desktop")
        page.goto((tmp_path / "pages" / "subject-0002.html").as_uri())
        walk(page, "desktop", most=2)
        page.reload()
        for name in ("I see all", "Start in this window"):
            press(page, name, "desktop")
        assert page.locator(".count").inner_text() == f"3 of {len(plan.trials(2))}"
        while not page.get_by_role("heading", name="Thank you").count():
            answer(page, "desktop")
        with page.expect_download() as download:
            press(page, "Save my answers", "desktop")
        download.value.save_as(tmp_path / "answers.json")
        assert errors == []
    assert json.loads((tmp_path / "answers.json").read_text())["subject"] == 2
    assert import_answers(folder, tmp_path / "answers.json") == (2, len(plan.trials(2)), False)
    assert len(read_answers(folder, plan)) == len(plan.trials(2))
