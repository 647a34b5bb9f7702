"""Where the data folders `luts/`, `realhm/`, `baselines/` and `sample/` are: in a checkout or in an installed wheel."""

from __future__ import annotations

from pathlib import Path

from sshbench.errors import SshbenchError

FOLDERS = ("luts", "realhm", "baselines", "sample")


def data_folder(name: str) -> Path:
    """Return the folder `name` that ships with sshbench.

    A checkout (also when installed in editable mode) holds it beside the package, a wheel inside it; `sample` is always
    inside.

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
