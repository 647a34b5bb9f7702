"""Convert summaries and records to pandas frames."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from sshbench.errors import printable
from sshbench.results.records import Record, attribute_columns
from sshbench.results.statistics import Estimate
from sshbench.results.summary import MethodRow, MethodsSummary

if TYPE_CHECKING:
    import pandas


def frame(summary: MethodsSummary, *, by: str | None = None) -> pandas.DataFrame:
    """Return one row for each method (and part of the division `by`), indexed by the name of the method, best first.

    The columns are `n`, `failed`, `sees_target`, `ms` (median milliseconds per image) and `trained_by` (the origin of
    the weights). For each metric M, they are `M` (mean), `M_low` and `M_high` (95% bootstrap interval), `M_diff`,
    `M_diff_low` and `M_diff_high` (mean difference to the best method, on the images of both), and `M_p` (p value of
    Wilcoxon's test, corrected by Holm). A weighted summary also has `M_weighted`, `M_weighted_low` and
    `M_weighted_high`, estimates for the set of images in `attrs["weighted_to"]`. `attrs` also holds benchmark,
    protocol, protocol_version, images and best.

    Parameters
    ----------
    by
        `"subset"` or `"foreground"` returns a row for each part of the images, with the name of the part in the column
        `by` and without differences.
    """
    import pandas

    rows = []
    for row in summary.rows:
        head: dict[str, Any] = {"method": printable(row.called)}
        tail: dict[str, Any] = {
            "failed": len(row.failures),
            "sees_target": row.sees_target,
            "ms": row.milliseconds,
            "trained_by": printable(row.trained_by),
        }
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
        "weighted_to": summary.weighting.shares.name if summary.weighting else None,
    }
    return found


def _mean_columns(metric: str, one: Estimate) -> dict[str, float]:
    return {metric: one.mean, f"{metric}_low": one.low, f"{metric}_high": one.high}


def _columns(row: MethodRow, metrics: Sequence[str]) -> dict[str, float]:
    found = {}
    for metric in metrics:
        found.update(_mean_columns(metric, row.estimates[metric]))
        against = row.versus.get(metric)
        found[f"{metric}_diff"] = against.difference if against else math.nan
        found[f"{metric}_diff_low"] = against.low if against else math.nan
        found[f"{metric}_diff_high"] = against.high if against else math.nan
        found[f"{metric}_p"] = against.p if against else math.nan
        if metric in row.weighted:
            found.update(_mean_columns(f"{metric}_weighted", row.weighted[metric]))
    return found


def records_frame(records: Sequence[Record]) -> pandas.DataFrame:
    """Return one row for each record, with the columns of a file of records.

    Each metric and attribute has a column of its own name. Columns that are empty in all records are left out.
    """
    import pandas

    plain = [one.name for one in fields(Record) if one.name not in ("metrics", "attributes")]
    metrics = list(dict.fromkeys(name for record in records for name in record.metrics))
    columns = attribute_columns(records, {*plain, *metrics})
    rows = [
        {name: getattr(record, name) for name in plain[:5]}
        | {name: record.metrics.get(name) for name in metrics}
        | {column: record.attributes.get(name) for column, name in columns.items()}
        | {name: getattr(record, name) for name in plain[5:]}
        for record in records
    ]
    found = pandas.DataFrame(rows)
    empty = [name for name in plain[5:] if name in found and not any(v not in (None, "") for v in found[name])]
    return found.drop(columns=empty)
