"""A worker's memory does not grow with the number of photographs, and holds no torch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.speed.photos import write_photos

CODE = """
import json, pathlib, resource, sys
from sshbench.triplets.engine import generate, plan
from sshbench.triplets.luts import open_bank
from sshbench.triplets.settings import Settings
from sshbench.triplets.sources import open_source

source, bank = open_source(sys.argv[1]), open_bank()
generate(plan(Settings(), source, bank, rows_per_shard=200), source, bank, sys.argv[2], progress=False)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
if sys.platform == "linux":  # where ru_maxrss of a new program starts with what its parent took
    status = dict(line.split(":", 1) for line in pathlib.Path("/proc/self/status").read_text().splitlines())
    peak = int(status["VmHWM"].split()[0]) / 2**10
print(json.dumps({"peak": peak, "torch": "torch" in sys.modules}))
"""


def peak_of(photos: Path, out: Path) -> float:
    """The peak of the resident memory, in MiB, of a process that makes triplets of a folder."""
    words = [sys.executable, "-c", CODE, str(photos), str(out)]
    result = json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
    assert not result["torch"]
    return float(result["peak"])


@pytest.mark.slow
def test_memory_is_flat_and_under_a_gigabyte(tmp_path: Path) -> None:
    """Both runs fill several shards; five times as many photographs take 48 MiB more at most.

    Measured: 279, 290, 304 and 311 MiB with 400, 1000, 3000 and 2000 photographs, so that some of it is chance.
    """
    files = write_photos(tmp_path / "photos", 20)
    peaks = []
    for count in (400, 2000):
        folder = tmp_path / str(count)
        folder.mkdir()
        for i in range(count):
            os.link(files[i % len(files)], folder / f"{i:04d}.jpg")
        peaks.append(peak_of(folder, tmp_path / f"out-{count}"))
    assert peaks[1] < peaks[0] + 48
    assert peaks[1] < 1024
