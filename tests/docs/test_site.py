"""The site builds strictly without a network, holds every public name once, and loads nothing from elsewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.test_api import PACKAGES, PUBLIC

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs/reference"
MISSING = [
    name for name in ("mkdocs", "material", "mkdocstrings_handlers.python") if find_spec(name.split(".")[0]) is None
]


def test_the_reference_has_every_public_name_once() -> None:
    listed = [name for page in REFERENCE.glob("*.md") for name in re.findall(r"^::: (\S+)$", page.read_text(), re.M)]
    assert sorted(listed) == sorted(PUBLIC), "add the name to a page of docs/reference"


def test_every_public_package_has_a_page() -> None:
    pages = {page.stem for page in REFERENCE.glob("*.md")}
    assert pages == {"index", *(package.partition(".")[2] for package in PACKAGES if "." in package)}


@pytest.mark.skipif(bool(MISSING), reason="the site is built where pip install '.[docs]' was run")
def test_the_site_builds_strictly_and_is_whole(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    pages = list((tmp_path / "site").rglob("*.html"))
    assert len(pages) > 35
    for page in pages:
        html = page.read_text(encoding="utf-8")
        loaded = re.findall(r'<(?:script|img|iframe)[^>]* src="(https?:[^"]+)', html)
        loaded += re.findall(r'<link[^>]* rel="(?:stylesheet|preconnect|icon)"[^>]* href="(https?:[^"]+)', html)
        loaded += re.findall(r'<link[^>]* href="(https?:[^"]+)"[^>]* rel="(?:stylesheet|preconnect|icon)', html)
        assert not loaded, f"{page.name} loads {loaded}"
    psnr = (tmp_path / "site/reference/metrics.html").read_text(encoding="utf-8")
    assert 'id="sshbench.metrics.psnr"' in psnr
    assert "data_range" in psnr
    assert "Infinity".lower() in psnr.lower()


def test_the_readme_is_short_and_its_links_lead_somewhere() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert text.count("\n") < 200
    headings = re.findall(r"^#+ (.*)$", text, re.M)
    assert len(headings) == len(set(headings))
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        assert (ROOT / target).exists(), target
    rows = re.findall(r"^\| \[[^\n]*$", text, re.M)
    assert len(rows) == len(set(rows))
