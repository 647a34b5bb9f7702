"""What evaluation leaves behind: records, their statistics, tables and the numbers that papers print."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas


def leaderboard(
    path: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    *,
    benchmark: str | None = None,
    protocol: str | None = None,
    metrics: Sequence[str] | None = None,
    sort: str | None = None,
    by: str | None = None,
    weight_to: str | os.PathLike[str] | None = None,
) -> pandas.DataFrame:
    """One row a method, from the records in one or more folders of results.

    Parameters
    ----------
    path
        Folders that `sshbench evaluate` wrote, folders of those, or single files of records.
    benchmark, protocol
        Which, where the records are of several; no table mixes them.
    metrics, sort
        Columns to show, and the metric to sort by; all, and the first.
    by
        `"subset"` or `"foreground"`: a row for each part of the images.
    weight_to
        A name or file as for `sshbench.results.weighting.read_shares`: adds estimates for that set of images.

    Returns
    -------
    See `sshbench.results.frame.frame` for the columns.

    Raises
    ------
    RecordsError
        Records that are missing, damaged, contradict each other or do not compare.
    SharesError
        There are no such shares.
    """
    from sshbench.results.frame import frame
    from sshbench.results.records import read_records
    from sshbench.results.summary import one_of, summarise
    from sshbench.results.weighting import read_shares

    paths = [path] if isinstance(path, str | os.PathLike) else list(path)
    records = one_of(read_records(paths), benchmark=benchmark, protocol=protocol)
    shares = None if weight_to is None else read_shares(weight_to)
    return frame(summarise(records, metrics=metrics, sort=sort, weight_to=shares), by=by)
