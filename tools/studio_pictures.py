"""Take screenshots of the studio in Chromium, step by step, and make a film strip of one session.

`python -m tools.studio_pictures -o docs/studio` starts the studio and walks through a session with photographs that
ship with sshbench, on a desktop, and by touch at the width of a phone. It saves a picture of each step. The tool needs
Playwright and a Chromium on the PATH.
"""

from __future__ import annotations

import argparse
import io
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from tools.study_pages import browser, open_page

SHOWN = {"desktop": 840, "phone": 330}  # width of a saved picture in pixels
STRIP = 400  # width of a picture in the film strip, in pixels


@contextmanager
def served(folder: Path, **options: Any) -> Iterator[tuple[str, Any]]:
    """Run the studio in a thread; yield its address and its application."""
    import uvicorn

    from sshbench.studio.server import make_app

    app = make_app(folder, **options)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(32)
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.02)
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/", app
        finally:
            server.should_exit = True
            thread.join(20)


def begin(page: Any, address: str, example: str | None = "An astronaut before a rocket") -> None:
    """Open the studio and start with an example."""
    page.goto(address)
    page.wait_for_selector("body[data-started]", timeout=60_000)
    if example is not None:
        page.get_by_role("button", name=example).click()
        settled(page)


def settled(page: Any) -> None:
    """Wait until the page shows the maps after all changes."""
    page.wait_for_function("() => window.studio.settled()", timeout=120_000)
    page.wait_for_timeout(80)


def set_slider(page: Any, name: str, value: float) -> None:
    """Move a slider to a value, as a person does by dragging."""
    page.evaluate(
        """([name, value]) => {
            const range = document.querySelector(`[data-range=${name}]`);
            range.value = value;
            range.dispatchEvent(new Event("input", { bubbles: true }));
        }""",
        [name, value],
    )
    settled(page)


def drag(page: Any, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Drag with the mouse between two positions, given as fractions of the picture's width and height."""
    box = page.locator("#view").bounding_box()
    points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in (start, end)]
    page.mouse.move(*points[0])
    page.mouse.down()
    page.mouse.move(*points[1], steps=8)
    page.mouse.up()
    settled(page)


def walk(page: Any, shoot: Any, address: str) -> None:
    """Walk through a session on a desktop."""
    begin(page, address, None)
    shoot("start", "The start: drop two photographs, or take an example")
    page.get_by_role("button", name="An astronaut before a rocket").click()
    settled(page)
    shoot("example", "An example, harmonized by SSH-LUT")
    drag(page, (0.4, 0.6), (0.62, 0.62))
    page.locator("#view").focus()
    for _ in range(3):
        page.keyboard.press(".")
    settled(page)
    shoot("placed", "The object is dragged and turned; the map follows")
    page.get_by_role("button", name="Before | after").click()
    settled(page)
    shoot("compare", "Before to the left of the line, after to the right")
    page.get_by_role("button", name="Before | after").click()
    for name in ("ssh", "reinhard", "pitie"):
        page.get_by_role("checkbox", name=name, exact=True).check()
    settled(page)
    page.locator("#view").focus()
    shoot("methods", "Four methods side by side")
    for name in ("ssh", "reinhard", "pitie"):
        page.get_by_role("checkbox", name=name, exact=True).uncheck()
    set_slider(page, "lightness", 1.4)
    set_slider(page, "temperature", 25)
    shoot("sliders", "Lightness and warmth by eye")
    page.get_by_text("Reference", exact=True).click()
    page.get_by_role("radio", name="A box, drawn on the picture").check()
    drag(page, (0.2, 0.7), (0.8, 0.9))
    shoot("reference", "The reference is a box on the picture")
    page.get_by_role("radio", name="Around the object").check()
    page.get_by_text("Mask", exact=True).click()
    page.get_by_role("button", name="Paint the mask").click()
    page.get_by_role("radio", name="Erase").check()
    drag(page, (0.64, 0.45), (0.7, 0.75))
    shoot("mask", "The mask is painted with a soft brush")
    page.get_by_role("button", name="Undo").click()
    page.get_by_role("button", name="Done").click()
    settled(page)
    page.get_by_role("button", name="1:1", exact=True).click()
    page.get_by_role("button", name="Zoom in").click(click_count=3)
    shoot("zoom", "Zoomed in")
    page.get_by_role("button", name="Fit", exact=True).click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Everything (.zip)").click()
    download.value.path()
    settled(page)
    page.locator("#command").scroll_into_view_if_needed()
    shoot("saved", "Saved at full size, with the command that makes the same picture")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--out", type=Path, required=True)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    film: list[tuple[Image.Image, str]] = []
    with tempfile.TemporaryDirectory() as folder, served(Path(folder)) as (address, _), browser() as one:
        page, errors = open_page(one, "desktop")

        def shoot(name: str, text: str) -> None:
            picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
            film.append((picture, text))
            keep(picture, given.out / f"{name}.png", SHOWN["desktop"])

        walk(page, shoot, address)
        page.emulate_media(color_scheme="dark")
        page.locator("#panel").evaluate("(panel) => panel.scrollTo(0, 0)")
        page.wait_for_timeout(200)
        keep(Image.open(io.BytesIO(page.screenshot())).convert("RGB"), given.out / "dark.png", SHOWN["desktop"])
        meadow, more = open_page(one, "desktop")
        begin(meadow, address, "A dahlia in a meadow")
        meadow.get_by_text("Edges, shadow and more", exact=True).click()
        set_slider(meadow, "shadow", 0.8)
        meadow.locator("#finish").scroll_into_view_if_needed()
        keep(Image.open(io.BytesIO(meadow.screenshot())).convert("RGB"), given.out / "shadow.png", SHOWN["desktop"])
        errors += more
        phone, more = open_page(one, "phone")
        begin(phone, address)
        keep(Image.open(io.BytesIO(phone.screenshot())).convert("RGB"), given.out / "phone.png", SHOWN["phone"])
        assert errors == more == [], errors + more
    strip(film).save(given.out / "film.png", optimize=True)


def keep(picture: Image.Image, path: Path, width: int) -> None:
    """Save a small copy as a PNG of 256 colours, so that a repository can hold many."""
    height = round(picture.height * width / picture.width)
    small = picture.resize((width, height), Image.Resampling.LANCZOS)
    small.quantize(256, Image.Quantize.MEDIANCUT).save(path, optimize=True)


def strip(film: list[tuple[Image.Image, str]], across: int = 3) -> Image.Image:
    """Put the pictures of a session side by side, each with its caption."""
    font, band, gap = ImageFont.load_default(15), 26, 8
    high = round(STRIP * film[0][0].height / film[0][0].width)
    down = -(-len(film) // across)
    sheet = Image.new("RGB", (across * (STRIP + gap) - gap, down * (high + band)), "white")
    draw = ImageDraw.Draw(sheet)
    for i, (picture, text) in enumerate(film):
        x, y = i % across * (STRIP + gap), i // across * (high + band)
        draw.text((x + 2, y + 4), f"{i + 1}. {text}", fill="black", font=font)
        sheet.paste(picture.resize((STRIP, high), Image.Resampling.LANCZOS), (x, y + band))
    return sheet.quantize(96, Image.Quantize.MEDIANCUT)


if __name__ == "__main__":
    main()
