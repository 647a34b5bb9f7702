"""The page of many composites in Chromium: its sliders follow the pointer and the keys, alone and together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("playwright")

from sshbench.compositing.summary import Entry, Pair, thumbnail, write_summary
from tests.compositing.standin import photo
from tools.study_pages import browser, installed_browser, open_page

pytestmark = pytest.mark.skipif(
    installed_browser() is None,
    reason="no Chromium or Chrome is installed, which this test opens the page in",
)

EVIL = "<img src=x onerror=\"document.title='broken into'\"><script>document.title='broken into'</script>"


@pytest.fixture
def page_file(tmp_path: Path) -> Path:
    before, size = thumbnail(photo("coffee"), 300, None)
    after, _ = thumbnail(photo("rocket"), 300, None)
    entries = [
        Entry(
            title, Pair(before, after, size, middle), [("options", EVIL)], [("picture", tmp_path / f"{EVIL[:5]}.png")]
        )
        for title, middle in (("one", 25.0), (EVIL, 60.0))
    ]
    write_summary(tmp_path / "jobs.html", EVIL, entries, [f"line 3: {EVIL}"])
    return tmp_path / "jobs.html"


def cuts(page: Any) -> list[float]:
    """Where the line of each composite is, in per cent of its width."""
    return [
        float(box.evaluate("box => parseFloat(getComputedStyle(box).getPropertyValue('--cut'))"))
        for box in page.locator(".compare").all()
    ]


@pytest.mark.parametrize("device", ["desktop", "phone"])
def test_the_sliders(page_file: Path, device: str) -> None:
    with browser() as one:
        page, errors = open_page(one, device)
        page.goto(page_file.as_uri())
        page.wait_for_selector("body.ready")
        assert cuts(page) == [25, 60]
        first = page.get_by_role("slider", name="one: position of the line between before and after")
        first.focus()
        for _ in range(3):
            page.keyboard.press("ArrowRight")
        assert cuts(page) == pytest.approx([28, 60])
        assert first.get_attribute("aria-valuetext") == "28 per cent before"
        place = page.locator(".compare").nth(1).bounding_box()
        page.mouse.move(place["x"] + 0.6 * place["width"], place["y"] + 30)
        page.mouse.down()
        page.mouse.move(place["x"] + 0.9 * place["width"], place["y"] + 40)
        page.mouse.up()
        assert cuts(page) == pytest.approx([28, 90], abs=1)
        page.get_by_role("slider", name="All at once").focus()
        page.keyboard.press("End")
        assert cuts(page) == [100, 100]
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page is wider than the window"
        assert page.title() != "broken into"
        assert errors == []


def test_without_scripts_both_pictures_are_shown(page_file: Path) -> None:
    with browser() as one:
        page = one.new_context(java_script_enabled=False).new_page()
        page.goto(page_file.as_uri())
        before, after = (page.locator(f".compare .{name}").first.bounding_box() for name in ("before", "after"))
        assert before["x"] + before["width"] <= after["x"] + 1
        assert before["width"] == pytest.approx(after["width"], abs=1)
        assert page.get_by_role("heading", name="1 row failed").is_visible()
