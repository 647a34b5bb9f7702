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
        Folders that `sshbench evaluate` wrote, folders of those, or single files of records.
    benchmark, protocol
        The benchmark and the protocol, if there are records of several; no table mixes them.
    metrics, sort
        The columns to show, and the metric to sort by. The defaults are all metrics, and the first.
    by
        `"subset"` or `"foreground"` gives a row for each part of the images.
    weight_to
        A name or a file, as for `sshbench.results.weighting.read_shares`: adds estimates for that set of images.
    methods
        The names of the methods to show, or a dict from names to titles; by default all, the best first.
    ceilings
        Whether to show the methods that see the ground truth.

    Returns
    -------
    pandas.DataFrame
        Indexed by the method, best first; see `sshbench.Evaluation.table` for the columns.

    Raises
    ------
    RecordsError
        Records that are missing, damaged, contradict each other or do not compare.
    SharesError
        There are no such shares.

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
    """Return methods by subsets and metrics, the table that papers on iHarmony4 print.

    Parameters
    ----------
    path, benchmark, protocol, methods, ceilings
        As for `leaderboard`.
    by
        `"subset"` or `"foreground"`.
    metrics
        `("mse", "psnr", "fmse")` by default.
    intervals
        Whether `M_low` and `M_high`, the ends of the 95% interval, follow each metric M.

    Returns
    -------
    pandas.DataFrame
        One row for each method, with columns of two levels: a part of the images (`"all"` is the last) and a metric. As
        LaTeX: `field_table(path, intervals=False).style.format(precision=2).to_latex(hrules=True)`, which needs Jinja2.

    Raises
    ------
    RecordsError
        As for `leaderboard`, or the images have only one part.

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
