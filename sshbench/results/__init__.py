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

    Returns
    -------
    See `sshbench.results.frame.frame` for the columns.

    Raises
    ------
    RecordsError
        Records that are missing, damaged, contradict each other or do not compare.
    """
    from sshbench.results.frame import frame
    from sshbench.results.records import read_records
    from sshbench.results.summary import one_of, summarise

    paths = [path] if isinstance(path, str | os.PathLike) else list(path)
    records = one_of(read_records(paths), benchmark=benchmark, protocol=protocol)
    return frame(summarise(records, metrics=metrics, sort=sort), by=by)
