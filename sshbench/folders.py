"""The places of folders: the data that ship, in a checkout or an installed wheel, and the files kept for the user."""

from __future__ import annotations

import os
from pathlib import Path

from sshbench.errors import SshbenchError

FOLDERS = ("luts", "realhm", "baselines", "sample", "selfie_segmentation")


def data_folder(name: str) -> Path:
    """Return the folder `name` that ships with sshbench.

    In a checkout, also if it is installed in editable mode, the folder lies beside the package; in a wheel, it lies
    inside the package. `sample` and `selfie_segmentation` always lie inside.

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

    The environment variable `variable` names the folder. Without the variable, it is `sshbench` in the user's folder of
    caches, which is `$XDG_CACHE_HOME`, or else `~/.cache`.
    """
    if given := os.environ.get(variable):
        return Path(given).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "sshbench"
