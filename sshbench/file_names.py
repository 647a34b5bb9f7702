"""Comparison of file names regardless of their Unicode form, and names that do not lead out of a folder."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

_DRIVE = re.compile(r"[A-Za-z]:")
_SPLITS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("test", "testing", "eval", "evaluation"), "test"),
    **dict.fromkeys(("validation", "valid", "val", "dev"), "validation"),
}


def same_name(name: str) -> str:
    """Return the Unicode normal form NFC of a name, by which names are compared.

    A letter with an accent is one character in names from Linux and Windows, but two characters in names from macOS.
    Both forms look the same.
    """
    return unicodedata.normalize("NFC", name)


def same_names(names: Sequence[str]) -> list[str]:
    """Return the normal form of each name, as `same_name` does."""
    return [same_name(name) for name in names]


def relative_parts(name: str) -> tuple[str, ...] | None:
    """Return the components of a relative path; None if the path is empty, absolute or a URL, or leads upwards.

    `./` and `//` have no effect, and `\\` counts as `/`.
    """
    name = name.replace("\\", "/")
    if "\0" in name or "://" in name or name.startswith("/") or _DRIVE.match(name):
        return None
    parts = PurePosixPath(name).parts
    return None if not parts or ".." in parts else parts


def inside(folder: str | os.PathLike[str], name: str | os.PathLike[str]) -> Path | None:
    """Return the path of a name in a folder; None if the name leads out of the folder.

    The name is relative to the folder, or absolute. Links are resolved before the check.
    """
    text = os.fspath(name)
    try:
        root = os.path.realpath(folder)
        path = os.path.realpath(os.path.join(root, text))
    except (OSError, ValueError):  # a loop of links, or a null character
        return None
    return Path(path) if path.startswith(os.path.join(root, "")) else None


def as_on_disk(path: str) -> str:
    """Return a path as the disk spells it, if the disk has a file of the same name; otherwise, return it unchanged.

    The given name may be in any Unicode normal form, and may have the separators of Windows.
    """
    plain = path.replace("\\", "/")
    for form in (path, plain, unicodedata.normalize("NFC", plain), unicodedata.normalize("NFD", plain)):
        try:
            if os.path.lexists(form):
                return form
        except ValueError:  # a null character, or another character that no file name can have
            break
    return path


def split_of(name: str) -> str | None:
    """Return the split that a file's path names: `"train"`, `"test"` or `"validation"`; None if it names no split.

    The words are those by which the Hugging Face hub recognises splits, as in `data/train-00000-of-00002.parquet`. The
    file name takes precedence over the folders.
    """
    for part in reversed(PurePosixPath(name).parts):
        for word in re.split(r"[^A-Za-z]+", part):
            if word.lower() in _SPLITS:
                return _SPLITS[word.lower()]
    return None


def of_one_split(names: Sequence[str], wanted: str) -> tuple[list[str], str | None]:
    """Return the files of one split from a folder that may hold several, and the name of that split.

    If there are no files of several splits, all are returned, and None. Otherwise, files of the split `wanted` are
    preferred, and then files whose names state no split. If there are neither, the list is empty and the text names the
    splits, as in `"test or validation"`.
    """
    splits = {name: split_of(name) for name in names}
    found = set(splits.values())
    if len(found) < 2:
        return list(names), None
    for split in (wanted, None):
        if split in found:
            return [name for name in names if splits[name] == split], split
    return [], " or ".join(sorted(filter(None, found)))
