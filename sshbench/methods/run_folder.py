"""The folder of a training, such as `runs/x`, in place of weights: it stands for its best weights."""

from __future__ import annotations

import os
from pathlib import Path

from sshbench.methods.base import WeightsError
from sshbench.methods.tensor_files import is_tensor_file

_WEIGHTS = ("best", "last")


def weights_in(path: Path) -> Path:
    """Return the place of the weights that a path stands for.

    For the folder of a training, these are the best weights by validation, or else the last ones. Any other path stands
    for itself.

    Raises
    ------
    WeightsError
        The path is a checkpoint, which continues a training and is not weights; or a training has no weights yet; or
        the path is an empty folder.
    """
    run = _run_of_checkpoint(path)
    if run is not None:
        found = _found(run)
        instead = f"give {found}" if found else f"sshbench train --resume -o {run} makes some"
        raise WeightsError(f"{path} is a checkpoint of a training and not weights; {instead}")
    if not path.is_dir() or is_tensor_file(path):
        return path
    if all(name.startswith(".") for name in os.listdir(path)):  # a killed process may leave its temporary files
        raise WeightsError(f"{path} is a folder without weights; whatever writes them there may not be done")
    if not (path / "checkpoints").is_dir():
        return path
    found = _found(path)
    if found is None:
        raise WeightsError(f"{path} is a training without weights so far; continue it with sshbench train --resume")
    return found


def _found(run: Path) -> Path | None:
    return next((run / name for name in _WEIGHTS if is_tensor_file(run / name)), None)


def _run_of_checkpoint(path: Path) -> Path | None:
    if path.name == "checkpoints" and path.is_dir():
        return path.parent
    return path.parent.parent if path.suffix == ".pt" and path.parent.name == "checkpoints" else None
