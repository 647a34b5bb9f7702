"""Tables of measured and published numbers side by side; each row states the method, its training and the images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sshbench.errors import counted
from sshbench.results.published import Published, published_on
from sshbench.results.summary import MethodsSummary
from sshbench.results.tables import Table, failures, interval, number, stated, title_of


@dataclass(frozen=True)
class Line:
    """A row: the method's name in records and in published.csv, its description, and its training data."""

    name: str
    says: str
    trained: str


def beside(
    title: str,
    lines: Sequence[Line],
    summary: MethodsSummary,
    images: str,
    benchmark: str = "realhm",
    metrics: Sequence[str] | None = None,
) -> Table:
    """Return a table of measured and published numbers side by side.

    Parameters
    ----------
    images
        A text that describes the images of the summary.
    benchmark
        The benchmark of the published numbers.
    metrics
        The metrics of the columns, measured or not; by default the measured metrics.
    """
    metrics = summary.metrics if metrics is None else metrics
    published = published_on(benchmark)
    printed = {(p.method, p.metric): p.value for p in published}
    rows = {row.method: row for row in summary.rows}
    columns = ["method"]
    for metric in metrics:
        columns += [title_of(metric), "95% interval", f"published ({benchmark})"]
    columns += ["what", "trained on", "measured on"]
    where = f"{images} ({summary.images}), {summary.protocol}"
    cells = []
    for line in lines:
        row, found = rows.get(line.name), [line.name]
        for metric in metrics:
            one = row.estimates.get(metric) if row and row.n else None
            found += [
                number(metric, one.mean) if one else "",
                interval(metric, one) if one else "",
                printed.get((line.name, metric), ""),
            ]
        cells.append((*found, line.says, line.trained, where if row and row.n else "not measured"))
    return Table(
        title,
        tuple(columns),
        tuple(cells),
        notes=(*_notes(lines, published, summary, benchmark), *stated(summary), *failures(summary)),
    )


def _notes(lines: Sequence[Line], printed: Sequence[Published], summary: MethodsSummary, benchmark: str) -> list[str]:
    names = {line.name for line in lines}
    sources = dict.fromkeys(f"{p.source}, {counted(p.n, 'image')}, {p.note}" for p in printed if p.method in names)
    notes = [f"Published: printed by others on {benchmark}, not measured here ({'; '.join(sources)})."]
    if summary.benchmark != benchmark:
        notes.append(
            f"Measured on other images than those of {benchmark}: compare differences between rows, not values."
        )
    return notes
