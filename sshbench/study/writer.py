"""`Writer`: one thread that runs the steps of many requests on one connection."""

from __future__ import annotations

import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, TypeVar

from sshbench.study.answering import State
from sshbench.study.storage import empty_journal
from sshbench.web import Refused

T = TypeVar("T")


class Writer:
    """Runs steps on one connection in a separate thread.

    Waiting steps share one commit, and a step succeeds only after the commit has reached the disk.
    """

    MOST = 256  # largest number of steps in a commit

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._steps: queue.SimpleQueue[tuple[Callable[[sqlite3.Connection], Any], Future[Any]] | None]
        self._steps = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="answers", daemon=True)
        self._thread.start()

    def submit(self, step: Callable[[sqlite3.Connection], T]) -> Future[T]:
        """Run a step; its result or error is available after the commit.

        A step that raises `Refused` must not have changed anything. If the commit fails, all its steps fail.
        """
        future: Future[T] = Future()
        self._steps.put((step, future))
        return future

    def close(self) -> None:
        """Finish the waiting steps and stop the thread."""
        self._steps.put(None)
        self._thread.join()
        self._db.close()

    def _run(self) -> None:
        while (first := self._steps.get()) is not None:
            group, last = [first], False
            with suppress(queue.Empty):
                while len(group) < self.MOST and not last:
                    following = self._steps.get_nowait()
                    if following is None:
                        last = True
                    else:
                        group.append(following)
            self._commit(group)
            if last:
                return

    def _commit(self, group: list[tuple[Callable[[sqlite3.Connection], Any], Future[Any]]]) -> None:
        results: list[tuple[Future[Any], Any, BaseException | None]] = []
        try:
            self._begin()
            for step, future in group:
                try:
                    results.append((future, step(self._db), None))
                except Refused as refused:
                    results.append((future, None, refused))
            self._db.execute("COMMIT")
        except BaseException as error:
            with suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            for _, future in group:
                future.set_exception(error)
            return
        if any(isinstance(value, State) and value.stage == "withdrawn" for _, value, _ in results):
            empty_journal(self._db)
        for future, value, refusal in results:
            if refusal is None:
                future.set_result(value)
            else:
                future.set_exception(refusal)

    def _begin(self) -> None:
        for _ in range(3):
            with suppress(sqlite3.OperationalError):
                self._db.execute("BEGIN IMMEDIATE")
                return
            time.sleep(0.05)
        self._db.execute("BEGIN IMMEDIATE")
