"""Check the place of an output before the work for it begins."""

from __future__ import annotations

import os
from typing import Any

from sshbench.errors import SshbenchError, printable
from sshbench.whole_file import why_no_file, why_no_folder


class OutputError(SshbenchError, OSError):
    """An output cannot be written; nothing has been done for it yet."""


def check_file(path: Any) -> None:
    """Check that a file can be written at `path`.

    Raises
    ------
    OutputError
        The path is a folder, or its folder does not exist or is closed to this user.
    TypeError
        The path is not a path.
    """
    _check(path, why_no_file)


def check_folder(path: Any) -> None:
    """Check that a folder can be made or filled at `path`. A URL, such as `s3://bucket/folder`, is not checked.

    Raises
    ------
    OutputError
        The path is a file, lies below a file, or is in a folder that is closed to this user.
    TypeError
        The path is not a path.
    """
    if not (isinstance(path, str) and "://" in path):
        _check(path, why_no_folder)


def _check(path: Any, why_not: Any) -> None:
    if not isinstance(path, str | os.PathLike) or not isinstance(os.fspath(path), str):
        raise TypeError(f"an output is named by a text or a pathlib.Path, not by {path!r:.100}")
    said = os.fspath(path)
    if not said:
        raise OutputError("the name of an output is empty; give a file or a folder")
    try:
        os.lstat(said)
    except ValueError as error:  # a null character
        raise OutputError(f"{printable(said)} is no name that a file can have") from error
    except OSError as error:
        if not isinstance(error, FileNotFoundError | NotADirectoryError):
            raise OutputError(f"{printable(said)[:200]} cannot be written ({error.strerror})") from error
    if (fault := why_not(said)) is not None:
        raise OutputError(f"{printable(said)} {fault}")
