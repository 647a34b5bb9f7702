"""Check the place of an output before the work for it begins."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sshbench.errors import SshbenchError, printable
from sshbench.file_names import same_names
from sshbench.whole_file import hidden_name, is_stream


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


def would_replace(path: str | os.PathLike[str]) -> bool:
    """Return whether a new file at `path` would replace something."""
    return os.path.lexists(path) and not is_stream(path)


def why_no_file(path: str | os.PathLike[str]) -> str | None:
    """Return why no file can be written at `path`, as the rest of a sentence; None where nothing speaks against it."""
    if is_stream(path):
        return None
    if os.path.isdir(path):
        return "is a folder; give the name of a file"
    parent = os.path.dirname(os.path.realpath(path))
    if not os.path.isdir(parent):
        return "is in a folder that does not exist; make the folder, or give another place"
    return _why_closed(parent)


def why_no_folder(path: str | os.PathLike[str]) -> str | None:
    """Return why no folder can be made or filled at `path`, as the rest of a sentence; None where it seems possible."""
    place = os.path.realpath(path)
    while not os.path.lexists(place) and place != os.path.dirname(place):
        place = os.path.dirname(place)
    if not os.path.isdir(place):
        return f"cannot be written, as {printable(place)} is no folder"
    return _why_closed(place)


def _why_closed(folder: str) -> str | None:
    if os.access(folder, os.W_OK | os.X_OK):
        return None
    return f"cannot be written, as {printable(folder)} is closed to this user"


def one_file_of_two(folder: str | os.PathLike[str], names: Iterable[str]) -> tuple[str, str] | None:
    """Return two of the names that would be one file in a folder, whose disk takes `A` and `a` for one name.

    None if there are no such names, or the disk tells them apart. The disk is asked only if there are such names, by a
    file that is made in the folder, or in the nearest one above it that exists, and removed.
    """
    names = list(names)
    seen: dict[str, str] = {}
    for name, form in zip(names, same_names(names), strict=True):
        other = seen.setdefault(form.casefold(), name)
        if other != name:
            return (other, name) if _ignores_case(folder) else None
    return None


def _ignores_case(folder: str | os.PathLike[str]) -> bool:
    place = os.path.realpath(folder)
    while not os.path.isdir(place) and place != os.path.dirname(place):
        place = os.path.dirname(place)
    probe = Path(place, hidden_name())
    try:
        with probe.open("x"):
            return os.path.lexists(probe.with_name(probe.name.upper()))
    except OSError:
        return False
    finally:
        probe.unlink(missing_ok=True)
