"""Write tables as text, CSV, Markdown, LaTeX (booktabs) and HTML."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sshbench.errors import printable
from sshbench.results.frame import frame
from sshbench.results.parts import ALL, parts_frame
from sshbench.results.summary import MethodsSummary
from sshbench.results.tables import Table, tables

if TYPE_CHECKING:
    import pandas


def csv_text(summary: MethodsSummary, *, intervals: bool = True) -> str:
    """Return the frame of a summary as CSV, with benchmark and protocol in every line, without published numbers."""
    found = frame(summary)
    if not intervals:
        found = found[[name for name in found if not name.endswith(("_low", "_high"))]]
    return _csv(found, summary)


def csv_parts(parts: Mapping[str, MethodsSummary], *, intervals: bool = True) -> str:
    """Return the frame of parts as CSV. A column has the name of its part and its metric, such as `HCOCO_psnr`."""
    found = parts_frame(parts, intervals=intervals)
    found.columns = ["_".join(names) for names in found.columns]
    return _csv(found, parts[ALL])


def _csv(found: pandas.DataFrame, summary: MethodsSummary) -> str:
    found = found.reset_index()
    found.insert(0, "benchmark", summary.benchmark)
    found.insert(1, "protocol", summary.protocol)
    found.insert(2, "protocol_version", summary.protocol_version)
    found = found.map(csv_cell).rename(columns=csv_cell)
    return str(found.to_csv(index=False, lineterminator="\n"))


def csv_cell(value: Any) -> Any:
    """Return a value that no spreadsheet program treats as a formula.

    A quote precedes a text that looks like a formula, as OWASP advises against CSV injection. Numbers are unchanged.
    """
    if not isinstance(value, str):
        return value
    text = printable(value)
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text


def plain_text(
    summary: MethodsSummary,
    *,
    width: int = 120,
    strong: Callable[[str], str] = lambda text: text,
    published: bool = True,
) -> str:
    """Return the tables of a summary in aligned columns for a terminal.

    Parameters
    ----------
    width
        The width of a line in characters. The columns of a wider table continue below.
    strong
        A function that makes text bold.
    published
        Whether to add the table of published numbers.
    """
    return "\n\n".join(plain_table(table, width, strong) for table in tables(summary, published=published)) + "\n"


def plain_table(table: Table, width: int = 120, strong: Callable[[str], str] = lambda text: text) -> str:
    """Return one table in the format of `plain_text`."""
    heads = table.heads
    widths = [max(len(row[c]) for row in (heads, *table.rows)) for c in range(len(heads))]
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
        for number, row in enumerate((heads, *table.rows)):
            if number - 1 in table.breaks:
                lines.append("-" * (sum(widths[c] + 2 for c in shown) - 2))
            cells = []
            for c in shown:
                cell = row[c].ljust(widths[c]) if c == 0 else row[c].rjust(widths[c])
                cells.append(strong(cell) if (number - 1, c) in table.strong else cell)
            lines.append("  ".join(cells).rstrip())
    return "\n".join([*lines, *([""] if table.notes else []), *table.notes])


def markdown_table(table: Table) -> str:
    """Return one table in GitHub's Markdown."""
    lines = [f"**{_escaped(table.title)}**", ""]
    lines.append("| " + " | ".join(_escaped(c) for c in table.heads) + " |")
    lines.append("|---" + "|---:" * (len(table.columns) - 1) + "|")
    for i, row in enumerate(table.rows):
        cells = [_escaped(cell) for cell in row]
        cells = [f"**{cell}**" if (i, c) in table.strong else cell for c, cell in enumerate(cells)]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join([*lines, *(f"\n{_escaped(note)}" for note in table.notes)])


# The characters that GitHub treats as markup. An underscore counts only at the edge of a word, and a bracket only where
# a link or a footnote could follow or begin, so that intervals stay unchanged.
_MARKUP = re.compile(r"[\\`*<>|~$&]|(?<![^\W_])_|_(?![^\W_])|\](?=[(\[:])|\[(?=[\^!])|!(?=\[)|^[#+-](?=\s)")


def _escaped(text: str) -> str:
    return _MARKUP.sub(lambda found: "&amp;" if found[0] == "&" else f"\\{found[0]}", text)


