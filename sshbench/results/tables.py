"""Make the tables of a summary, as cells of text; `sshbench.results.formats` writes them."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from sshbench.benchmarks.protocol import PROTOCOLS
from sshbench.errors import counted, printable
from sshbench.methods.cards import terms_of
from sshbench.metrics.suite import METRICS
from sshbench.results.published import Published, published_on
from sshbench.results.statistics import Estimate, Versus
from sshbench.results.summary import MethodRow, MethodsSummary, Weighting, higher_is_better

MISSING = "missing"  # the mark of a method whose weights are missing
CEILING = "ceiling: sees the ground truth"
SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Table:
    """A table of text cells. Each cell is one printable line, even if the records hold other characters.

    Parameters
    ----------
    strong
        The row and the column of each cell in bold.
    breaks
        The rows that a rule precedes.
    notes
        The sentences below the table.
    groups
        The group heads above the column heads, each with the number of columns that it spans; may be empty.
    label
        The label of the table in LaTeX, after `tab:`.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    strong: frozenset[tuple[int, int]] = frozenset()
    breaks: frozenset[int] = frozenset()
    notes: tuple[str, ...] = ()
    groups: tuple[tuple[str, int], ...] = ()
    label: str = "sshbench"

    @property
    def heads(self) -> tuple[str, ...]:
        """The head of each column in one line, preceded by the head of its group."""
        groups = [group for group, span in self.groups for _ in range(span)] or [""] * len(self.columns)
        return tuple(f"{group} {column}".strip() for group, column in zip(groups, self.columns, strict=True))

    def __post_init__(self) -> None:
        set_ = object.__setattr__
        set_(self, "title", printable(self.title))
        set_(self, "columns", tuple(map(printable, self.columns)))
        set_(self, "rows", tuple(tuple(map(printable, row)) for row in self.rows))
        set_(self, "notes", tuple(map(printable, self.notes)))
        set_(self, "groups", tuple((printable(group), span) for group, span in self.groups))
        set_(self, "label", re.sub(r"[^a-z0-9-]+", "-", self.label.lower()).strip("-"))


def tables(summary: MethodsSummary, *, published: bool = True, intervals: bool = True) -> list[Table]:
    """Return all tables of a summary: the first metric in detail, all metrics, the strata, and published numbers.

    Parameters
    ----------
    published
        Whether to add the table of published numbers.
    intervals
        Whether to show the 95% intervals of means and differences.
    """
    if summary.metrics:
        found = [_leading(summary, intervals), means_table(summary, intervals=intervals)]
        found += [_weighted(summary, summary.weighting, intervals)] if summary.weighting else []
        found += [_stratum(summary, division, intervals) for division in summary.strata]
    else:
        found = [_failures_only(summary)]
    printed = published_table(summary.benchmark) if published else None
    return [*found, printed] if printed else found


def title_of(metric: str) -> str:
    """Return the head of a metric's column: the name, the unit, and the direction of better values."""
    known = METRICS.get(metric)
    unit = f" {known.unit}" if known and known.unit else ""
    return f"{known.title if known else metric}{unit} {'↑' if higher_is_better(metric) else '↓'}"


def _leading(summary: MethodsSummary, intervals: bool) -> Table:
    metric, weighting = summary.metrics[0], summary.weighting
    weighted = any(row.trained_by for row in summary.rows)
    beside = ["95% interval"] if intervals else []
    head = (
        "method",
        *(["weights of"] if weighted else []),
        title_of(metric),
        *beside,
        *([f"weighted to {weighting.shares.name} (estimate)", *beside] if weighting else []),
        "to the best",
        *beside,
        "p",
        "n",
        "ms/image",
    )
    rows = []
    for row in summary.rows:
        one, against = row.estimates[metric], row.versus.get(metric)
        difference, span, p = _difference(metric, against)
        if summary.best.get(metric) == row.method:
            difference = "best"
        estimated = [row.weighted[metric]] if weighting else []
        pairs = [(number(metric, e.mean), interval(metric, e)) for e in (one, *estimated)]
        means = [cell for pair in (*pairs, (difference, span)) for cell in pair[: 1 + intervals]]
        cells = *means, p, _count(row), _cost(row.milliseconds)
        rows.append((row_name(row), *([row.trained_by] if weighted else []), *cells))
    return Table(
        subject_of(summary), head, tuple(rows), _strong(summary, {1 + weighted: metric}), breaks_of(summary),
        tuple(_notes(summary, intervals)), label=f"{label_of(summary)}-{metric}",
    )  # fmt: skip


