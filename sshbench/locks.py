"""Locks on folders. The system releases a lock when the process that holds it ends, even if the process is killed."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sshbench.errors import SshbenchError

_held: set[int] = set()


@contextmanager
def locked(folder: Path, *, refusal: str | None = None) -> Iterator[None]:
    """Hold the lock of an existing folder for the time of a block; nothing is written to the folder.

    On a file system without locks, the block runs without a lock. Processes that are forked within the block do not
    hold the lock, so the lock ends with this process even if they continue to run.

    Parameters
    ----------
    refusal
        The text of the error if another process holds the lock. Without a text, the call waits for that process.

    Raises
    ------
    SshbenchError
        Another process holds the lock, and `refusal` was given.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    _held.add(descriptor)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if refusal is None else fcntl.LOCK_NB))
        except OSError as error:
            if refusal is not None and error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                raise SshbenchError(refusal) from error
        yield
    finally:
        if descriptor in _held:  # otherwise, this process was forked within the block
            _held.discard(descriptor)
            os.close(descriptor)  # closing the file releases the lock


def _let_go() -> None:
    while _held:
        os.close(_held.pop())


os.register_at_fork(after_in_child=_let_go)
