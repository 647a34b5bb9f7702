"""Errors a user can act on. The command line prints them as one sentence and exits 2."""

from __future__ import annotations


class SshbenchError(Exception):
    """Base of every error that bad input can cause; its text is one sentence with the way out."""
