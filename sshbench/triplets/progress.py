"""Show the progress of a run: photographs per second, the remaining time, and the failures so far."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any

from sshbench.triplets.manifest import ShardRecord


class Bar:
    """The progress over the photographs of this call: one line on a terminal, or one line every half minute in a log.

    Parameters
    ----------
    total
        The number of photographs of this call, including the photographs of finished shards; None if it is unknown.
    show
        Whether to write anything.
    """

    def __init__(self, total: int | None, show: bool) -> None:
        from tqdm import tqdm

        terminal = sys.stderr.isatty()
        self._photos = self._lost = 0
        self._bar: Any = None
        if show:
            self._bar = tqdm(
                total=total,
                unit=" images",
                dynamic_ncols=terminal,
                mininterval=0.2 if terminal else 30.0,
                smoothing=0.05,
            )

    def tick(self, photos: int, lost: int) -> None:
        """Record the photographs that are done, and those without output, over all unfinished shards."""
        if self._bar is None:
            return
        self._bar.set_postfix_str(f"failures {self._lost + lost:,}", refresh=False)
        self._bar.update(max(0, self._photos + photos - self._bar.n))

    def finished(self, record: ShardRecord, made: bool) -> None:
        """Record a finished shard. Shards that existed before (`made` is False) do not count for the speed."""
        self._photos += record.photos
        self._lost += len({skipped.row for skipped in record.skipped})
        if self._bar is not None and not made:
            self._bar.initial += record.photos
        self.tick(0, 0)

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.close()