_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "↑": r"$\uparrow$", "↓": r"$\downarrow$", "±": r"$\pm$",
    "Δ": r"$\Delta$", "‡": r"$\ddagger$", "†": r"$\dagger$", "<": r"$<$", ">": r"$>$", "|": r"\textbar{}",
}  # fmt: skip


_ONE_COLUMN = 6  # numbers in a row that fit into one column of a two-column page; wider tables span both columns


def latex_table(table: Table) -> str:
    r"""Return one table with the rules of ``\usepackage{booktabs}``; a table with many columns spans the page."""
    kind = "table" if len(table.columns) <= _ONE_COLUMN else "table*"
    lines = [rf"\begin{{{kind}}}", r"\centering", rf"\caption{{{_tex(table.title)}.}}", rf"\label{{tab:{table.label}}}"]
    if kind == "table*":
        lines += [r"\small", r"\setlength{\tabcolsep}{3pt}"]
    lines += [rf"\begin{{tabular}}{{l{'r' * (len(table.columns) - 1)}}}", r"\toprule", *_tex_groups(table)]
    lines.append(" & ".join(_tex(c) for c in table.columns) + r" \\")
    lines.append(r"\midrule")
    for i, row in enumerate(table.rows):
        if i in table.breaks:
            lines.append(r"\midrule")
        cells = [_tex(row[0]), *(_MINUS.sub("$-$", _tex(cell)) for cell in row[1:])]
        cells = [rf"\textbf{{{cell}}}" if (i, c) in table.strong else cell for c, cell in enumerate(cells)]
        lines.append(_after_break(" & ".join(cells)) + r" \\")
    lines += [r"\bottomrule", r"\end{tabular}"]
    if table.notes:
        notes = r" \\ ".join(_after_break(_tex(note)) for note in table.notes)
        lines += ["", r"\smallskip", rf"\parbox{{\linewidth}}{{\footnotesize {notes}}}"]
    return "\n".join([*lines, rf"\end{{{kind}}}"])


_MINUS = re.compile(r"(?<![\w.-])-(?=\d)")


def _tex_groups(table: Table) -> list[str]:
    r"""Return the line of group heads above the column heads, and the line of rules below the groups."""
    cells, rules, first = [], [], 1
    for group, span in table.groups:
        cells.append(rf"\multicolumn{{{span}}}{{c}}{{{_tex(group)}}}" if span > 1 else _tex(group))
        if group:
            rules.append(rf"\cmidrule(lr){{{first}-{first + span - 1}}}")
        first += span
    return [" & ".join(cells) + r" \\", " ".join(rules)] if cells else []


def _after_break(text: str) -> str:
    r"""Return the text guarded, since ``\\`` and ``\midrule`` read a following ``[`` or ``*`` as an argument."""
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


def html_page(shown: Sequence[Table]) -> str:
    """Return one HTML page without scripts, styles or images from other files."""
    title = html.escape(shown[0].title)
    parts = [
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>',
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style>',
    ]
    for table in shown:
        parts.append(f"<h2>{html.escape(table.title)}</h2><div><table><thead>")
        if table.groups:
            heads = (f'<th colspan="{span}">{html.escape(group)}</th>' for group, span in table.groups)
            parts.append(f"<tr>{''.join(heads)}</tr>")
        parts.append("<tr>")
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


def _each(write: Callable[[Table], str]) -> Callable[[Sequence[Table]], str]:
    return lambda shown: "\n\n".join(map(write, shown)) + "\n"


def _of_summary(write: Callable[[Sequence[Table]], str]) -> Callable[[MethodsSummary], str]:
    return lambda summary: write(tables(summary))


WRITERS: dict[str, Callable[[Sequence[Table]], str]] = {
    "text": _each(plain_table),
    "markdown": _each(markdown_table),
    "latex": _each(latex_table),
    "html": html_page,
}
"""The formats of single tables. `csv_text` and `csv_parts` write CSV from the numbers of a summary."""


FORMATS: dict[str, Callable[[MethodsSummary], str]] = {
    **{kind: _of_summary(write) for kind, write in WRITERS.items()},
    "csv": csv_text,
}
"""For each format, the function that writes all tables of a summary."""
