"""Open files whose names come from other people: only regular files, and only up to a size limit."""

from __future__ import annotations

import hashlib
import os
import stat
from typing import BinaryIO


class IrregularFile(OSError):
    """A path leads to a folder, pipe, device or socket instead of a file; `strerror` states the reason."""


def open_regular(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a regular file for reading bytes.

    The function does not wait for the writer of a pipe, and does not read devices such as `/dev/zero`.

    Raises
    ------
    OSError
        The file does not exist or cannot be read; the error is an `IrregularFile` if it is not a regular file.
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
    """Return the size of an open file in bytes."""
    return os.fstat(file.fileno()).st_size


def file_hash(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def git_blob(path: str | os.PathLike[str]) -> str:
    """Return the hexadecimal id that Git gives a file: the SHA-1 of its size and its bytes."""
    digest = hashlib.sha1(f"blob {os.stat(path).st_size}\0".encode(), usedforsecurity=False)
    with open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def read_regular(path: str | os.PathLike[str], limit: int) -> bytes:
    """Read a regular file of at most `limit` bytes.

    Raises
    ------
    OSError
        As for `open_regular`; or the file exceeds the limit, with both sizes in `strerror`.
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
        As for `read_regular`.
    UnicodeDecodeError
        The file is not UTF-8.
    """
    return read_regular(path, limit).decode("utf-8-sig")