def means_table(summary: MethodsSummary, *, intervals: bool = True, alone: bool = False) -> Table:
    """Return the table of all metrics, with a row for each method.

    Parameters
    ----------
    intervals
        Whether to show the 95% intervals of means.
    alone
        Whether the table is shown without other tables, and therefore states its subject and all notes.
    """
    head = ("method", *(title_of(metric) for metric in summary.metrics))
    rows = tuple(
        (
            row_name(row),
            *(
                mean_cell(metric, row.estimates[metric], intervals) + ("*" if _is_worse(row, metric) else "")
                for metric in summary.metrics
            ),
        )
        for row in summary.rows
    )
    strong = _strong(summary, dict(enumerate(summary.metrics, start=1)))
    note = f"* differs from the best of its column: p < {SIGNIFICANT}, Wilcoxon's signed-rank test, Holm-corrected."
    notes = (note,) if any(_is_worse(row, m) for row in summary.rows for m in summary.metrics) else ()
    title = "All metrics, mean" + (" and 95% interval" if intervals else "")
    if alone:
        title = f"{subject_of(summary)}: mean{' and 95% interval' if intervals else ''}"
        notes = (*notes, *whose(summary), *common_notes(summary, intervals), *failures(summary))
    else:
        notes = (*notes, *stated(summary))
    return Table(title, head, rows, strong, breaks_of(summary), notes, label=f"{label_of(summary)}-means")


def _weighted(summary: MethodsSummary, weighting: Weighting, intervals: bool) -> Table:
    name = weighting.shares.name
    head = ("method", *(title_of(metric) for metric in summary.metrics))
    rows = tuple(
        (
            row_name(row),
            *(mean_cell(m, row.weighted[m], intervals) for m in summary.metrics),
        )
        for row in summary.rows
    )
    title = f"All metrics weighted to the shares of {name}: estimates from {images_of(sum(weighting.images))}"
    notes = (*_weighting_notes(weighting), *stated(summary))
    return Table(title, head, rows, breaks=breaks_of(summary), notes=notes, label=f"{label_of(summary)}-weighted")


def _weighting_notes(weighting: Weighting) -> list[str]:
    shares = weighting.shares
    parts = ", ".join(
        f"{part} {share:.1%} ({count} here)"
        for part, share, count in zip(shares.parts, shares.shares, weighting.images, strict=True)
    )
    return [
        f"These are estimates, not measurements: images are weighted by the fMSE of the untouched composite, as in "
        f"{shares.name}: "
        f"{parts}. Intervals draw images within these parts; a part of one image takes its spread from the others.",
        *([f"Shares: {shares.source}"] if shares.source else []),
    ]


def _stratum(summary: MethodsSummary, division: str, intervals: bool) -> Table:
    metric, parts = summary.metrics[0], summary.strata[division]
    head = ("method", *(f"{part} ({count})" for part, count in parts.items()))
    rows = tuple(
        (
            row_name(row),
            *(mean_cell(metric, row.strata[division, part][metric], intervals) for part in parts),
        )
        for row in summary.rows
    )
    title = f"{title_of(metric)} by {named(division)} (images)"
    notes, label = tuple(stated(summary)), f"{label_of(summary)}-{metric}-{division}"
    return Table(title, head, rows, breaks=breaks_of(summary), notes=notes, label=label)


