"""The line that says how a run goes: photographs a second, the time left, failures so far."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any

from sshbench.triplets.manifest import ShardRecord


class Bar:
    """Progress over the photographs of this call; on a terminal one line, in a log one line every half minute.

    Parameters
    ----------
    total
        Photographs to go through, those of finished shards included; None where nobody knows.
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
        """Take note of what is done in unfinished shards."""
        if self._bar is None:
            return
        self._bar.set_postfix_str(f"failures {self._lost + lost:,}", refresh=False)
        self._bar.update(max(0, self._photos + photos - self._bar.n))

    def finished(self, record: ShardRecord, made: bool) -> None:
        """Take note of a shard; one that was there counts as no time spent."""
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
