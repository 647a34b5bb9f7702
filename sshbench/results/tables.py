"""What the tables of a summary say, as cells of text; `formats` writes them."""

from __future__ import annotations

import math
from dataclasses import dataclass

from sshbench.benchmarks.protocol import PROTOCOLS
from sshbench.errors import printable
from sshbench.methods.cards import terms_of
from sshbench.metrics.suite import METRICS
from sshbench.results.published import Published, published_on
from sshbench.results.statistics import Estimate, Versus
from sshbench.results.summary import Row, Summary, Weighting, higher_is_better

MISSING = "missing"  # of a method whose weights are not here
CEILING = "ceiling: sees the ground truth"
SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Table:
    """Cells of text, each one printable line, whatever the records hold.

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

    def __post_init__(self) -> None:
        set_ = object.__setattr__
        set_(self, "title", printable(self.title))
        set_(self, "columns", tuple(map(printable, self.columns)))
        set_(self, "rows", tuple(tuple(map(printable, row)) for row in self.rows))
        set_(self, "notes", tuple(map(printable, self.notes)))


def tables(summary: Summary, *, published: bool = True) -> list[Table]:
    """All tables of a summary: the first metric in full, all metrics, the strata, and what is published."""
    if summary.metrics:
        found = [_leading(summary), _means(summary)]
        found += [_weighted(summary, summary.weighting)] if summary.weighting else []
        found += [_stratum(summary, division) for division in summary.strata]
    else:
        found = [_failures_only(summary)]
    printed = published_table(summary.benchmark) if published else None
    return [*found, printed] if printed else found


def title_of(metric: str) -> str:
    """A column's head: name, unit, and which way is better."""
    known = METRICS.get(metric)
    unit = f" {known.unit}" if known and known.unit else ""
    return f"{known.title if known else metric}{unit} {'↑' if higher_is_better(metric) else '↓'}"


def _leading(summary: Summary) -> Table:
    metric, weighting = summary.metrics[0], summary.weighting
    weighted = any(row.trained_by for row in summary.rows)
    head = (
        "method",
        *(["weights of"] if weighted else []),
        title_of(metric),
        "95% interval",
        *([f"weighted to {weighting.shares.name} (estimate)", "95% interval"] if weighting else []),
        "to the best",
        "95% interval",
        "p",
        "n",
        "ms/image",
    )
    rows = []
    for row in summary.rows:
        one, against = row.estimates[metric], row.versus.get(metric)
        compared = _difference(metric, against)
        if summary.best.get(metric) == row.method:
            compared = ("best", "", "")
        estimated = [row.weighted[metric]] if weighting else []
        means = [cell for e in (one, *estimated) for cell in (number(metric, e.mean), interval(metric, e))]
        cells = *means, *compared, _count(row), _cost(row.milliseconds)
        rows.append((_name(row), *([row.trained_by] if weighted else []), *cells))
    title = f"{summary.benchmark}, {_images(summary.images)}, {summary.protocol} (version {summary.protocol_version})"
    return Table(
        title, head, tuple(rows), _strong(summary, {1 + weighted: metric}), _breaks(summary), tuple(_notes(summary))
    )


def _means(summary: Summary) -> Table:
    head = ("method", *(title_of(metric) for metric in summary.metrics))
    rows = tuple(
        (
            _name(row),
            *(
                f"{number(metric, row.estimates[metric].mean)} {interval(metric, row.estimates[metric])}"
                + ("*" if _is_worse(row, metric) else "")
                for metric in summary.metrics
            ),
        )
        for row in summary.rows
    )
    strong = _strong(summary, dict(enumerate(summary.metrics, start=1)))
    note = f"* differs from the best of its column: p < {SIGNIFICANT}, Wilcoxon's signed-rank test, Holm-corrected."
    notes = (note,) if any(_is_worse(row, m) for row in summary.rows for m in summary.metrics) else ()
    notes = (*notes, *stated(summary))
    return Table("All metrics, mean and 95% interval", head, rows, strong, _breaks(summary), notes)


def _weighted(summary: Summary, weighting: Weighting) -> Table:
    name = weighting.shares.name
    head = ("method", *(title_of(metric) for metric in summary.metrics))
    rows = tuple(
        (
            _name(row),
            *(f"{number(m, row.weighted[m].mean)} {interval(m, row.weighted[m])}".strip() for m in summary.metrics),
        )
        for row in summary.rows
    )
    title = f"All metrics weighted to the shares of {name}: estimates from {_images(sum(weighting.images))}"
    notes = (*_weighting_notes(weighting), *stated(summary))
    return Table(title, head, rows, breaks=_breaks(summary), notes=notes)


