"""Tables of a summary: a pandas frame, and text, CSV, Markdown, LaTeX (booktabs) and HTML."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sshbench.metrics.suite import METRICS
from sshbench.results.published import Published, published_on
from sshbench.results.statistics import Estimate, Versus
from sshbench.results.summary import Row, Summary, higher_is_better

if TYPE_CHECKING:
    import pandas

CEILING = "ceiling: sees the ground truth"
SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Table:
    """Cells of text.

    Parameters
    ----------
    strong
        Row and column of cells to set in bold.
    breaks
        Rows in front of which a rule goes.
    notes
        Sentences below it.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    strong: frozenset[tuple[int, int]] = frozenset()
    breaks: frozenset[int] = frozenset()
    notes: tuple[str, ...] = ()


# --- what tables say --------------------------------------------------------------------------------------------------


def tables(summary: Summary, *, published: bool = True) -> list[Table]:
    """All tables of a summary: the first metric in full, all metrics, the strata, and what is published."""
    found = [_leading(summary), _means(summary)] if summary.metrics else [_failures_only(summary)]
    found += [_stratum(summary, division) for division in summary.strata]
    printed = published_table(summary.benchmark) if published else None
    return [*found, printed] if printed else found


def title_of(metric: str) -> str:
    """A column's head: name, unit, and which way is better."""
    known = METRICS.get(metric)
    unit = f" {known.unit}" if known and known.unit else ""
    return f"{known.title if known else metric}{unit} {'↑' if higher_is_better(metric) else '↓'}"


def _leading(summary: Summary) -> Table:
    metric = summary.metrics[0]
    head = ("method", title_of(metric), "95% interval", "to the best", "95% interval", "p", "n", "ms/image")
    rows = []
    for row in summary.rows:
        one, against = row.estimates[metric], row.versus.get(metric)
        compared = _difference(metric, against)
        if summary.best.get(metric) == row.method:
            compared = ("best", "", "")
        cells = _number(metric, one.mean), _interval(metric, one), *compared, _count(row), _cost(row.milliseconds)
        rows.append((_name(row), *cells))
    title = f"{summary.benchmark}, {_images(summary.images)}, {summary.protocol} (version {summary.protocol_version})"
    return Table(title, head, tuple(rows), _strong(summary, {1: metric}), _breaks(summary), tuple(_notes(summary)))


def _means(summary: Summary) -> Table:
    head = ("method", *(title_of(metric) for metric in summary.metrics))
    rows = tuple(
        (
            _name(row),
            *(
                f"{_number(metric, row.estimates[metric].mean)} {_interval(metric, row.estimates[metric])}"
                + ("*" if _is_worse(row, metric) else "")
                for metric in summary.metrics
            ),
        )
        for row in summary.rows
    )
    strong = _strong(summary, dict(enumerate(summary.metrics, start=1)))
    note = f"* differs from the best of its column: p < {SIGNIFICANT}, Wilcoxon's signed-rank test, Holm-corrected."
    notes = (note,) if any(_is_worse(row, m) for row in summary.rows for m in summary.metrics) else ()
    return Table("All metrics, mean and 95% interval", head, rows, strong, _breaks(summary), notes)


def _stratum(summary: Summary, division: str) -> Table:
    metric, parts = summary.metrics[0], summary.strata[division]
    head = ("method", *(f"{part} ({count})" for part, count in parts.items()))
    rows = tuple(
        (
            _name(row),
            *(
                f"{_number(metric, one.mean)} {_interval(metric, one)}"
                for one in (row.strata[division, part][metric] for part in parts)
            ),
        )
        for row in summary.rows
    )
    named = {"foreground": "part of the image that is foreground"}.get(division, division)
    return Table(f"{title_of(metric)} by {named} (images)", head, rows, breaks=_breaks(summary))


def _failures_only(summary: Summary) -> Table:
    rows = tuple((_name(row), _count(row)) for row in summary.rows)
    title = f"{summary.benchmark}, {_images(summary.images)}, protocol {summary.protocol}: nothing was scored"
    return Table(title, ("method", "n"), rows, breaks=_breaks(summary), notes=tuple(_failures(summary)))


