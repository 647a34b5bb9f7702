"""Locks on folders, which end with the process that holds them, however it ends."""

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
    """Hold the lock of a folder, which has to exist; nothing is written to it.

    A file system that has no locks goes without. Processes that are forked meanwhile do not hold it, so that it ends
    with this one though they live on.

    Parameters
    ----------
    refusal
        What to say where another process holds it; without a text, wait for that process.

    Raises
    ------
    SshbenchError
        Another process holds it, and `refusal` was given.
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
        if descriptor in _held:  # else this is a process that was forked meanwhile
            _held.discard(descriptor)
            os.close(descriptor)  # which lets go of the lock


def _let_go() -> None:
    while _held:
        os.close(_held.pop())


os.register_at_fork(after_in_child=_let_go)
