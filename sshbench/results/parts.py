"""The usual table of papers: metrics of methods on each part of a benchmark, such as the MSE on iHarmony4's subsets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sshbench.errors import printable
from sshbench.results.records import Record, RecordsError
from sshbench.results.summary import MethodsSummary, chosen, strata_of, summarise
from sshbench.results.tables import (
    Table,
    breaks_of,
    common_notes,
    failures,
    label_of,
    mean_cell,
    named,
    row_name,
    subject_of,
    title_of,
    whose,
)

if TYPE_CHECKING:
    import pandas

METRICS = ("mse", "psnr", "fmse")
"""The metrics that papers show for each subset. By default, a table shows the metrics among them that were computed."""

DIVISIONS = ("subset", "foreground")
ALL = "all"


def summarise_parts(
    records: Sequence[Record],
    division: str = "subset",
    *,
    metrics: Sequence[str] | None = None,
    sort: str | None = None,
    methods: Mapping[str, str] | None = None,
    ceilings: bool = True,
) -> dict[str, MethodsSummary]:
    """Return a summary for each part of the images, and for all images as the last part, `"all"`.

    Parameters
    ----------
    records
        Records of one benchmark under one protocol.
    division
        The division of the images: `"subset"` or `"foreground"`.
    metrics
        The metrics to summarise; by default the computed metrics among `METRICS`.
    sort, methods, ceilings
        The arguments of `summarise`. The order of the methods is the same in all parts.

    Raises
    ------
    RecordsError
        The images have only one part, or `summarise` raises the error.
    """
    if division not in DIVISIONS:
        raise RecordsError(f"there is no division {division!r} of images, only {' and '.join(DIVISIONS)}")
    records = chosen(records, methods, ceilings=ceilings)
    parts = strata_of(records).get(division)
    if parts is None:
        raise RecordsError(f"these records form at most one part by {named(division)}, so there is nothing to compare")
    there = {name for record in records for name in record.metrics}
    shown = list(metrics) if metrics else [name for name in METRICS if name in there] or None
    whole = summarise(records, metrics=shown, sort=sort, methods=methods)
    order = {row.method: row.title for row in whole.rows}
    found = {}
    for part, ids in parts.items():
        members = set(ids)
        some = [record for record in records if record.id in members]
        there = {record.method for record in some}
        found[part] = summarise(
            some, metrics=whole.metrics, methods={name: title for name, title in order.items() if name in there}
        )
    return {**found, ALL: whole}


def parts_table(parts: Mapping[str, MethodsSummary], division: str = "subset", *, intervals: bool = True) -> Table:
    """Return the result of `summarise_parts` as one table, with a group of columns for each part."""
    whole = parts[ALL]
    columns = [(summary, metric) for summary in parts.values() for metric in whole.metrics]
    by_method = {part: {row.method: row for row in summary.rows} for part, summary in parts.items()}
    rows, strong = [], set()
    for i, row in enumerate(whole.rows):
        cells = []
        for rows_of_part in by_method.values():
            one = rows_of_part.get(row.method)
            cells += [mean_cell(m, one.estimates[m], intervals) if one else "" for m in whole.metrics]
        rows.append((row_name(row), *cells))
        strong |= {(i, c) for c, (summary, m) in enumerate(columns, start=1) if summary.leads(m) == row.method}
    return Table(
        f"{subject_of(whole)}: mean{' and 95% interval' if intervals else ''} by {named(division)}",
        ("method", *(title_of(metric) for _, metric in columns)),
        tuple(rows),
        frozenset(strong),
        breaks_of(whole),
        (
            "The number of images of each part stands in brackets.",
            *whose(whole),
            *common_notes(whole, intervals),
            *failures(whole),
        ),
        groups=(("", 1), *((f"{part} ({one.images:,})", len(whole.metrics)) for part, one in parts.items())),
        label=f"{label_of(whole)}-{division}",
    )


def parts_frame(parts: Mapping[str, MethodsSummary], *, intervals: bool = True) -> pandas.DataFrame:
    """Return the result of `summarise_parts` as a frame with a row for each method.

    The columns have two levels, the part and the metric. With `intervals`, `M_low` and `M_high` follow each metric M.
    `attrs` holds benchmark, protocol, protocol_version, the number of `images` of each part, and `leads`: the method
    with a significant lead by part and metric, if there is such a method.
    """
    import pandas

    whole = parts[ALL]
    rows: dict[str, dict[tuple[str, str], Any]] = {row.method: {} for row in whole.rows}
    for part, summary in parts.items():
        for row in summary.rows:
            for metric, one in row.estimates.items():
                ends: Iterable[tuple[str, float]] = [("_low", one.low), ("_high", one.high)] if intervals else []
                rows[row.method] |= {(part, f"{metric}{end}"): value for end, value in [("", one.mean), *ends]}
    columns = list(dict.fromkeys(key for cells in rows.values() for key in cells))
    found = pandas.DataFrame(
        [[cells.get(key) for key in columns] for cells in rows.values()],
        index=pandas.Index([printable(row.called) for row in whole.rows], name="method"),
        columns=pandas.MultiIndex.from_tuples(columns, names=["part", "metric"]),
        dtype=float,
    )
    found.attrs = {
        "benchmark": whole.benchmark,
        "protocol": whole.protocol,
        "protocol_version": whole.protocol_version,
        "images": {part: summary.images for part, summary in parts.items()},
        "leads": {(p, m): name for p, summary in parts.items() for m in whole.metrics if (name := summary.leads(m))},
    }
    return found
