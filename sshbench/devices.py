"""The names of devices, as `--device` and `device=` take them: `auto`, `cpu`, `cuda` or `cuda:1`."""

from __future__ import annotations

from sshbench.errors import SshbenchError


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
