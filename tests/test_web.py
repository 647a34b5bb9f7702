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
        f"sshbench: ended by {number.name}; all answers are stored; the same command continues"
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
        f"sshbench: ended by {number.name}; downloads and sessions in --folder are kept; "
        "the same command opens the studio again"
    )
    assert not list(tmp_path.iterdir())


_EARLY = """
import signal, sys, uvicorn
from sshbench.cli.main import main
serve = uvicorn.Server.serve

def early(self, sockets=None):
    made = serve(self, sockets)
    signal.raise_signal(int(sys.argv[1]))  # after the address is printed, and before the server listens to signals
    return made

uvicorn.Server.serve = early
main(sys.argv[2:])
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_before_the_first_request_is_one_sentence_too(tmp_path: Path, number: signal.Signals) -> None:
    if signal.getsignal(number) == signal.SIG_IGN:
        pytest.skip("these tests run under nohup, which commands obey")
    words = [sys.executable, "-W", "default", "-c", _EARLY, str(int(number)), "studio", "--no-browser", "--port", "0"]
    result = subprocess.run(
        words, capture_output=True, text=True, check=False, timeout=120, env=os.environ | {"TMPDIR": str(tmp_path)}
    )
    assert result.returncode == 128 + number, result.stderr
    assert len(result.stderr.strip().splitlines()) == 1, result.stderr
    assert result.stderr.strip().startswith("sshbench: ")
    assert not list(tmp_path.iterdir())
