"""Make the picture of a page of twelve composites: `python -m tools.jobs_page -o docs/harmonize/jobs.jpg`.

The tool makes the composites of docs/harmonize/jobs.csv from photographs that ship with sshbench, opens their page in
Chromium, and saves a screenshot for docs/harmonize.md. It needs Playwright and a Chromium on the PATH.
"""

from __future__ import annotations

import argparse
import io
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

from tools.study_pages import browser

TABLE = Path("docs/harmonize/jobs.csv")
SHOWN = 900  # width of the picture in pixels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--method", default="ssh-lut")
    parser.add_argument("--dark", action="store_true")
    words = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        command = ["harmonize", "--jobs", str(TABLE), "-o", name, "--method", words.method]
        subprocess.run([sys.executable, "-m", "sshbench", *command], check=True)
        with browser() as chromium:
            page = chromium.new_page(
                viewport={"width": 1300, "height": 900}, color_scheme="dark" if words.dark else "light"
            )
            errors: list[str] = []
            page.on("pageerror", lambda error: errors.append(str(error)))
            page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
            page.goto((Path(name) / "jobs.html").as_uri())
            page.wait_for_selector("body.ready")
            first = page.locator(".compare input").first
            first.focus()
            before = first.input_value()
            page.keyboard.press("ArrowRight")
            assert first.input_value() != before, "the slider does not follow the keys"
            page.locator("h1").click()
            shot = Image.open(io.BytesIO(page.screenshot(full_page=True))).convert("RGB")
            assert not errors, errors
    shot.resize((SHOWN, round(shot.height * SHOWN / shot.width)), Image.Resampling.LANCZOS).save(
        words.output, quality=82
    )


if __name__ == "__main__":
    main()
