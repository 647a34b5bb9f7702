"""A page in a real browser: a script is added that looks and clicks, and what it returns is read from the DOM."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
BEFORE = "<script>const errors = []; window.onerror = (text) => { errors.push(text); };</script>"
AFTER = """<pre id="result"></pre><script>
(async () => {
  let result;
  try { result = await (async () => { %s })(); } catch (error) { errors.push(String(error)); }
  document.getElementById("result").textContent = JSON.stringify({ result: result ?? null, errors });
})();
</script>"""


def look(page: Path, script: str, tmp_path: Path, width: int = 1280) -> Any:
    """Open `page`, run `script` (the body of an async function) in it, and return what that returns.

    The test fails where the page or the script raises, and skips where there is no browser.
    """
    browser = next((found for name in NAMES if (found := shutil.which(name))), None)
    if browser is None:
        pytest.skip("no Chromium or Chrome is installed, which this test opens the page in")
    text = page.read_text(encoding="utf-8").replace("<head>", "<head>" + BEFORE, 1)
    seen = tmp_path / "seen.html"
    seen.write_text(text.replace("</body>", AFTER % script + "</body>"), encoding="utf-8")
    options = ("--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}")
    done = subprocess.run(
        [browser, *options, f"--window-size={width},900", "--virtual-time-budget=10000", "--dump-dom", seen.as_uri()],
        capture_output=True,
        text=True,
        timeout=300,
    )
    found = re.search(r'<pre id="result">(.+?)</pre>', done.stdout, re.DOTALL)
    assert found, done.stderr[-2000:]
    answer = json.loads(html.unescape(found[1]))
    assert answer["errors"] == []
    return answer["result"]
