"""What there is to compute on: the names of devices, as `--device` and `device=` take them, and the processors."""

from __future__ import annotations

import os

from sshbench.errors import SshbenchError


def processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def device_name(name: str, gpu: int | None = None) -> str:
    """Return the device to compute on; `auto` is a GPU if torch finds one, else the processor.

    Parameters
    ----------
    gpu
        The number of the GPU that `auto` and `cuda` stand for; by default the one that torch takes.

    Raises
    ------
    SshbenchError
        There is no such device, or it is not here.
    """
    import torch

    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
        if gpu is None or name == "cpu":
            return name
    if name == "cuda" and gpu is not None:
        name = f"cuda:{gpu}"
    try:
        torch.empty(0, device=name)
    except Exception as error:  # torch and its drivers raise what they like
        first = " ".join(str(error).split(". ")[0].split())
        raise SshbenchError(f"--device {name} cannot be used ({first}); give cpu, or leave it out") from error
    return name
