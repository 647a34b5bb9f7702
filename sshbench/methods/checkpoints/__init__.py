"""Files of weights as the authors of methods save them, one module a method with `read(path)`.

Such files are other people's: a pickle is opened as data, never as code, and what is not understood is refused.
"""

from __future__ import annotations

import pickle
import re
import warnings
from collections.abc import Iterable, Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sshbench.methods.base import WeightsError

if TYPE_CHECKING:
    from torch import Tensor, nn

CONTAINERS: dict[str, str] = {
    "dih": "sshbench.methods.checkpoints.dih",
    "ssh": "sshbench.methods.checkpoints.ssh",
    "dovenet": "sshbench.methods.checkpoints.dovenet",
    "s2am": "sshbench.methods.checkpoints.s2am",
    "wct2": "sshbench.methods.checkpoints.wct2",
    "idih": "sshbench.methods.checkpoints.idih",
    "issam": "sshbench.methods.checkpoints.issam",
    "pct-net": "sshbench.methods.checkpoints.pct_net",
    "harmonizer": "sshbench.methods.checkpoints.harmonizer",
    "hdnet": "sshbench.methods.checkpoints.hdnet",
}
"""Method -> the module whose `read(path)` gives its state dict and the arguments of its network."""

_LOST = 3  # names of keys that a sentence lists


def read_checkpoint(method: str, path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read a file of the authors of a method.

    Returns
    -------
    The state dict under the names of sshbench's network, and the arguments of the network's class.

    Raises
    ------
    WeightsError
        The file is not of this method's container, or the method has none.
    """
    if method not in CONTAINERS:
        raise WeightsError(f"{path}: {method} reads no files of its authors, only weights that sshbench wrote")
    found: tuple[dict[str, Tensor], dict[str, Any]] = import_module(CONTAINERS[method]).read(path)
    return found


def read_pickle(path: Path) -> Any:
    """What a file that `torch.save` wrote holds, tensors on the CPU.

    Only tensors, numbers, text and containers of them are read; numpy's numbers, which training loops leave in
    checkpoints, count as such.

    Raises
    ------
    WeightsError
        The file is missing, damaged or something else, or it holds objects that only code could make.
    """
    import torch

    head = _head(path)
    if head.lstrip().lower().startswith((b"<!doctype", b"<html")):
        raise WeightsError(f"{path} is a web page, not a checkpoint; open its address in a browser and download again")
    if head.startswith(b"version https://git-lfs"):
        raise WeightsError(f"{path} only points to a file of Git LFS; fetch it with git lfs pull")
    damaged = f"{path} is damaged or not a file that torch.save wrote; download it again"
    try:
        with torch.serialization.safe_globals(_numpy_numbers()), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of newer forms of pickles, which are refused
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        # torch says so of a name that is not allowed; and what else a bare pickle has in it is code or as good as code.
        if not (re.search("GLOBAL|allowlisted|function", str(error)) or head.startswith(b"\x80")):
            raise WeightsError(damaged) from error
        raise WeightsError(
            f"{path} can only be read by running code that it names{_named(str(error))}, and code in a file of weights "
            "is not run here; ask its authors for the tensors alone, or save them anew where you trust the file"
        ) from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise WeightsError(damaged) from error


def read_state(path: Path, *entries: str) -> dict[str, Tensor]:
    """A state dict from a PyTorch file: bare, or under one of `entries` of a dict that may hold anything else.

    `module.`, which training on several GPUs leaves in front of all names, is taken off.

    Raises
    ------
    WeightsError
        As for `read_pickle`, or there is no state dict in it.
    """
    held = read_pickle(path)
    if not isinstance(held, Mapping):
        raise WeightsError(f"{path} holds {type(held).__name__}, not a dict of tensors")
    for entry in entries:
        if isinstance(held.get(entry), Mapping):
            held = held[entry]
            break
    state = tensors_of(held)
    if not state:
        names = ", ".join(str(name) for name in list(held)[:_LOST])
        expected = f", nor under {' or '.join(entries)}" if entries else ""
        raise WeightsError(f"{path} holds no tensors at its top{expected}; it has {names or 'nothing'}")
    return without_module(state)


def tensors_of(held: Mapping[Any, Any]) -> dict[str, Tensor]:
    """The entries that are tensors; others, such as the state of an optimizer, are not weights."""
    import torch

    return {str(name): value for name, value in held.items() if isinstance(value, torch.Tensor)}


def without_module(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Names without `module.` in front, if all have it."""
    if all(name.startswith("module.") for name in state):
        return {name.removeprefix("module."): value for name, value in state.items()}
    return dict(state)


def strict_load(module: nn.Module, state: Mapping[str, Tensor], path: str | Path) -> None:
    """Load a state dict whose names and shapes are exactly the network's.

    Batch norm's `num_batches_tracked`, which inference does not use, may be missing as a whole: PyTorch before 0.4.1
    had none.

    Raises
    ------
    WeightsError
        Names are missing or too many, or shapes differ; the sentence says which.
    """
    own = module.state_dict()
    counters = {name for name in own if name.endswith("num_batches_tracked")}
    given = dict(state)
    if not counters & set(given):
        given |= {name: own[name] for name in counters}
    missing = [name for name in own if name not in given]
    extra = [name for name in given if name not in own]
    other = [
        f"{name} ({_shape(given[name])}, not {_shape(own[name])})"
        for name in own
        if name in given and given[name].shape != own[name].shape
    ]
    faults = [
        f"{what} {_listed(names)}"
        for what, names in (("lacks", missing), ("has an unknown", extra), ("has of another shape", other))
        if names
    ]
    if faults:
        raise WeightsError(f"{path} does not fit {type(module).__name__}: it {'; it '.join(faults)}")
    module.load_state_dict(given)


def shape_of(state: Mapping[str, Tensor], name: str, path: Path) -> tuple[int, ...]:
    """The shape of a tensor that tells which network a state dict is of.

    Raises
    ------
    WeightsError
        It is missing.
    """
    if name not in state:
        raise WeightsError(f"{path} lacks {name}; it has {_listed(list(state))}, so it is of another network")
    return tuple(state[name].shape)


def count_of(state: Mapping[str, Tensor], prefix: str) -> int:
    """How many different numbers stand behind a prefix in the names of a state dict: how many layers of a kind."""
    rest = (name.removeprefix(prefix).partition(".")[0] for name in state if name.startswith(prefix))
    return len({number for number in rest if number.isdigit()})


def _listed(names: Iterable[str]) -> str:
    names = list(names)
    rest = f" and {len(names) - _LOST} more" if len(names) > _LOST else ""
    return ", ".join(names[:_LOST]) + rest


def _shape(value: Tensor) -> str:
    return " x ".join(map(str, value.shape)) or "a number"


def _head(path: Path) -> bytes:
    try:
        with open(path, "rb") as file:
            head = file.read(64)
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error.strerror}") from error
    if not head:
        raise WeightsError(f"{path} is empty; download it again")
    return head


def _named(text: str) -> str:
    """The object that torch names in its refusal."""
    found = re.search(r"GLOBAL (\S+)", text)
    return f" ({found.group(1)})" if found else ""


def _numpy_numbers() -> list[Any]:
    """What a pickled numpy number is made with; it makes nothing else."""
    import numpy as np

    scalar = np.float64(0).__reduce__()[0]
    names = "numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar"  # before and since numpy 2
    kinds = [type(np.dtype(kind)) for kind in ("f2", "f4", "f8", "i4", "i8", "b1")]
    return [*((scalar, name) for name in names), np.dtype, *kinds]