def _weighting_notes(weighting: Weighting) -> list[str]:
    shares = weighting.shares
    parts = ", ".join(
        f"{part} {share:.1%} ({count} here)"
        for part, share, count in zip(shares.parts, shares.shares, weighting.images, strict=True)
    )
    return [
        f"Estimates, no measurements: images are weighed by the fMSE of the untouched composite, as in {shares.name}: "
        f"{parts}. Intervals draw images within these parts; a part of one image takes its spread from the others.",
        *([f"Shares: {shares.source}"] if shares.source else []),
    ]


def _stratum(summary: Summary, division: str) -> Table:
    metric, parts = summary.metrics[0], summary.strata[division]
    head = ("method", *(f"{part} ({count})" for part, count in parts.items()))
    rows = tuple(
        (
            _name(row),
            *(
                f"{number(metric, one.mean)} {interval(metric, one)}"
                for one in (row.strata[division, part][metric] for part in parts)
            ),
        )
        for row in summary.rows
    )
    named = {"foreground": "part of the image that is foreground"}.get(division, division)
    title = f"{title_of(metric)} by {named} (images)"
    return Table(title, head, rows, breaks=_breaks(summary), notes=tuple(stated(summary)))


def _failures_only(summary: Summary) -> Table:
    rows = tuple((_name(row), _count(row)) for row in summary.rows)
    title = f"{summary.benchmark}, {_images(summary.images)}, protocol {summary.protocol}: nothing was scored"
    return Table(title, ("method", "n"), rows, breaks=_breaks(summary), notes=tuple(failures(summary)))


def published_table(benchmark: str) -> Table | None:
    """What papers print of a benchmark, if anything: as printed, under each paper's own protocol."""
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
    return Table(f"Published on {benchmark}: printed by others, not measured here", head, rows, notes=notes)


def _origin(p: Published) -> tuple[str, str, str]:
    return p.source, p.protocol, p.note


def _notes(summary: Summary) -> list[str]:
    notes = []
    if summary.resolution is not None:
        metric = summary.metrics[0]
        name = METRICS[metric].title if metric in METRICS else metric
        notes.append(
            f"With {_images(summary.images)}, a mean difference in {name} is known to about "
            f"±{number(metric, summary.resolution)} (half of its 95% interval, median over methods)."
        )
    if summary.weighting:
        name = summary.weighting.shares.name
        notes.append(f"What is weighted to {name} is an estimate; the table of such estimates says how they are made.")
    notes.append("Intervals: bootstrap over images. p: Wilcoxon's signed-rank test against the best, Holm-corrected.")
    if summary.metrics[0] not in summary.best and not all(row.sees_target for row in summary.rows):
        notes.append("No method is called the best, since none was scored on every image.")
    if any(row.sees_target for row in summary.rows):
        notes.append(f"‡ {CEILING}, so it is no rival and cannot be the best.")
    counts = {row.n + len(row.failures) for row in summary.rows}
    if len(counts) > 1:
        notes.append("Means are over different images: not every method was run on all of them.")
    return notes + stated(summary) + failures(summary)


def stated(summary: Summary) -> list[str]:
    """What every table of these records has to say: what its protocol gives away, and terms of the authors' weights."""
    protocol = PROTOCOLS.get(summary.protocol)
    found = [f"{summary.protocol}: {protocol.gives_away}."] if protocol and protocol.gives_away else []
    terms = (terms_of(row.method, row.trained_by) for row in summary.rows)
    return found + list(dict.fromkeys(f"{one}." for one in terms if one))


def failures(summary: Summary) -> list[str]:
    """A sentence for each method that failed on images."""
    found = []
    for row in summary.rows:
        if row.trained_by == MISSING:
            found.append(f"† {next(iter(row.failures.values()))}.")
        elif row.failures:
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


def number(metric: str, value: float, sign: str = "") -> str:
    """A value with the digits of its metric; nothing for NaN."""
    digits = METRICS[metric].digits if metric in METRICS else 4
    return "" if math.isnan(value) else f"{value:{sign}.{digits}f}"


def interval(metric: str, one: Estimate | Versus, sign: str = "") -> str:
    """The interval of an estimate; nothing where there is none."""
    if math.isnan(one.low):
        return ""
    return f"[{number(metric, one.low, sign)}, {number(metric, one.high, sign)}]"


def _difference(metric: str, one: Versus | None) -> tuple[str, str, str]:
    if one is None:
        return "", "", ""
    p = "< 0.0001" if one.p < 0.0001 else f"{one.p:.4f}"
    return number(metric, one.difference, "+"), interval(metric, one, "+"), p


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
