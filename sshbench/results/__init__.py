"""What evaluation leaves behind: records, their statistics, tables and the numbers that papers print."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas


def leaderboard(path: str | os.PathLike[str], **options: Any) -> pandas.DataFrame:
    """One row a method, from the records under `path`; see `sshbench.results.tables.frame` for columns and options."""
    from sshbench.results.records import read_records
    from sshbench.results.tables import frame

    return frame(read_records([path]), **options)
