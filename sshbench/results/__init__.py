"""The output of evaluation: records, their statistics, tables, and the numbers that papers print."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from sshbench.lazy import exports

if TYPE_CHECKING:
    import pandas

    from sshbench.results.evaluation import Evaluation as Evaluation
    from sshbench.results.records import Record as Record
    from sshbench.results.records import RecordsError as RecordsError
    from sshbench.results.records import read_records as read_records
    from sshbench.results.weighting import SharesError as SharesError

_HOMES = {
    "Evaluation": "evaluation",
    "Record": "records",
    "RecordsError": "records",
    "SharesError": "weighting",
    "read_records": "records",
}
__getattr__, __dir__, __all__ = exports(__name__, _HOMES, others=["field_table", "leaderboard"])


def leaderboard(
    path: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    *,
    benchmark: str | None = None,
    protocol: str | None = None,
    metrics: Sequence[str] | None = None,
    sort: str | None = None,
    by: str | None = None,
    weight_to: str | os.PathLike[str] | None = None,
    methods: Mapping[str, str] | Sequence[str] | None = None,
    ceilings: bool = True,
) -> pandas.DataFrame:
    """Return one row for each method, from the records in one or more folders of results.

    Parameters
    ----------
    path
        Folders that `sshbench evaluate` wrote, folders of such folders, or single files of records.
    benchmark, protocol
        The benchmark and the protocol to show. They are required if the records are of several, since a table shows one
        benchmark under one protocol.
    metrics, sort
        The metrics to show, and the metric to sort by. By default, all metrics are shown, and the first one sorts.
    by
        `"subset"` or `"foreground"` adds a row for each part of the images.
    weight_to
        The name or the file of a set of images, as for `sshbench.results.weighting.read_shares`. The table then also
        estimates the means on this set.
    methods
        The names of the methods to show, or a dict from names to titles. By default, all methods are shown, best first.
    ceilings
        Whether to show the methods that see the ground truth.

    Returns
    -------
    pandas.DataFrame
        A frame indexed by the method, best first. `sshbench.Evaluation.table` describes the columns.

    Raises
    ------
    RecordsError
        Records are missing or damaged, contradict each other, or are not comparable.
    SharesError
        `weight_to` is neither a known name nor a valid file.

    Examples
    --------
    >>> import sshbench
    >>> from sshbench.results import leaderboard
    >>> _ = sshbench.evaluate("sample", "dc", metrics=["psnr"], limit=2, workers=1, out="results")
    >>> leaderboard("results")[["n", "psnr"]].round(2).loc["dc"].tolist()
    [2.0, 20.6]
    """
    from sshbench.results.frame import frame
    from sshbench.results.records import read_records
    from sshbench.results.summary import one_of, summarise
    from sshbench.results.weighting import read_shares

    paths = [path] if isinstance(path, str | os.PathLike) else list(path)
    records = one_of(read_records(paths), benchmark=benchmark, protocol=protocol)
    shares = None if weight_to is None else read_shares(weight_to)
    summary = summarise(
        records, metrics=metrics, sort=sort, weight_to=shares, methods=_titles(methods), ceilings=ceilings
    )
    return frame(summary, by=by)


def field_table(
    path: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    *,
    benchmark: str | None = None,
    protocol: str | None = None,
    by: str = "subset",
    metrics: Sequence[str] | None = None,
    methods: Mapping[str, str] | Sequence[str] | None = None,
    ceilings: bool = True,
    intervals: bool = True,
) -> pandas.DataFrame:
    """Return the metrics of methods on each subset, in the layout that papers on iHarmony4 use.

    Parameters
    ----------
    path, benchmark, protocol, methods, ceilings
        The arguments of `leaderboard`.
    by
        The division of the images: `"subset"` or `"foreground"`.
    metrics
        The metrics to show, by default `("mse", "psnr", "fmse")`.
    intervals
        Whether to add `M_low` and `M_high`, the ends of the 95% interval, after each metric M.

    Returns
    -------
    pandas.DataFrame
        One row for each method, with columns of two levels: a part of the images (`"all"` is the last) and a metric.
        With Jinja2, `field_table(path, intervals=False).style.format(precision=2).to_latex(hrules=True)` returns LaTeX.

    Raises
    ------
    RecordsError
        The errors of `leaderboard`, or the images have only one part.

    Examples
    --------
    >>> import sshbench
    >>> from sshbench.results import field_table
    >>> _ = sshbench.evaluate("sample", "dc", metrics=["psnr"], workers=1, out="results")
    >>> field_table("results", metrics=["psnr"], intervals=False)["all"].round(2).loc["dc"].tolist()
    [30.33]
    """
    from sshbench.results.parts import parts_frame, summarise_parts
    from sshbench.results.records import read_records
    from sshbench.results.summary import one_of

    paths = [path] if isinstance(path, str | os.PathLike) else list(path)
    records = one_of(read_records(paths), benchmark=benchmark, protocol=protocol)
    found = summarise_parts(records, by, metrics=metrics, methods=_titles(methods), ceilings=ceilings)
    return parts_frame(found, intervals=intervals)


def _titles(methods: Mapping[str, str] | Sequence[str] | None) -> dict[str, str] | None:
    if methods is None:
        return None
    return dict(methods) if isinstance(methods, Mapping) else dict.fromkeys(methods, "")
