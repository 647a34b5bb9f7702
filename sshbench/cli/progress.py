"""The progress of a long command: one moving line on a terminal, or one line a minute in a log."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any

import click

_BETWEEN_LINES, _BEFORE_LINES = 60.0, 300.0  # seconds in a log; a command that ends earlier writes no line


class Progress:
    """A progress bar on the standard error; nothing is shown for a total of one, or if `quiet` is set.

    Parameters
    ----------
    unit
        The unit that is counted, such as `"image"`.
    total
        The total number; `progress(done, total)` may set it later.
    what
        The text in front of the bar.
    """

    def __init__(self, unit: str, total: int | None = None, *, quiet: bool = False, what: str | None = None) -> None:
        from tqdm import tqdm

        self._terminal = terminal = sys.stderr.isatty()
        self._bar: Any = tqdm(
            desc=what,
            total=total,
            unit=f" {unit}",
            disable=quiet or total in (0, 1),
            dynamic_ncols=terminal,
            mininterval=0.2 if terminal else _BETWEEN_LINES,
            delay=0 if terminal else _BEFORE_LINES,
        )

    def __call__(self, done: int, total: int) -> None:
        """Show that `done` of `total` are done."""
        self._bar.total = total
        self._bar.update(done - self._bar.n)

    def step(self) -> None:
        """Show that one more is done."""
        self._bar.update()

    def say(self, line: str, *, err: bool = False) -> None:
        """Write a line that stays, above the bar."""
        if not self._terminal:
            click.echo(line, err=err)
            return
        with self._bar.external_write_mode(file=sys.stderr if err else sys.stdout):
            click.echo(line, err=err)

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self._bar.close()
