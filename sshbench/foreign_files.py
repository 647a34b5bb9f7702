"""Files that come from elsewhere: only regular ones are opened, so that nothing waits, and no device is read."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO


def open_regular(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a file for reading.

    A pipe would wait for somebody to write to it, and a device such as `/dev/zero` has no end.

    Raises
    ------
    OSError
        The file is missing, cannot be read, or is no regular file; `strerror` says why.
    """
    try:
        number = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except ValueError as error:  # a null character in the name
        raise OSError(errno.EINVAL, "no file can have this name", os.fspath(path)) from error
    mode = os.fstat(number).st_mode
    if not stat.S_ISREG(mode):
        os.close(number)
        code = errno.EISDIR if stat.S_ISDIR(mode) else errno.EINVAL
        raise OSError(code, "Is a directory" if stat.S_ISDIR(mode) else "is not a regular file", os.fspath(path))
    return os.fdopen(number, "rb")


def read_regular(path: str | os.PathLike[str]) -> bytes:
    """Return the bytes of a file, with the errors of `open_regular`."""
    with open_regular(path) as file:
        return file.read()


def size_of(file: BinaryIO) -> int:
    """Return the size of an open file in bytes."""
    return os.fstat(file.fileno()).st_size


def exists(path: Path) -> bool:
    """Return whether there is such a file or folder; a name that no file can have is one that is not there."""
    try:
        return path.exists()
    except (ValueError, OSError):
        return False
