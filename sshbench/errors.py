"""Errors a user can act on. The command line prints them as one sentence and exits 2."""

from __future__ import annotations


class SshbenchError(Exception):
    """Base of every error that bad input can cause; its text is one sentence with the way out."""


def sentence(error: BaseException) -> str:
    """What to tell the user of an error: for the system's own, the file and the reason without its number."""
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f"{error.filename}: {error.strerror}"
    return str(error)
