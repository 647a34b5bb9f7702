"""Progress: a bar that moves on a terminal, few lines in a log, nothing where it is not wanted."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from sshbench.cli import progress as module
from sshbench.cli.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@contextmanager
def on_terminal() -> Iterator[Terminal]:
    """The standard error as a terminal; not a fixture, since pytest sets the streams again before a test."""
    before, sys.stderr = sys.stderr, Terminal()
    try:
        yield sys.stderr
    finally:
        sys.stderr = before


def test_on_a_terminal_it_says_how_far_it_is() -> None:
    with on_terminal() as terminal, Progress("image", 3, what="sample") as progress:
        for _ in range(3):
            progress.step()
    said = terminal.getvalue().rpartition("\r")[2]
    assert "sample: 100%" in said
    assert "3/3" in said
    assert "image/s" in said


def test_of_so_many_of_so_many() -> None:
    with on_terminal() as terminal, Progress("image") as progress:
        progress(2, 8)
        progress(8, 8)
    assert "8/8" in terminal.getvalue()


def test_lines_that_stay_go_to_their_streams(capsys: pytest.CaptureFixture[str]) -> None:
    with on_terminal() as terminal, Progress("image", 2) as progress:
        progress.say("made a.png")
        progress.say("no space", err=True)
    assert capsys.readouterr().out == "made a.png\n"
    assert "no space\n" in terminal.getvalue()


@pytest.mark.parametrize("options", [{"quiet": True, "total": 5}, {"total": 1}, {"total": 0}])
def test_nothing_is_shown_where_it_is_not_wanted(options: dict[str, int]) -> None:
    with on_terminal() as terminal, Progress("image", **options) as progress:  # type: ignore[arg-type]
        progress.step()
        progress(1, 1)
    assert terminal.getvalue() == ""


def test_a_short_command_leaves_no_trace_in_a_log(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with Progress("image", 5) as progress:
        progress.say("a line", err=True)
        progress(5, 5)
    assert capsys.readouterr().err == "a line\n"
    monkeypatch.setattr(module, "_BETWEEN_LINES", 0.0)
    monkeypatch.setattr(module, "_BEFORE_LINES", 0.0)
    with Progress("image", 5) as progress:
        progress(4, 5)
        progress(5, 5)
    assert "5/5" in capsys.readouterr().err
