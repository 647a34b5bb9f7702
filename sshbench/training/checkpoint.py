"""Checkpoints: the full state of a run, in files that appear whole or not at all. The last three are kept."""

from __future__ import annotations

import re
import shutil
import warnings
from pathlib import Path
from typing import Any

import torch

from sshbench.errors import SshbenchError
from sshbench.torch_files import TorchFileError, read_torch
from sshbench.whole_file import whole_file

KEPT = 3
BEST = "best.pt"
_NAME = re.compile(r"step-(\d+)\.pt")


class CheckpointError(SshbenchError):
    """A checkpoint cannot be read, or belongs to another run."""


def save(folder: Path, step: int, state: dict[str, Any], *, best: bool = False) -> Path:
    """Write `state` as the checkpoint of `step`, keep the last three checkpoints, and return the new one's path.

    If the state is the best so far, it is also written as `best.pt`, before the checkpoint.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"step-{step:09d}.pt"
    with whole_file(path) as temporary:
        torch.save(state, temporary)
        if best:  # first, because the checkpoint states that `best.pt` exists
            with whole_file(folder / BEST) as copy:
                shutil.copyfile(temporary, copy)
    for old in checkpoints(folder)[:-KEPT]:
        old.unlink(missing_ok=True)
    return path


def checkpoints(folder: Path) -> list[Path]:
    """Return the checkpoints of a folder in order of steps."""
    return sorted(path for path in folder.glob("step-*.pt") if _NAME.fullmatch(path.name))


def load(path: Path) -> dict[str, Any]:
    """Return the state in a checkpoint. The file is read as data, never as code.

    Raises
    ------
    CheckpointError
        The file is damaged, or is not a checkpoint.
    """
    try:
        state = read_torch(path)
    except TorchFileError as error:
        raise CheckpointError(f"{path} is damaged or no checkpoint of a training ({error})") from error
    if not isinstance(state, dict) or "step" not in state:
        raise CheckpointError(f"{path} is no checkpoint of a training (it does not say its step)")
    return state


def load_last(folder: Path) -> dict[str, Any] | None:
    """Return the state in the last checkpoint that is not damaged; None if there are no checkpoints.

    Raises
    ------
    CheckpointError
        There are checkpoints, but all are damaged.
    """
    found = checkpoints(folder)
    for path in reversed(found):
        try:
            return load(path)
        except CheckpointError as error:
            warnings.warn(f"{error}; the one before it is taken", RuntimeWarning, stacklevel=2)
    if found:
        raise CheckpointError(f"{folder}: no checkpoint can be read; start over with --overwrite")
    return None
