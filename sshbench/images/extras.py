"""Libraries of extras, which read files that Pillow cannot read."""

from __future__ import annotations

import importlib
from typing import Any

from sshbench.images.opening import ImageFileError


def needed(module: str, name: str, kind: str, extra: str) -> Any:
    """Import the library that reads a kind of file.

    Raises
    ------
    ImageFileError
        The library is not installed; the message names the extra.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImageFileError(name, f"is {kind}, which {module} reads: pip install 'sshbench[{extra}]'") from error
