"""Names of a visitor's files: for messages, as a suffix, and as safe names of files. Nothing here opens a file."""

from __future__ import annotations

import re
from pathlib import Path

_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,5}")


def suffix_of(name: str) -> str:
    """Return the suffix of a visitor's name in lower case; "" if it has unusual characters."""
    suffix = Path(name).suffix
    return suffix.lower() if _SUFFIX.fullmatch(suffix) else ""


def printable_name(name: str) -> str:
    """Return a visitor's file name in a form that is safe in messages."""
    return re.sub(r"[^\w .()-]+", "_", Path(name.replace("\\", "/")).name)[:80] or "the file"


def safe_name(name: str, otherwise: str) -> str:
    """Return a visitor's file name in safe ASCII characters, or `otherwise` if nothing is left."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", Path(name.replace("\\", "/")).name).lstrip("._-")[-80:].lstrip("._-")
    return plain if plain and _SUFFIX.fullmatch(Path(plain).suffix) else otherwise
