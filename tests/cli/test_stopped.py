"""Long commands that are stopped by a signal: the exit code, what they say, and nothing half done left behind."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from sshbench.cli.stopping import stoppable
from tests.cli.test_kill import COMMANDS, make_photographs
from tests.kills import contents, names, start

WORDS = COMMANDS | {
    "generate-triplets": "generate-triplets --source b --crop 32 --scale 36 48 --draws 200 --rows-per-shard 100 "
    "-q -w 2 -o out",
    "evaluate": "evaluate -m reinhard -m pitie --metrics psnr,ssim --workers 2 -q -o out",
}
SAID = {
    "harmonize": "the same command with --skip-existing continues",
    "lut apply": "the same command with --skip-existing continues",
    "generate-triplets": "the same command continues with the rest",
    "evaluate": "the same command continues where it stopped",
}


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("harmonize", signal.SIGTERM), ("lut apply", signal.SIGHUP), ("generate-triplets", signal.SIGTERM),
        ("evaluate", signal.SIGTERM), ("evaluate", signal.SIGINT),
    ],
)  # fmt: skip
def test_a_long_command_says_how_to_go_on_and_leaves_nothing_unfinished(
    tmp_path: Path, name: str, number: signal.Signals
) -> None:
    if signal.getsignal(number) == signal.SIG_IGN:
        pytest.skip("these tests run under nohup, which commands obey")
    for attempt in range(5):
        folder = tmp_path / str(attempt)
        make_photographs(folder, count=40)
        process, out = start(WORDS[name].split(), folder), folder / "out"
        deadline = time.monotonic() + 300
        while len(names(out)) < 2:
            assert process.is_alive(), Path(f"{folder}.said.txt").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.002)
        os.kill(process.pid, number)
        process.join(120)
        if process.exitcode != 0:  # otherwise the command has ended before the signal arrived
            break
    said = Path(f"{folder}.said.txt").read_text()
    assert process.exitcode == 128 + number, said
    what = "interrupted" if number == signal.SIGINT else f"ended by {number.name}"
    assert f"sshbench: {what}; " in said
    assert said.rstrip().endswith(SAID[name])
    assert "Traceback" not in said
    hidden = [one for one in contents(out) if Path(one).name.startswith(".sshbench") or ".unfinished" in one]
    assert not hidden


class Closing:
    """An object whose removal is interrupted by a signal, whose exception Python discards."""

    def __init__(self, number: signal.Signals) -> None:
        self.number = number

    def __del__(self) -> None:
        signal.raise_signal(self.number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_whose_exception_python_discards_is_sent_again(
    number: signal.Signals, capsys: pytest.CaptureFixture[str]
) -> None:
    if signal.getsignal(number) == signal.SIG_IGN:
        pytest.skip("these tests run under nohup, which commands obey")

    def work() -> None:
        with stoppable():
            Closing(number)
            for _ in range(1000):
                time.sleep(0.01)

    with pytest.raises(KeyboardInterrupt) as caught:
        work()
    assert getattr(caught.value, "number", signal.SIGINT) == number
    assert capsys.readouterr().err == ""


def test_other_discarded_errors_are_shown() -> None:
    class Broken:
        def __del__(self) -> None:
            raise ValueError("broken")

    seen: list[object] = []
    before, sys.unraisablehook = sys.unraisablehook, seen.append
    try:
        with stoppable():
            Broken()
    finally:
        sys.unraisablehook = before
    assert len(seen) == 1
