"""Errors that a user can act on. The command line prints such an error as one sentence and exits with code 2."""

from __future__ import annotations

import difflib
import errno
from collections.abc import Iterable, Sequence
from typing import Any

LONGEST = 2000
"""The largest number of characters in a sentence. A longer text comes from a file with unexpected content."""

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""The error numbers of the operating system for a full disk, an exceeded quota, and a file that is too large."""


class SshbenchError(Exception):
    """The base class of every error that bad input causes. Its text is one sentence that also says what to do.

    The text is printable, even if it quotes a file or a name with other characters.

    Examples
    --------
    >>> import sshbench
    >>> try:
    ...     sshbench.get_method("reinhart")
    ... except sshbench.SshbenchError as error:
    ...     print(error)
    there is no method 'reinhart'; did you mean 'reinhard'?
    """

    def __str__(self) -> str:
        return printable(super().__str__())


class LutError(SshbenchError, ValueError):
    """A table is not a LUT, or the shape, the size, the numbers, the domain or the name of a LUT is not valid."""


def counted(count: int, noun: str) -> str:
    """Return a number with its noun in the singular or plural: `1 image`, `1,000 images`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def listed(names: Sequence[str], limit: int = 3) -> str:
    """Return a text with the first names and the number of further names."""
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more


_NEAR = 0.65  # smallest ratio of difflib: "shh" and "ssh" reach it, "nonexist" and "dovenet" (0.53) do not
_LISTED = 30


def suggestion(name: str, known: Iterable[str], *, most: int = 1, otherwise: str | None = None) -> str:
    """Return the end of a sentence about an unknown name: similar names, or else all known names.

    Parameters
    ----------
    most
        The largest number of similar names.
    otherwise
        The text in place of all names if none is similar; "" for nothing.
    """
    there = list(known)
    text = name.lower()
    near = [one for one in there if len(text) > 2 and text in one.lower()]
    near = (near or _nearest(text, there, most))[:most]
    if near:
        return f"; did you mean {' or '.join(repr(one) for one in near)}?"
    if otherwise is not None:
        return f"; {otherwise}" if otherwise else ""
    return f"; there are {listed(there, _LISTED)}" if there else ""


def _nearest(text: str, known: Sequence[str], most: int) -> list[str]:
    """Return up to `most` names that resemble `text`, without the last ones if further names resemble it as much."""
    lower = {one.lower(): one for one in reversed(known)}
    found = difflib.get_close_matches(text, lower, n=most + 1, cutoff=_NEAR)
    left_out = _likeness(text, found[most]) if len(found) > most else 0.0
    return [lower[one] for one in found[:most] if _likeness(text, one) > left_out]


def _likeness(text: str, name: str) -> float:
    return difflib.SequenceMatcher(None, name, text).ratio()  # in the order of `get_close_matches`


def sentence(error: BaseException) -> str:
    """Return the sentence that tells the user about an error.

    For an error of the operating system, the sentence has the file and the reason, without the error's number.
    """
    text = str(error)
    if isinstance(error, OSError) and error.strerror:
        if error.errno in FULL and error.filename is None:
            text = f"there is no space to write ({error.strerror}); make room on the disk, in /tmp or in /dev/shm"
        elif error.errno in FULL:
            text = (
                f"{error.filename}: no space to write it ({error.strerror}); make room and run the same command again"
            )
        elif error.filename is not None:
            text = f"{error.filename}: {error.strerror}"
    return printable(text)


def storable(value: Any) -> Any:
    """Return a value that Parquet can store. In a text that is not UTF-8, escapes replace the bytes of a file name."""
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value


def printable(text: str) -> str:
    r"""Return the text as one line that is safe to print, to log and to store as UTF-8.

    Line ends become spaces. Characters that cannot be printed become escapes like `\x1b`; these are the control
    characters of a terminal, and the surrogates for bytes of a file name that is not UTF-8. The middle of a text with
    more than `LONGEST` characters is left out.
    """
    if len(text) > LONGEST:
        text = f"{text[: LONGEST // 2]} [...] {text[-LONGEST // 4 :]}"
    if not text.isprintable():
        text = " ".join(line.strip() for line in text.splitlines())
        text = "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)
    return text if len(text) <= LONGEST else printable(text)
