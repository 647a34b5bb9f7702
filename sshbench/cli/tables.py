"""Tables on the terminal."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from sshbench.results.summary import MethodsSummary
    from sshbench.results.tables import Table

_ASCII = str.maketrans({"↑": "^", "↓": "v", "±": "+-", "Δ": "d", "‡": "(c)", "†": "(f)"})


def echo_tables(summary: MethodsSummary, *, published: bool = True) -> None:
    """Print the tables of a summary."""
    from sshbench.results.tables import tables

    echo_table_list(tables(summary, published=published))


def echo_table_list(shown: Sequence[Table]) -> None:
    """Print tables at the width of the terminal, but at least 80 columns, with the best cells in bold."""
    from sshbench.results.formats import plain_table

    width = max(shutil.get_terminal_size((120, 24)).columns, 80)
    text = "\n\n".join(plain_table(table, width, lambda cell: click.style(cell, bold=True)) for table in shown) + "\n"
    click.echo(text if can_print("↑") else text.translate(_ASCII), nl=False)


def plain_rows(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return rows of text in aligned columns of any width."""
    widths = [max(len(row[c]) for row in (heads, *rows)) for c in range(len(heads))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in (heads, *rows)]
    return "\n".join(line.rstrip() for line in (lines[0], "-" * (sum(widths) + 2 * len(widths) - 2), *lines[1:]))


def can_print(text: str) -> bool:
    """Return whether the standard output can encode the text."""
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "ascii")
    except UnicodeEncodeError:
        return False
    return True