def named(division: str) -> str:
    """Return the name of a division of the images in titles."""
    return {"foreground": "part of the image that is foreground"}.get(division, division)


def _failures_only(summary: MethodsSummary) -> Table:
    rows = tuple((row_name(row), _count(row)) for row in summary.rows)
    title = f"{summary.benchmark}, {images_of(summary.images)}, protocol {summary.protocol}: nothing was scored"
    return Table(title, ("method", "n"), rows, breaks=breaks_of(summary), notes=tuple(failures(summary)))


def published_table(benchmark: str) -> Table | None:
    """Return the table of published numbers on a benchmark, each under the protocol of its paper; None without any."""
    printed = published_on(benchmark)
    if not printed:
        return None
    metrics = list(dict.fromkeys(p.metric for p in printed))
    sources = list(dict.fromkeys(_origin(p) for p in printed))
    lines: dict[tuple[str, tuple[str, str, str], int], dict[str, Published]] = {}
    for p in printed:
        lines.setdefault((p.method, _origin(p), p.n), {})[p.metric] = p
    rows = tuple(
        (
            method,
            *(cells[m].value if m in cells else "" for m in metrics),
            str(n),
            f"[{sources.index(origin) + 1}]",
        )
        for (method, origin, n), cells in lines.items()
    )
    head = ("method", *(title_of(metric) for metric in metrics), "n", "source")
    notes = tuple(
        f"[{i}] {source}{f', protocol {protocol}' if protocol else ''}: {note}."
        for i, (source, protocol, note) in enumerate(sources, start=1)
    )
    title = f"Published on {benchmark}: printed by others, not measured here"
    return Table(title, head, rows, notes=notes, label=f"{benchmark}-published")


def _origin(p: Published) -> tuple[str, str, str]:
    return p.source, p.protocol, p.note


def _notes(summary: MethodsSummary, intervals: bool) -> list[str]:
    notes = []
    if summary.resolution is not None:
        metric = summary.metrics[0]
        name = METRICS[metric].title if metric in METRICS else metric
        notes.append(
            f"With {images_of(summary.images)}, a mean difference in {name} is known to about "
            f"±{number(metric, summary.resolution)} (half of its 95% interval, median over methods)."
        )
    if summary.weighting:
        name = summary.weighting.shares.name
        notes.append(f"Values weighted to {name} are estimates; the table of estimates says how they are made.")
    notes.append("p: Wilcoxon's signed-rank test against the best, Holm-corrected.")
    if summary.metrics[0] not in summary.best and not all(row.sees_target for row in summary.rows):
        notes.append("No method is called the best, since none was scored on every image.")
    return notes + common_notes(summary, intervals) + failures(summary)


def whose(summary: MethodsSummary) -> list[str]:
    """Return notes on the origin of the methods' weights, for tables without a column for it."""
    by = [f"{row.called}: {row.trained_by}" for row in summary.rows if row.trained_by not in ("", MISSING)]
    return [f"Weights of {', '.join(by)}."] if by else []


def common_notes(summary: MethodsSummary, intervals: bool = True) -> list[str]:
    """Return the notes of a table without other tables: on bold cells, intervals, ceilings, and those of `stated`."""
    notes = []
    if summary.best and len(summary.rows) > 1:
        notes.append(
            "Bold: the best of its column, where its lead is beyond chance: the 95% intervals of the paired "
            "differences to all other methods leave zero out."
        )
    if intervals:
        notes.append("Intervals: bootstrap over images.")
    if any(row.sees_target for row in summary.rows):
        notes.append(f"‡ {CEILING}, so it is no rival and cannot be the best.")
    counts = {row.n + len(row.failures) for row in summary.rows}
    if len(counts) > 1:
        notes.append("Means are over different images, because not every method was run on all of them.")
    return notes + stated(summary)