def published_table(benchmark: str) -> Table | None:
    """What papers print of a benchmark, if anything: as printed, under each paper's own protocol."""
    printed = published_on(benchmark)
    if not printed:
        return None
    metrics = list(dict.fromkeys(p.metric for p in printed))
    sources = list(dict.fromkeys((p.source, p.note) for p in printed))
    lines: dict[tuple[str, str, str, int], dict[str, Published]] = {}
    for p in printed:
        lines.setdefault((p.method, p.source, p.note, p.n), {})[p.metric] = p
    rows = tuple(
        (
            method,
            *(cells[m].value if m in cells else "" for m in metrics),
            str(n),
            f"[{sources.index((source, note)) + 1}]",
        )
        for (method, source, note, n), cells in lines.items()
    )
    head = ("method", *(title_of(metric) for metric in metrics), "n", "source")
    notes = tuple(f"[{i}] {source}: {note}." for i, (source, note) in enumerate(sources, start=1))
    return Table(f"Published on {benchmark}: printed by others, not measured here", head, rows, notes=notes)


def _notes(summary: Summary) -> list[str]:
    notes = []
    if summary.resolution is not None:
        metric = summary.metrics[0]
        name = METRICS[metric].title if metric in METRICS else metric
        notes.append(
            f"With {_images(summary.images)}, a mean difference in {name} is known to about "
            f"±{_number(metric, summary.resolution)} (half of its 95% interval, median over methods)."
        )
    notes.append("Intervals: bootstrap over images. p: Wilcoxon's signed-rank test against the best, Holm-corrected.")
    if any(row.sees_target for row in summary.rows):
        notes.append(f"‡ {CEILING}, so it is no rival and cannot be the best.")
    counts = {row.n + len(row.failures) for row in summary.rows}
    if len(counts) > 1:
        notes.append("Means are over different images: not every method was run on all of them.")
    return notes + _failures(summary)


def _failures(summary: Summary) -> list[str]:
    found = []
    for row in summary.rows:
        if row.failures:
            id, why = next(iter(row.failures.items()))
            rest = f"; its means are over the other {row.n}" if row.n else ""
            found.append(f"† {row.method} failed on {_images(len(row.failures))}{rest}. First: {id}: {why}")
    return found


def _name(row: Row) -> str:
    return f"{row.method}{' ‡' if row.sees_target else ''}{' †' if row.failures else ''}"


def _count(row: Row) -> str:
    return str(row.n) if row.n == row.images else f"{row.n} of {row.images}"


def _cost(milliseconds: float | None) -> str:
    if milliseconds is None:
        return ""
    return f"{milliseconds:.0f}" if milliseconds >= 10 else f"{milliseconds:.1f}"


def _images(count: int) -> str:
    return f"{count:,} image{'' if count == 1 else 's'}"


def _number(metric: str, value: float, sign: str = "") -> str:
    digits = METRICS[metric].digits if metric in METRICS else 4
    return "" if math.isnan(value) else f"{value:{sign}.{digits}f}"


def _interval(metric: str, one: Estimate | Versus, sign: str = "") -> str:
    if math.isnan(one.low):
        return ""
    return f"[{_number(metric, one.low, sign)}, {_number(metric, one.high, sign)}]"


def _difference(metric: str, one: Versus | None) -> tuple[str, str, str]:
    if one is None:
        return "", "", ""
    p = "< 0.0001" if one.p < 0.0001 else f"{one.p:.4f}"
    return _number(metric, one.difference, "+"), _interval(metric, one, "+"), p


def _is_worse(row: Row, metric: str) -> bool:
    return metric in row.versus and row.versus[metric].p < SIGNIFICANT


def _strong(summary: Summary, columns: dict[int, str]) -> frozenset[tuple[int, int]]:
    return frozenset(
        (i, column)
        for i, row in enumerate(summary.rows)
        for column, metric in columns.items()
        if summary.best.get(metric) == row.method
    )


def _breaks(summary: Summary) -> frozenset[int]:
    first = next((i for i, row in enumerate(summary.rows) if row.sees_target), 0)
    return frozenset({first} if first else set())


# --- how they are written ---------------------------------------------------------------------------------------------


