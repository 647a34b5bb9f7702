"""Tables on the terminal."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from sshbench.results.summary import Summary

_ASCII = str.maketrans({"↑": "^", "↓": "v", "±": "+-", "Δ": "d", "‡": "(c)", "†": "(f)"})


def echo_tables(summary: Summary, *, published: bool = True) -> None:
    """Print a summary as wide as the terminal, at least 80 columns, the best in bold."""
    from sshbench.results.formats import plain_text

    width = max(shutil.get_terminal_size((120, 24)).columns, 80)
    text = plain_text(summary, width=width, strong=lambda cell: click.style(cell, bold=True), published=published)
    click.echo(text if can_print("↑") else text.translate(_ASCII), nl=False)


def can_print(text: str) -> bool:
    """Whether standard output can show these letters."""
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "ascii")
    except UnicodeEncodeError:
        return False
    return True
