"""Where folders are: the data that ship, in a checkout or in an installed wheel, and what sshbench keeps for a user."""

from __future__ import annotations

import os
from pathlib import Path

from sshbench.errors import SshbenchError

FOLDERS = ("luts", "realhm", "baselines", "sample", "selfie_segmentation")


def data_folder(name: str) -> Path:
    """Return the folder `name` that ships with sshbench.

    A checkout (also when installed in editable mode) holds it beside the package, a wheel inside it; `sample` and
    `selfie_segmentation` are always inside.

    Raises
    ------
    SshbenchError
        The installation lacks the folder.
    """
    if name not in FOLDERS:
        raise ValueError(f"unknown data folder {name!r}; there are {', '.join(FOLDERS)}")
    package = Path(__file__).resolve().parent
    for candidate in (package / "data" / name, package.parent / name):
        if candidate.is_dir():
            return candidate
    raise SshbenchError(f"this installation lacks the folder {name}/; install sshbench again with pip install .")


def user_folder(variable: str) -> Path:
    """Return the folder in which sshbench keeps files of the user, which may not exist yet.

    It is the one that the environment variable `variable` names, else `sshbench` in the user's folder of caches
    (`$XDG_CACHE_HOME`, else `~/.cache`).
    """
    if given := os.environ.get(variable):
        return Path(given).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "sshbench"
