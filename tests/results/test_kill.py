"""A run over a folder of RealHM's shape that is killed, twice, and goes on: its records are an uninterrupted run's."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sshbench.results.records import read_records
from tests.results.realhm_folder import make_realhm
from tests.results.run import without_costs

COUNT = 48  # of 216, for time; nothing depends on it
METHODS = ("dc", "reinhard", "ceiling-linear")


def command(root: Path, out: Path, workers: int) -> list[str]:
    methods = [word for name in METHODS for word in ("--method", name)]
    where = ["--split", "realhm", "--root", str(root), "--allow-incomplete", "--out", str(out)]
    what = ["--metrics", "psnr,mse,fmse", "--protocol", "sshbench-v1,dovenet", "--workers", str(workers), "--quiet"]
    return [sys.executable, "-m", "sshbench", "evaluate", *methods, *where, *what]


def kill_after(words: list[str], out: Path, images: int) -> None:
    """Start the command and kill it, with kill -9, when so many predictions are there."""
    process = subprocess.Popen(words, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        while len(list(out.glob("predictions/ceiling-linear/**/*.png"))) < images:
            assert process.poll() is None, "it ended before it could be killed"
            time.sleep(0.01)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_records_of_a_killed_run_are_those_of_a_whole_one(tmp_path: Path, workers: int) -> None:
    root = make_realhm(tmp_path / "RealHM", COUNT)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    subprocess.run(command(root, whole, workers), check=True, capture_output=True)
    for images in (8, 30):
        kill_after(command(root, killed, workers), killed, images)
        assert not list(killed.glob("records/*.parquet"))
    kept = {path: path.stat().st_mtime_ns for path in killed.glob("predictions/dc/**/*.png")}
    subprocess.run(command(root, killed, workers), check=True, capture_output=True)

    records, oracle = (list(map(without_costs, read_records([out]))) for out in (killed, whole))
    assert len(records) == COUNT * len(METHODS) * 2
    assert records == oracle
    assert len(kept) >= 30
    assert all(path.stat().st_mtime_ns == before for path, before in kept.items())
    assert not list(killed.glob("records/*.jsonl"))


def test_workers_end_with_a_killed_parent(tmp_path: Path) -> None:
    root = make_realhm(tmp_path / "RealHM", COUNT)
    words = command(root, tmp_path / "out", 2)
    kill_after(words, tmp_path / "out", 10)
    deadline = time.monotonic() + 30
    while any(str(tmp_path).encode() in line for line in _command_lines()) and time.monotonic() < deadline:
        time.sleep(0.1)
    before = len(list((tmp_path / "out").rglob("*.png")))
    time.sleep(0.5)
    assert len(list((tmp_path / "out").rglob("*.png"))) == before


def _command_lines() -> list[bytes]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(path.read_bytes())
        except OSError:
            continue
    return found