def stated(summary: MethodsSummary) -> list[str]:
    """Return the notes of every table: the `gives_away` of the protocol, and the terms of the authors' weights."""
    protocol = PROTOCOLS.get(summary.protocol)
    found = [f"{summary.protocol}: {protocol.gives_away}."] if protocol and protocol.gives_away else []
    terms = (terms_of(row.method, row.trained_by) for row in summary.rows)
    return found + list(dict.fromkeys(f"{one}." for one in terms if one))


def failures(summary: MethodsSummary) -> list[str]:
    """Return a sentence for each method that failed on at least one image."""
    found = []
    for row in summary.rows:
        if row.trained_by == MISSING:
            found.append(f"† {next(iter(row.failures.values()))}.")
        elif row.failures:
            id, why = next(iter(row.failures.items()))
            why = why.removeprefix(f"{id}: ")  # errors about an image begin with its id
            rest = f"; its means are over the other {row.n}" if row.n else ""
            found.append(f"† {row.called} failed on {images_of(len(row.failures))}{rest}. First: {id}: {why}")
    return found


def row_name(row: MethodRow) -> str:
    """Return the first cell of a row: the method's name, with marks for ceilings and failures."""
    return f"{row.called}{' ‡' if row.sees_target else ''}{' †' if row.failures else ''}"


def subject_of(summary: MethodsSummary) -> str:
    """Return the subject of a summary as text: the benchmark, the protocol and the number of images."""
    return f"{summary.benchmark}, {images_of(summary.images)}, {summary.protocol} (version {summary.protocol_version})"


def label_of(summary: MethodsSummary) -> str:
    """Return the prefix of the labels of a summary's tables."""
    return f"{summary.benchmark}-{summary.protocol}"


def _count(row: MethodRow) -> str:
    return str(row.n) if row.n == row.images else f"{row.n} of {row.images}"


def _cost(milliseconds: float | None) -> str:
    if milliseconds is None:
        return ""
    return f"{milliseconds:.0f}" if milliseconds >= 10 else f"{milliseconds:.1f}"


def images_of(count: int) -> str:
    """Return a number of images as text, such as "1 image"."""
    return counted(count, "image")


def number(metric: str, value: float, sign: str = "") -> str:
    """Return a value as text with the digits of its metric; empty for NaN."""
    digits = METRICS[metric].digits if metric in METRICS else 4
    return "" if math.isnan(value) else f"{value:{sign}.{digits}f}"


def mean_cell(metric: str, one: Estimate, intervals: bool = True) -> str:
    """Return a mean as text, followed by its interval if `intervals` is True."""
    return f"{number(metric, one.mean)} {interval(metric, one) if intervals else ''}".strip()


def interval(metric: str, one: Estimate | Versus, sign: str = "") -> str:
    """Return the interval of an estimate as text; empty if the estimate has no interval."""
    if math.isnan(one.low):
        return ""
    return f"[{number(metric, one.low, sign)}, {number(metric, one.high, sign)}]"


def _difference(metric: str, one: Versus | None) -> tuple[str, str, str]:
    if one is None:
        return "", "", ""
    p = "< 0.0001" if one.p < 0.0001 else f"{one.p:.4f}"
    return number(metric, one.difference, "+"), interval(metric, one, "+"), p


def _is_worse(row: MethodRow, metric: str) -> bool:
    return metric in row.versus and row.versus[metric].p < SIGNIFICANT


def _strong(summary: MethodsSummary, columns: dict[int, str]) -> frozenset[tuple[int, int]]:
    return frozenset(
        (i, column)
        for i, row in enumerate(summary.rows)
        for column, metric in columns.items()
        if summary.leads(metric) == row.method
    )


def breaks_of(summary: MethodsSummary) -> frozenset[int]:
    """Return the index of the first ceiling if methods precede it; a rule separates them."""
    first = next((i for i, row in enumerate(summary.rows) if row.sees_target), 0)
    return frozenset({first} if first else set())
