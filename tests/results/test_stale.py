"""A changed line of the package itself: what it can change is made again, and nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import sshbench
from sshbench.results.records import Record, read_records

PACKAGE = Path(sshbench.__file__).resolve().parent


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the package that can be edited, with its data."""
    shutil.copytree(PACKAGE, tmp_path / "sshbench", ignore=shutil.ignore_patterns("data", "__pycache__"))
    if (PACKAGE / "data").is_dir():
        (tmp_path / "sshbench/data").symlink_to(PACKAGE / "data")
    for name in ("luts", "realhm", "baselines"):
        if (PACKAGE.parent / name).is_dir():
            (tmp_path / name).symlink_to(PACKAGE.parent / name)
    return tmp_path / "sshbench"


def run(copy: Path) -> tuple[dict[str, Record], dict[str, int]]:
    """Records and times of predictions by method."""
    command = [sys.executable, "-m", "sshbench", "evaluate", "-m", "dc", "-m", "ssh:map=lut", "--metrics", "psnr,mse"]
    words = ["--limit", "1", "-w", "1", "-q", "-o", "out"]
    environment = os.environ | {"PYTHONPATH": str(copy.parent), "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run([*command, *words], cwd=copy.parent, env=environment, check=True, capture_output=True)
    records = {record.method: record for record in read_records([copy.parent / "out"])}
    return records, {m: (copy.parent / "out" / r.prediction).stat().st_mtime_ns for m, r in records.items()}


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.mark.slow
def test_a_changed_line_of_the_package_makes_anew_what_it_can_change(copy: Path) -> None:
    first, made = run(copy)
    with open(copy / "cli/leaderboard.py", "a") as file:
        file.write("\n# Only prints.\n")
    assert run(copy) == (first, made)

    edit(copy / "methods/full_resolution.py", '"lut": 33', '"lut": 3')
    second, again = run(copy)
    assert again["dc"] == made["dc"]
    assert second["dc"] == first["dc"]
    assert second["ssh+map-lut"].metrics != first["ssh+map-lut"].metrics
    assert second["ssh+map-lut"].method_hash != first["ssh+map-lut"].method_hash

    edit(
        copy / "metrics/pixel.py",
        "def values_of(image: Tensor) -> int:",
        "def values_of(image: Tensor) -> int:\n    return image[0].numel() / 2",
    )
    third, same = run(copy)
    assert same == again
    assert third["dc"].metrics["mse"] == pytest.approx(2 * first["dc"].metrics["mse"])
