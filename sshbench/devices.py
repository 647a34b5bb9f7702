"""The devices of this machine: their names, as `--device` and `device=` accept them, and the number of processors."""

from __future__ import annotations

import os

from sshbench.errors import SshbenchError


def processors() -> int:
    """Return the number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def device_name(name: str, gpu: int | None = None) -> str:
    """Return the name of the device to compute on; `auto` means a GPU if torch finds one, and the CPU otherwise.

    Parameters
    ----------
    gpu
        The number of the GPU that `auto` and `cuda` stand for; by default the current GPU of torch.

    Raises
    ------
    SshbenchError
        The name is not that of a device, or this machine does not have the device.
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
    except Exception as error:  # torch and its drivers may raise any exception
        first = " ".join(str(error).split(". ")[0].split())
        raise SshbenchError(f"--device {name} cannot be used ({first}); give cpu, or leave it out") from error
    return name
