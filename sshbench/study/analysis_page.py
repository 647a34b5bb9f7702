"""One HTML page of an analysis: charts of scores with intervals, and all tables. It has no script and loads nothing."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from pathlib import Path

from sshbench import __version__
from sshbench.errors import printable
from sshbench.results.statistics import Estimate
from sshbench.results.tables import Table
from sshbench.study.analysis import SCORE, SIMULATED, Analysis, tables
from sshbench.whole_file import whole_file

_STYLE = """
:root { --ink: #1d1f21; --paper: #fff; --soft: #666b70; --line: #d9dcdf; --accent: #0b62c4; color-scheme: light dark; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e6e8; --paper: #141618; --soft: #9aa1a8; --line: #34393e; --accent: #6db1ff; }
}
body { margin: 0 auto; max-width: 72rem; padding: 0 1rem 3rem; font: 1rem/1.5 system-ui, sans-serif; color: var(--ink);
  background: var(--paper); }
h1, h2 { line-height: 1.25; overflow-wrap: anywhere; }
h1 { margin: 1.5rem 0 .25rem; } h2 { margin: 2.25rem 0 .5rem; font-size: 1.2rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .7rem; text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
thead th { border-bottom: 2px solid var(--line); font-weight: 600; }
tbody tr { border-bottom: 1px solid var(--line); }
.note { color: var(--soft); font-size: .9rem; margin: .35rem 0; max-width: 60rem; }
.simulated { background: #b3261e; color: #fff; font-weight: 700; padding: .6rem 1rem; border-radius: .4rem; }
svg { display: block; max-width: 100%; height: auto; }
svg text { fill: var(--ink); font-size: 13px; } svg .soft { fill: var(--soft); }
svg line { stroke: var(--line); } svg .bar { stroke: var(--accent); stroke-width: 2.5; }
svg .all { stroke: var(--soft); stroke-width: 1.2; stroke-dasharray: 3 3; } svg circle { fill: var(--accent); }
svg .mark { fill: #b3261e; opacity: .28; font-size: 40px; font-weight: 700; }
"""


def write_page(path: Path, a: Analysis) -> None:
    """Write the page; the file appears whole or not at all."""
    with whole_file(path) as temporary:
        temporary.write_text(page(a), encoding="utf-8")


def page(a: Analysis) -> str:
    """Return the page as HTML. Names and texts of the plan are escaped."""
    simulated = a.model is not None
    overview, *others = tables(a)
    title = _text(f"{f'{SIMULATED}: ' if simulated else ''}{a.plan.title}")
    warning = f'<p class="simulated">{SIMULATED}: nobody was asked. {_text(a.model or "")}</p>' if simulated else ""
    charts = [_chart(SCORE[a.plan.design], a.plan.methods, a.screened.scores, a.everyone.scores, simulated)]
    if a.screened.preference and a.everyone.preference:
        charts.append(
            _chart(
                "Bradley-Terry scores, logits", a.plan.methods, a.screened.preference.scores,
                a.everyone.preference.scores, simulated,
            )
        )  # fmt: skip
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        "<meta http-equiv=\"content-security-policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        f"<title>{title}</title><style>{_STYLE}</style></head><body><main>",
        f"<h1>{title}</h1>",
        warning,
        _table(overview),
        *charts,
        *map(_table, others),
        f'</main><footer><p class="note">Made by sshbench {__version__}.</p></footer></body></html>',
    ]
    return "\n".join(parts) + "\n"


def _text(text: str) -> str:
    return html.escape(printable(text))


def _table(table: Table) -> str:
    head = "".join(f'<th scope="col">{_text(one)}</th>' for one in table.columns)
    rows = "".join(
        "<tr>"
        + "".join(
            f"<td>{f'<b>{_text(cell)}</b>' if (i, c) in table.strong else _text(cell)}</td>"
            for c, cell in enumerate(row)
        )
        + "</tr>"
        for i, row in enumerate(table.rows)
    )
    notes = "".join(f'<p class="note">{_text(note)}</p>' for note in table.notes)
    body = f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
    return f"<section><h2>{_text(table.title)}</h2>{body if table.rows else '<p>None.</p>'}{notes}</section>"


def _chart(
    title: str, methods: Sequence[str], kept: Sequence[Estimate], everyone: Sequence[Estimate], simulated: bool
) -> str:
    """Return a chart with a dot and an interval for each method: after screening, and dashed for all subjects."""
    shown = [m for m in range(len(methods)) if math.isfinite(kept[m].mean)]
    if not shown:
        return ""
    shown.sort(key=lambda m: -kept[m].mean)
    ends = [
        v for m in shown for one in (kept[m], everyone[m]) for v in (one.mean, one.low, one.high) if math.isfinite(v)
    ]
    low, high = min(ends), max(ends)
    span = (high - low) or 1.0
    low, high = low - 0.05 * span, high + 0.05 * span
    left, width, row = 190, 560, 34
    height = row * len(shown) + 40

    def x(value: float) -> float:
        return left + width * (value - low) / (high - low)

    step = _step(high - low)
    ticks = [k * step for k in range(math.ceil(low / step), math.floor(high / step) + 1)]
    lines = [
        f'<line x1="{x(t):.1f}" x2="{x(t):.1f}" y1="4" y2="{height - 34}"/>'
        f'<text class="soft" x="{x(t):.1f}" y="{height - 18}" text-anchor="middle">{t:.10g}</text>'
        for t in ticks
    ]
    for place, m in enumerate(shown):
        y = row * place + row / 2
        for one, name, dy in ((everyone[m], "all", 7), (kept[m], "bar", 0)):
            if math.isfinite(one.low):
                lines.append(
                    f'<line class="{name}" x1="{x(one.low):.1f}" x2="{x(one.high):.1f}" y1="{y + dy}" y2="{y + dy}"/>'
                )
        lines.append(f'<circle cx="{x(kept[m].mean):.1f}" cy="{y}" r="5"/>')
        lines.append(f'<text x="{left - 12}" y="{y + 4}" text-anchor="end">{_text(methods[m][:24])}</text>')
    if simulated:
        middle = left + width / 2
        lines.append(f'<text class="mark" x="{middle}" y="{height / 2}" text-anchor="middle">{SIMULATED}</text>')
    label = _text(title)
    return (
        f'<section><h2>{label[:1].upper()}{label[1:]}</h2><svg viewBox="0 0 {left + width + 30} {height}" '
        f'width="{left + width + 30}" role="img" aria-label="{label}">{"".join(lines)}</svg>'
        '<p class="note">Dots and lines: after screening, with 95% intervals. Dashed: all subjects.</p></section>'
    )


def _step(span: float) -> float:
    power = 10.0 ** math.floor(math.log10(span / 4))
    return next(factor * power for factor in (1, 2, 5, 10) if span / (factor * power) <= 8)