def frame(summary: Summary, *, by: str | None = None) -> pandas.DataFrame:
    """One row a method (and part of the division `by`), indexed by its name, best first.

    Columns are `n`, `failed`, `sees_target`, `ms` (median milliseconds an image), and for each metric M: `M` (mean),
    `M_low`, `M_high` (95% bootstrap interval), `M_diff`, `M_diff_low`, `M_diff_high` (to the best method, on the images
    of both) and `M_p` (Wilcoxon, Holm-corrected). `attrs` holds benchmark, protocol, protocol_version, images and best.

    Parameters
    ----------
    by
        `"subset"` or `"foreground"`: a row for each part of the images, with its name in the column `by`, and without
        differences.
    """
    import pandas

    rows = []
    for row in summary.rows:
        head: dict[str, Any] = {"method": row.method}
        tail = {"failed": len(row.failures), "sees_target": row.sees_target, "ms": row.milliseconds}
        if by is None:
            rows.append({**head, "n": row.n, **tail, **_columns(row, summary.metrics)})
            continue
        for part in summary.strata.get(by, ()):
            estimates = row.strata[by, part]
            numbers = {k: v for m in summary.metrics for k, v in _mean_columns(m, estimates[m]).items()}
            n = max((one.n for one in estimates.values()), default=0)
            rows.append({**head, by: part, "n": n, "sees_target": row.sees_target, **numbers})
    found = pandas.DataFrame(rows, columns=None if rows else ["method"]).set_index("method")
    found.attrs = {
        "benchmark": summary.benchmark,
        "protocol": summary.protocol,
        "protocol_version": summary.protocol_version,
        "images": summary.images,
        "best": dict(summary.best),
    }
    return found


def _mean_columns(metric: str, one: Estimate) -> dict[str, float]:
    return {metric: one.mean, f"{metric}_low": one.low, f"{metric}_high": one.high}


def _columns(row: Row, metrics: Sequence[str]) -> dict[str, float]:
    found = {}
    for metric in metrics:
        found.update(_mean_columns(metric, row.estimates[metric]))
        against = row.versus.get(metric)
        found[f"{metric}_diff"] = against.difference if against else math.nan
        found[f"{metric}_diff_low"] = against.low if against else math.nan
        found[f"{metric}_diff_high"] = against.high if against else math.nan
        found[f"{metric}_p"] = against.p if against else math.nan
    return found


def csv_text(summary: Summary) -> str:
    """The frame as CSV, with benchmark and protocol in every line; no published numbers."""
    found = frame(summary).reset_index()
    found.insert(0, "benchmark", summary.benchmark)
    found.insert(1, "protocol", summary.protocol)
    found.insert(2, "protocol_version", summary.protocol_version)
    return str(found.to_csv(index=False, lineterminator="\n"))


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
    return "\n\n".join(_plain(table, width, strong) for table in tables(summary, published=published)) + "\n"


def _plain(table: Table, width: int, strong: Callable[[str], str]) -> str:
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
    parts = []
    for table in tables(summary):
        lines = [f"**{table.title}**", ""]
        lines.append("| " + " | ".join(_escaped(c) for c in table.columns) + " |")
        lines.append("|---" + "|---:" * (len(table.columns) - 1) + "|")
        for i, row in enumerate(table.rows):
            cells = [_escaped(cell) for cell in row]
            cells = [f"**{cell}**" if (i, c) in table.strong else cell for c, cell in enumerate(cells)]
            lines.append("| " + " | ".join(cells) + " |")
        parts.append("\n".join([*lines, *(f"\n{_escaped(note)}" for note in table.notes)]))
    return "\n\n".join(parts) + "\n"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("*", "\\*").replace("<", "\\<")


_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "↑": r"$\uparrow$", "↓": r"$\downarrow$", "±": r"$\pm$",
    "Δ": r"$\Delta$", "‡": r"$\ddagger$", "†": r"$\dagger$", "<": r"$<$", ">": r"$>$",
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
            lines.append(" & ".join(cells) + r" \\")
        lines += [r"\bottomrule", r"\end{tabular}"]
        if table.notes:
            lines += ["", r"\smallskip", r"{\footnotesize " + r" \\ ".join(_tex(note) for note in table.notes) + "}"]
        parts.append("\n".join([*lines, r"\end{table}"]))
    return "\n\n".join(parts) + "\n"


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
    title = html.escape(f"{summary.benchmark} under {summary.protocol}")
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
