"""Files of weights in the authors' own formats: one module for each method, with `read(path)`.

Such files come from other people. A pickle is read as data, never as code, and unknown content is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sshbench.errors import listed
from sshbench.methods.base import WeightsError
from sshbench.methods.tensor_files import FILE, TYPES
from sshbench.torch_files import TorchFileError, read_torch

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
"""From each method to the module whose `read(path)` returns its state dict and the arguments of its network."""

_LOST = 3  # names of keys that a sentence lists
_WRAPPERS = ("_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module")  # modules that torch puts around others


def read_checkpoint(method: str, path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read a file of the authors of a method.

    Returns
    -------
    The state dict under the names of sshbench's network, and the arguments of the network's class.

    Raises
    ------
    WeightsError
        The file is not in this method's container, or the method has none.
    """
    if method not in CONTAINERS:
        there = f", and this folder has no {FILE}" if path.is_dir() else ""
        raise WeightsError(f"{path}: {method} reads no files of its authors, only weights that sshbench wrote{there}")
    found: tuple[dict[str, Tensor], dict[str, Any]] = import_module(CONTAINERS[method]).read(path)
    return found


def read_pickle(path: Path) -> Any:
    """Return the content of a file that `torch.save` wrote, with tensors on the CPU.

    Only tensors, numbers, text and containers of them are read. numpy's numbers, which training loops leave in
    checkpoints, count as numbers.

    Raises
    ------
    WeightsError
        The file is missing, damaged or something else, or it holds objects that only code could make.
    """
    try:
        return read_torch(path)
    except TorchFileError as error:
        raise WeightsError(str(error)) from error


def read_state(path: Path, *entries: str) -> dict[str, Tensor]:
    """Return a state dict from a PyTorch file, which holds it bare or under one of the keys `entries` of a dict.

    The names are those that `unwrapped` returns.

    Raises
    ------
    WeightsError
        As for `read_pickle`; or the file has no state dict, or a name occurs twice.
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
    return unwrapped(state, path)


def tensors_of(held: Mapping[Any, Any]) -> dict[str, Tensor]:
    """Return the tensors of types that weights have; other entries, such as an optimizer's state, are not weights."""
    import torch

    return {
        str(name): value
        for name, value in held.items()
        if isinstance(value, torch.Tensor) and str(value.dtype).removeprefix("torch.") in TYPES
    }


def unwrapped(state: Mapping[str, Tensor], path: str | Path) -> dict[str, Tensor]:
    """Return the state dict under the names of the network itself.

    Wrappers of a network add `_orig_mod.` (`torch.compile`) and similar parts anywhere in names, and `module.` in front
    of all names (training on several GPUs), perhaps twice. `AveragedModel` adds its counter `n_averaged`.

    Raises
    ------
    WeightsError
        Two tensors then have the same name.
    """
    found = {}
    for name, value in state.items():
        plain = ".".join(part for part in name.split(".") if part not in _WRAPPERS)
        if plain in found:
            raise WeightsError(f"{path} has {plain} twice, with and without {' or '.join(_WRAPPERS)} in its name")
        found[plain] = value
    own = [name for name in found if name != "n_averaged"]
    while own and all(name.startswith("module.") for name in own):
        found = {name.removeprefix("module."): found[name] for name in own}
        own = list(found)
    return found


def strict_load(module: nn.Module, state: Mapping[str, Tensor], path: str | Path) -> None:
    """Load a state dict whose names and shapes are exactly the network's.

    Batch norm's `num_batches_tracked`, which inference does not use, may be missing as a whole: PyTorch before 0.4.1
    had none.

    Raises
    ------
    WeightsError
        Names are missing or too many, or shapes differ; the sentence says which.
    """
    module.load_state_dict(fitting(module, state, path))


def fitting(module: nn.Module, state: Mapping[str, Tensor], path: str | Path) -> dict[str, Tensor]:
    """Return the state dict that `strict_load` loads, with its errors; the module may be on the device `meta`."""
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
        f"{what} {listed(list(names), _LOST)}"
        for what, names in (("lacks", missing), ("has an unknown", extra), ("has of another shape", other))
        if names
    ]
    if faults:
        raise WeightsError(f"{path} does not fit {type(module).__name__}: it {'; it '.join(faults)}")
    return given


def shape_of(state: Mapping[str, Tensor], name: str, path: Path) -> tuple[int, int, int, int]:
    """Return the shape of a convolution's kernel, which shows the network of a state dict.

    Raises
    ------
    WeightsError
        The tensor is missing, or is not a kernel.
    """
    if name not in state:
        prefix = next((one.removesuffix(name) for one in state if one.endswith(f".{name}")), None)
        if prefix:
            raise WeightsError(f"{path} has {name} as {prefix}{name}; save it again without {prefix!r} in its names")
        there = listed(list(state), _LOST)
        raise WeightsError(f"{path} lacks {name}; it has {there}, so it belongs to another network")
    shape = tuple(state[name].shape)
    if len(shape) != 4 or 0 in shape:
        raise WeightsError(f"{path} has of another shape {name} ({_shape(state[name])}, not that of a convolution)")
    return shape


def count_of(state: Mapping[str, Tensor], prefix: str) -> int:
    """Return how many different numbers follow a prefix in the names of a state dict, such as numbers of layers."""
    rest = (name.removeprefix(prefix).partition(".")[0] for name in state if name.startswith(prefix))
    return len({number for number in rest if number.isdigit()})


def _shape(value: Tensor) -> str:
    return " x ".join(map(str, value.shape)) or "a number"
