"""Early ends of a command: by Ctrl-C, SIGTERM, or a terminal that closes.

Each signal becomes an exception, so that context managers remove unfinished files. The exit code is 128 plus the number
of the signal, as in shells: 130, 143 and 129.
"""

from __future__ import annotations

import _thread
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import FrameType
from typing import Any

import click

from sshbench.whole_file import end_at_once

_HOW = "sshbench.how_to_go_on"
_MOMENT = 0.01  # seconds


class Stopped(KeyboardInterrupt):
    """A signal that asks the process to end; `number` is the signal's."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextmanager
def stoppable() -> Iterator[None]:
    """Raise `Stopped` at the first SIGTERM or SIGHUP within the block, and end at once at the second one.

    Python discards an exception that a signal raises within `__del__` or the callback of a weak reference. Such a
    signal is sent again.
    """
    before = {}
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_DFL:  # nohup makes a process ignore SIGHUP
            try:
                before[number] = signal.signal(number, _stop)
            except ValueError:  # only the main thread may set handlers
                break
    hook = sys.unraisablehook
    sys.unraisablehook = partial(_discarded, hook)
    try:
        yield
    finally:
        sys.unraisablehook = hook
        for number, handler in before.items():
            signal.signal(number, handler)


def _discarded(hook: Callable[[Any], object], unraisable: Any) -> None:
    """Send the signal of a discarded exception again, a moment later, when the code that discards it has ended."""
    error = unraisable.exc_value
    if not isinstance(error, KeyboardInterrupt):
        hook(unraisable)
        return
    number = error.number if isinstance(error, Stopped) else signal.SIGINT
    if isinstance(error, Stopped):
        signal.signal(number, _stop)  # the signal that is sent again is still the first one
    again = threading.Timer(_MOMENT, _thread.interrupt_main, (number,))
    again.daemon = True
    again.start()


def _stop(number: int, frame: FrameType | None) -> None:
    signal.signal(number, end_at_once)
    raise Stopped(number)


def go_on(how: str) -> None:
    """Set the text that tells the user how to continue if the command is stopped; `how` is the rest of a sentence."""
    context = click.get_current_context(silent=True)
    if context is not None and isinstance(root := context.find_root().obj, dict):
        root[_HOW] = how


def said_of(stop: BaseException, state: dict[str, str]) -> tuple[str, int]:
    """Return what to tell the user about a stop, and the exit code."""
    number = stop.number if isinstance(stop, Stopped) else signal.SIGINT
    what = "interrupted" if number == signal.SIGINT else f"ended by {signal.Signals(number).name}"
    return "; ".join(filter(None, (what, state.get(_HOW)))), 128 + number
