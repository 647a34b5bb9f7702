"""One process at a time holds a folder's lock, and none after its end."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sshbench.errors import SshbenchError
from sshbench.locks import locked

HOLD = """
import sys, time
from pathlib import Path
from sshbench.locks import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def holder(folder: Path) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    process = subprocess.Popen([sys.executable, "-c", HOLD, folder], stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_another_process_is_refused_until_the_first_has_ended(tmp_path: Path) -> None:
    process = holder(tmp_path)
    try:
        with pytest.raises(SshbenchError, match="busy"), locked(tmp_path, refusal="busy"):
            pytest.fail("two hold the lock")
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    with locked(tmp_path, refusal="busy"):
        assert list(tmp_path.iterdir()) == []
    with locked(tmp_path, refusal="busy"):
        pass


def test_without_a_refusal_it_waits(tmp_path: Path) -> None:
    process = holder(tmp_path)
    process.send_signal(signal.SIGKILL)
    with locked(tmp_path):
        pass
    process.wait()


def test_children_do_not_hold_it(tmp_path: Path) -> None:
    """Else a run whose process was killed would be refused for as long as its data workers take to end."""
    with locked(tmp_path):
        context = multiprocessing.get_context("fork")
        begun = context.Event()
        child = context.Process(target=lambda: (begun.set(), time.sleep(60)))
        child.start()
        assert begun.wait(30)
        with pytest.raises(SshbenchError, match="busy"), locked(tmp_path, refusal="busy"):
            pytest.fail("two hold the lock")
    try:
        with locked(tmp_path, refusal="busy"):
            assert child.is_alive()
    finally:
        child.kill()
        child.join()
