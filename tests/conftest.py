"""Shared fixtures: where the development data is, and what is skipped without it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def _installed_before_sources() -> None:
    """Let `import sshbench` find what was installed, compiled kernels and all, and not the sources beside the tests.

    Sources with compiled kernels of their own among them are complete, and are tested themselves.
    """
    if any((ROOT / "sshbench/lut/kernels").glob("_cpu.*")):
        sys.path[:] = [str(ROOT), *(entry for entry in sys.path if entry != str(ROOT))]
        return
    sys.path[:] = [entry for entry in sys.path if Path(entry).resolve() != ROOT] + [str(ROOT)]


# The import mode of the settings keeps it so; child processes would put their working directory first.
_installed_before_sources()
os.environ["PYTHONSAFEPATH"] = "1"
import sshbench  # noqa: E402, F401

# A shell that starts the tests in the background makes them deaf to interrupts, and with them the programs they test.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of development data: `SSHBENCH_SHARED`, or `shared` beside the checkout."""
    folder = Path(os.environ.get("SSHBENCH_SHARED", ROOT.parent / "shared"))
    if not (folder / "data").is_dir():
        pytest.skip("the development data is not here; set SSHBENCH_SHARED to its folder to run this test")
    return folder


@pytest.fixture
def no_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail where a test starts a program, such as Ghostscript for an EPS."""

    def refuse(*arguments: object, **options: object) -> None:
        raise AssertionError(f"a program is started: {arguments}")

    monkeypatch.setattr(subprocess, "Popen", refuse)
