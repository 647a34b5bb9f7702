"""Take screenshots of a study's page in Chromium, step by step, on a desktop and by touch at the width of a phone.

`python -m tools.study_pages STUDY -o docs/study` serves STUDY, a folder of `sshbench study new`, and stores the answers
there. It answers as two subjects, and saves a picture of each step. The tool needs Playwright and a Chromium on the
PATH.
"""

from __future__ import annotations

import argparse
import csv
import io
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image

Shoot = Callable[[str], None]
SIZES = {"desktop": (1280, 800), "phone": (390, 844)}


def installed_browser() -> str | None:
    """Return the path of an installed Chromium or Chrome; None if neither is installed."""
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    return next((found for name in names if (found := shutil.which(name))), None)


@contextmanager
def browser() -> Iterator[Any]:
    """Yield a Chromium browser."""
    from playwright.sync_api import sync_playwright

    path = installed_browser()
    assert path is not None, "no Chromium or Chrome is installed"
    with sync_playwright() as playwright:
        one = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield one
        one.close()


def open_page(one: Any, device: str) -> tuple[Any, list[str]]:
    """Open an empty page of a device; errors of its scripts are added to the list."""
    width, height = SIZES[device]
    phone = {"has_touch": True, "is_mobile": True, "device_scale_factor": 2} if device == "phone" else {}
    page = one.new_context(viewport={"width": width, "height": height}, accept_downloads=True, **phone).new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    return page, errors


def press(page: Any, name: str, device: str) -> None:
    """Press the button with a name; on a phone, press it by touch."""
    button = page.get_by_role("button", name=name).first
    button.wait_for(timeout=60_000)
    button.tap() if device == "phone" else button.click()


def answer(page: Any, device: str, shoot: Shoot | None = None) -> None:
    """Answer the question of any design that is shown, as soon as its buttons are enabled."""
    page.wait_for_selector(".panes.ready", timeout=60_000)
    choices = page.locator(".controls button")
    for picture in page.locator(".pane.pick").all():
        picture.tap() if device == "phone" else picture.click()
    last = choices.last
    page.wait_for_function("() => !document.querySelector('.controls button:last-child').disabled", timeout=60_000)
    if shoot:
        shoot("question")
    count = page.locator(".count").inner_text()
    last.tap() if device == "phone" else last.click()
    page.wait_for_function("(old) => document.querySelector('.count')?.textContent !== old", arg=count, timeout=60_000)


def walk(page: Any, device: str, shoot: Shoot = lambda name: None, *, most: int = 10_000) -> int:
    """Go from consent to thanks, or answer a given number of questions; return the number of answers."""
    press_and_shoot = [("consent", "I agree"), ("screen", "I see all"), ("instructions", "Start in this window")]
    for name, button in press_and_shoot:
        page.get_by_role("button", name=button).first.wait_for(timeout=60_000)
        shoot(name)
        press(page, button, device)
    for done in range(most):
        page.wait_for_selector(".trial, .card", timeout=60_000)
        if page.get_by_role("button", name="Begin").count():
            shoot("practice-over")
            press(page, "Begin", device)
        if page.get_by_role("heading", name="Thank you").count():
            shoot("thanks")
            return done
        answer(page, device, shoot if done in (0, 3) else None)
    return most


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", type=Path)
    parser.add_argument("-o", "--out", type=Path, required=True)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with open(given.study / "links.csv", encoding="utf-8") as file:
        tokens = [row["token"] for row in csv.DictReader(file)]
    run = "import sys; from sshbench.cli.main import main; main(sys.argv[1:])"
    server = subprocess.Popen([sys.executable, "-c", run, "study", "serve", str(given.study), "--port", str(port)])
    try:
        while socket.socket().connect_ex(("127.0.0.1", port)):
            time.sleep(0.2)
        with browser() as one:
            for device, token in zip(SIZES, tokens, strict=False):
                page, errors = open_page(one, device)
                taken: list[str] = []

                def shoot(name: str, page: Any = page, device: str = device, taken: list[str] = taken) -> None:
                    name = f"{name}-{taken.count(name)}" if name == "question" else name
                    taken.append(name.partition("-")[0] if name.startswith("question") else name)
                    path = given.out / f"{given.study.name}-{device}-{name}.jpg"
                    image = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
                    image.thumbnail((900, 900))
                    image.save(path, quality=85)

                page.goto(f"http://127.0.0.1:{port}/s/{token}/")
                walk(page, device, shoot, most=4)
                if device == "desktop":
                    page.wait_for_selector(".panes.ready")
                    box = page.locator(".pane").first.bounding_box()
                    page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + box["height"] * 0.6)
                    page.mouse.wheel(0, -500)
                    page.wait_for_timeout(200)
                    shoot("zoom")
                press(page, "Stop", device)
                page.wait_for_timeout(200)
                shoot("stop")
                press(page, "Withdraw from", device)
                shoot("withdraw")
                press(page, "Do not withdraw", device)
                if device == "phone":
                    walk_on(page, device)
                    shoot("thanks")
                assert errors == [], errors
    finally:
        server.terminate()
        server.wait()


def walk_on(page: Any, device: str) -> None:
    """Answer the remaining questions."""
    while not page.get_by_role("heading", name="Thank you").count():
        answer(page, device)


if __name__ == "__main__":
    main()
