"""Open files that somebody else named: only regular files, and not more of them than a limit."""

from __future__ import annotations

import hashlib
import os
import stat
from typing import BinaryIO


class IrregularFile(OSError):
    """A folder, pipe, device or socket stands where a file is asked for; `strerror` says which."""


def open_regular(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a regular file for reading bytes.

    A pipe without a writer is not waited for, and a device such as `/dev/zero` is not read.

    Raises
    ------
    OSError
        The file does not exist or cannot be read; `IrregularFile`: it is no regular file.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except ValueError as error:  # a null character
        raise IrregularFile(0, "is no name that a file can have", os.fspath(path)) from error
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            what = "is a folder" if stat.S_ISDIR(mode) else "is not a regular file"
            raise IrregularFile(0, what, os.fspath(path))
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def size_of(file: BinaryIO) -> int:
    """Return the size in bytes of a file that is open."""
    return os.fstat(file.fileno()).st_size


def file_hash(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_regular(path: str | os.PathLike[str], limit: int) -> bytes:
    """Read a regular file of at most `limit` bytes.

    Raises
    ------
    OSError
        As `open_regular`; also, with the sizes in `strerror`, where the file is larger.
    """
    with open_regular(path) as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        size = max(os.path.getsize(path), len(data))
        raise IrregularFile(0, f"is a file of {size >> 20} MiB; at most {limit >> 20} are read", os.fspath(path))
    return data


def read_regular_text(path: str | os.PathLike[str], limit: int) -> str:
    """Read a regular file of at most `limit` bytes as UTF-8, without the byte order mark of some editors.

    Raises
    ------
    OSError
        As `read_regular`.
    UnicodeDecodeError
        The file is not UTF-8.
    """
    return read_regular(path, limit).decode("utf-8-sig")
