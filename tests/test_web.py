"""Servers that a signal ends: they say one sentence, and leave nothing among the temporary files."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.study.serving import free_port, start
from tests.study.studies import make_study

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

_RUN = "import sys; from sshbench.cli.main import main; main(sys.argv[1:])"


def _ended(process: subprocess.Popen[bytes], number: signal.Signals) -> str:
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 128 + number, said
    return said.decode()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_study_ends_with_one_sentence(tmp_path: Path, number: signal.Signals) -> None:
    if signal.getsignal(number) == signal.SIG_IGN:
        pytest.skip("these tests run under nohup, which commands obey")
    make_study(tmp_path / "s")
    said = _ended(start(tmp_path / "s", free_port()), number)
    assert said.split("\n", 1)[1].strip() == (
        f"sshbench: ended by {number.name}; all answers are stored; the same command goes on"
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_studio_ends_with_one_sentence_and_leaves_no_photographs(tmp_path: Path, number: signal.Signals) -> None:
    if signal.getsignal(number) == signal.SIG_IGN:
        pytest.skip("these tests run under nohup, which commands obey")
    words = [sys.executable, "-c", _RUN, "studio", "--no-browser", "--port", "0"]
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
    assert process.stdout is not None
    address = process.stdout.readline().split()[4].decode()
    assert urlopen(address, timeout=60).status == 200  # from then on it listens to signals
    assert len(list(tmp_path.glob(".sshbench-*"))) == 1
    said = _ended(process, number)
    assert said.strip() == (
        f"sshbench: ended by {number.name}; what was saved to --folder or downloaded is kept; "
        "the same command opens the studio again"
    )
    assert not list(tmp_path.iterdir())
