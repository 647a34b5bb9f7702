"""Tables as text, CSV, Markdown, LaTeX (booktabs) and HTML."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from typing import Any

from sshbench.errors import printable
from sshbench.results.frame import frame
from sshbench.results.summary import Summary
from sshbench.results.tables import Table, tables


def csv_text(summary: Summary) -> str:
    """The frame as CSV, with benchmark and protocol in every line; no published numbers."""
    found = frame(summary).reset_index()
    found.insert(0, "benchmark", summary.benchmark)
    found.insert(1, "protocol", summary.protocol)
    found.insert(2, "protocol_version", summary.protocol_version)
    found = found.map(_cell).rename(columns=_cell)
    return str(found.to_csv(index=False, lineterminator="\n"))


def _cell(value: Any) -> Any:
    """The value, its text such that no spreadsheet takes it for a formula.

    The quote in front is what OWASP advises (CSV injection); numbers stay numbers.
    """
    if not isinstance(value, str):
        return value
    text = printable(value)
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text


def plain_text(
    summary: Summary, *, width: int = 120, strong: Callable[[str], str] = lambda text: text, published: bool = True
) -> str:
    """Aligned columns for a terminal; a table that is wider than `width` goes on below.

    Parameters
    ----------
    strong
        Makes text bold.
    published
        Whether the table of published numbers is to follow.
    """
    return "\n\n".join(plain_table(table, width, strong) for table in tables(summary, published=published)) + "\n"


def plain_table(table: Table, width: int = 120, strong: Callable[[str], str] = lambda text: text) -> str:
    """One table as `plain_text` writes it."""
    widths = [max(len(row[c]) for row in (table.columns, *table.rows)) for c in range(len(table.columns))]
    blocks, block, used = [], [0], widths[0]
    for column in range(1, len(widths)):
        if used + 2 + widths[column] > width and len(block) > 1:
            blocks.append(block)
            block, used = [0], widths[0]
        block.append(column)
        used += 2 + widths[column]
    lines = [strong(table.title)]
    for shown in [*blocks, block]:
        lines.append("")
        for number, row in enumerate((table.columns, *table.rows)):
            if number - 1 in table.breaks:
                lines.append("-" * (sum(widths[c] + 2 for c in shown) - 2))
            cells = []
            for c in shown:
                cell = row[c].ljust(widths[c]) if c == 0 else row[c].rjust(widths[c])
                cells.append(strong(cell) if (number - 1, c) in table.strong else cell)
            lines.append("  ".join(cells).rstrip())
    return "\n".join([*lines, *([""] if table.notes else []), *table.notes])


def markdown(summary: Summary) -> str:
    """Tables as GitHub reads them."""
    return "\n\n".join(map(markdown_table, tables(summary))) + "\n"


def markdown_table(table: Table) -> str:
    """One table as `markdown` writes it."""
    lines = [f"**{_escaped(table.title)}**", ""]
    lines.append("| " + " | ".join(_escaped(c) for c in table.columns) + " |")
    lines.append("|---" + "|---:" * (len(table.columns) - 1) + "|")
    for i, row in enumerate(table.rows):
        cells = [_escaped(cell) for cell in row]
        cells = [f"**{cell}**" if (i, c) in table.strong else cell for c, cell in enumerate(cells)]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join([*lines, *(f"\n{_escaped(note)}" for note in table.notes)])


# What GitHub reads as markup, wherever it stands; an underscore only at the edge of a word, a bracket only where a link
# or a footnote could follow or begin, so that an interval stays as it is.
_MARKUP = re.compile(r"[\\`*<>|~$&]|(?<![^\W_])_|_(?![^\W_])|\](?=[(\[:])|\[(?=[\^!])|!(?=\[)|^[#+-](?=\s)")


def _escaped(text: str) -> str:
    return _MARKUP.sub(lambda found: "&amp;" if found[0] == "&" else f"\\{found[0]}", text)


_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "↑": r"$\uparrow$", "↓": r"$\downarrow$", "±": r"$\pm$",
    "Δ": r"$\Delta$", "‡": r"$\ddagger$", "†": r"$\dagger$", "<": r"$<$", ">": r"$>$", "|": r"\textbar{}",
}  # fmt: skip


def latex(summary: Summary) -> str:
    r"""Tables with booktabs' rules (``\usepackage{booktabs}``), the best of each column in bold."""
    parts = []
    for table in tables(summary):
        lines = [r"\begin{table}", r"\centering", rf"\caption{{{_tex(table.title)}.}}"]
        lines += [rf"\begin{{tabular}}{{l{'r' * (len(table.columns) - 1)}}}", r"\toprule"]
        lines.append(" & ".join(_tex(c) for c in table.columns) + r" \\")
        lines.append(r"\midrule")
        for i, row in enumerate(table.rows):
            if i in table.breaks:
                lines.append(r"\midrule")
            cells = [_tex(cell) for cell in row]
            cells = [rf"\textbf{{{cell}}}" if (i, c) in table.strong else cell for c, cell in enumerate(cells)]
            lines.append(_after_break(" & ".join(cells)) + r" \\")
        lines += [r"\bottomrule", r"\end{tabular}"]
        if table.notes:
            notes = r" \\ ".join(_after_break(_tex(note)) for note in table.notes)
            lines += ["", r"\smallskip", rf"{{\footnotesize {notes}}}"]
        parts.append("\n".join([*lines, r"\end{table}"]))
    return "\n\n".join(parts) + "\n"


def _after_break(text: str) -> str:
    r"""The text guarded, since ``\\`` and ``\midrule`` take ``[`` or ``*`` behind them for an argument of theirs."""
    return f"{{}}{text}" if text.startswith(("[", "*")) else text


def _tex(text: str) -> str:
    return "".join(_LATEX.get(letter, letter) for letter in text)


_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;margin:2em;max-width:100%;color:#222;background:#fff}"
    "table{border-collapse:collapse;margin:.5em 0;font-variant-numeric:tabular-nums}div{overflow-x:auto}"
    "th,td{padding:.25em .8em;text-align:right;white-space:nowrap}th:first-child,td:first-child{text-align:left}"
    "thead{border-top:2px solid;border-bottom:1px solid}tbody{border-bottom:2px solid}"
    "tr.break td{border-top:1px solid}.note{color:#555;font-size:.9em;margin:.2em 0}"
    "@media(prefers-color-scheme:dark){body{color:#ddd;background:#161616}.note{color:#aaa}}"
)


def html_page(summary: Summary) -> str:
    """One page without scripts or anything from elsewhere."""
    title = html.escape(printable(f"{summary.benchmark} under {summary.protocol}"))
    parts = [
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>',
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style>',
    ]
    for table in tables(summary):
        parts.append(f"<h2>{html.escape(table.title)}</h2><div><table><thead><tr>")
        parts += [f"<th>{html.escape(column)}</th>" for column in table.columns]
        parts.append("</tr></thead><tbody>")
        for i, row in enumerate(table.rows):
            parts.append('<tr class="break">' if i in table.breaks else "<tr>")
            for c, cell in enumerate(row):
                text = html.escape(cell)
                parts.append(f"<td>{f'<b>{text}</b>' if (i, c) in table.strong else text}</td>")
            parts.append("</tr>")
        parts.append("</tbody></table></div>")
        parts += [f'<p class="note">{html.escape(note)}</p>' for note in table.notes]
    return "\n".join([*parts, "</html>"]) + "\n"


FORMATS: dict[str, Callable[[Summary], str]] = {
    "text": plain_text,
    "csv": csv_text,
    "markdown": markdown,
    "latex": latex,
    "html": html_page,
}
