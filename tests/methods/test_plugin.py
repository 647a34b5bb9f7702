"""The worked example of a package with a method installs, is found by name, and does what docs/plugin.md says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

PLUGIN = Path(__file__).parents[1] / "plugin"
DOCS = Path(__file__).parents[2] / "docs" / "plugin.md"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the package was installed to, as pip does, without a network."""
    pytest.importorskip("setuptools", reason="the package is built by setuptools")
    folder = tmp_path_factory.mktemp("plugin")
    shutil.copytree(PLUGIN, folder / "source")  # builds leave files beside it
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--no-build-isolation"]
    words = [*command, "--target", str(folder / "site"), str(folder / "source")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if "No module named pip" in done.stderr:
        pytest.skip("pip is not installed")
    assert done.returncode == 0, done.stderr
    return folder / "site"


def sshbench(installed: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(installed), *(entry for entry in sys.path if entry)])
    return subprocess.run(
        [sys.executable, "-m", "sshbench", *words],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_is_found_by_name_and_takes_options(installed: Path, tmp_path: Path) -> None:
    words = ["evaluate", "-m", "dc", "-m", "midtones", "-m", "midtones:strength=0.5", "--limit", "3"]
    done = sshbench(installed, tmp_path, *words, "--metrics", "psnr", "-w", "1")
    assert done.returncode == 0, done.stderr
    values = dict(re.findall(r"^(dc|midtones|midtones\+strength-0\.5) +([0-9.]+)", done.stdout, re.MULTILINE))
    assert set(values) == {"dc", "midtones", "midtones+strength-0.5"}
    assert len(set(values.values())) == 3


def test_a_misspelt_option_or_name_is_said(installed: Path, tmp_path: Path) -> None:
    done = sshbench(installed, tmp_path, "evaluate", "-m", "midtones:strengh=1", "--limit", "1")
    assert done.returncode == 2
    assert "midtones has no option 'strengh'; there are strength" in done.stderr
    done = sshbench(installed, tmp_path, "evaluate", "-m", "midtone", "--limit", "1")
    assert "did you mean 'midtones'" in done.stderr


def test_its_map_is_exported(installed: Path, tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    image[10:30, 10:40] //= 3
    mask = np.zeros((40, 60), np.uint8)
    mask[10:30, 10:40] = 255
    Pillow.fromarray(image).save(tmp_path / "composite.png")
    Pillow.fromarray(mask).save(tmp_path / "mask.png")
    words = ["--composite", "composite.png", "--mask", "mask.png", "-o", "out.png", "--export-lut", "look.cube"]
    done = sshbench(installed, tmp_path, "harmonize", *words, "--method", "midtones", "--reference", "full")
    assert done.returncode == 0, done.stderr
    assert "midtones, curves map" in done.stdout
    made = np.asarray(Pillow.open(tmp_path / "out.png")).astype(float)
    inside = mask == 255
    assert abs(np.median(made[inside]) - np.median(image[~inside])) < 12
    assert (tmp_path / "look.cube").read_text().startswith("TITLE")


def test_the_page_has_the_package_s_own_line_and_files() -> None:
    text, project = DOCS.read_text(), (PLUGIN / "pyproject.toml").read_text()
    (line,) = re.findall(r'^midtones = ".*"$', project, re.MULTILINE)
    assert line in text
    assert "composite_maps" in (PLUGIN / "sshbench_midtones" / "__init__.py").read_text()
