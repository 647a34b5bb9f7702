"""DIH's weights in three forms: TensorFlow variables, Caffe blobs, and saic-vul's PyTorch checkpoint."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Mapping
from itertools import dropwhile
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sshbench.errors import listed
from sshbench.methods.base import WeightsError
from sshbench.methods.checkpoints import read_state, strict_load
from sshbench.methods.checkpoints.caffemodel import read_caffemodel
from sshbench.methods.checkpoints.tensorflow import read_tensorflow
from sshbench.networks.dih import DIH, DIHCaffe, DIHSaic
from sshbench.regular_file import open_regular, size_of

FORMS: dict[str, Callable[..., nn.Module]] = {"tensorflow": DIH, "caffe": DIHCaffe, "saic": DIHSaic}
"""From `architecture["form"]` to the network's class; the other entries of `architecture` are its arguments."""

Arrays = Mapping[str, NDArray[Any]]

# These variables belong to TensorFlow's optimizer and its counters.
_TRAINING = re.compile(r".*/Adam(_\d+)?|(.*/)?beta[12]_power(_\d+)?|global_step|.*/ExponentialMovingAverage")
_MOST_TIMES, _ALWAYS = 4, 2**28  # arrays may take 4 times the bytes of their archive, and always 256 MB


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read a TensorFlow checkpoint, a `.caffemodel`, an `.npz` of the arrays of either, or a checkpoint of saic-vul.

    Parameters
    ----------
    path
        The file; for a TensorFlow checkpoint, either of its two files. An `.npz` has TensorFlow's variables by name, or
        Caffe's blobs by `layer/index`.

    Returns
    -------
    The state dict, and the architecture with `form`, one of `FORMS`.

    Raises
    ------
    WeightsError
        The file is damaged, or its arrays are not exactly those of one of the networks.
    """
    if path.suffix == ".caffemodel":
        return from_caffe(read_caffemodel(path), path), {"form": "caffe"}
    name, checkpoint, _ = path.name.partition(".data-")
    if path.suffix == ".index" or checkpoint:
        arrays: Arrays = read_tensorflow(path.with_name(f"{name}.index") if checkpoint else path)
    elif path.suffix == ".npz":
        arrays = read_npz(path)
        if "conv0/0" in arrays:
            return from_caffe(arrays, path), {"form": "caffe"}
    else:
        state = read_state(path, "state_dict", "model_state_dict")
        strict_load(DIHSaic(), state, path)
        return state, {"form": "saic"}
    semantics = "output_final/weights" in arrays
    return from_tensorflow(arrays, path, semantics=semantics), {"form": "tensorflow", "semantics": semantics}


def from_tensorflow(variables: Arrays, path: str | Path, *, semantics: bool) -> dict[str, Tensor]:
    """Return the state of `DIH` from the variables of the published graph, such as `deconv5-h/weights`.

    TensorFlow has kernels as height, width, in, out, and those of transposed convolutions as height, width, out, in.

    Parameters
    ----------
    variables
        The arrays by name; names may end in `:0`, and the optimizer's variables are ignored.
    path
        The source of the variables, for errors.
    semantics
        Whether the graph has the parsing decoder.

    Raises
    ------
    WeightsError
        Variables are missing, unknown, or of other shapes.
    """
    found = {name.removesuffix(":0"): array for name, array in variables.items()}
    found = {name: array for name, array in found.items() if not _TRAINING.fullmatch(name)}
    places = tensorflow_variables(semantics)
    _check(found, dict(places.values()), path)
    state = {key: torch.from_numpy(np.array(found[name], np.float32)) for key, (name, _) in places.items()}
    return {key: value.permute(3, 2, 0, 1).contiguous() if value.ndim == 4 else value for key, value in state.items()}


def tensorflow_variables(semantics: bool) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Return the name and shape of the published graph's variable for each key of `DIH`'s state."""
    with torch.device("meta"):
        network = DIH(semantics)
    return {
        key: (_variable(key), tuple(value.permute(2, 3, 1, 0).shape if value.ndim == 4 else value.shape))
        for key, value in _values(network)
    }


def from_caffe(blobs: Arrays, path: str | Path) -> dict[str, Tensor]:
    """Return the state of `DIHCaffe` from the blobs of the published prototxt, such as `conv0/0`.

    Caffe's BatchNorm keeps sums of means and variances, and the number to divide them by.

    Raises
    ------
    WeightsError
        Blobs are missing, unknown, or of other shapes.
    """
    with torch.device("meta"):
        network = DIHCaffe()
    # In files from before 2015, all blobs have four axes; the extra axes in front have length 1.
    blobs = {name: blob.reshape(_trimmed(blob.shape)) for name, blob in blobs.items()}
    state = {}
    used = {}
    for key, own in _values(network):
        name, total = _blob(key)
        shape = tuple(own.shape)
        used[name] = (shape[0], shape[1] * 16) if key == "fc7.weight" else shape
        if total:
            used[total] = ()
        if all(part in blobs and blobs[part].shape == used[part] for part in (name, total) if part):
            values = np.asarray(blobs[name], np.float32).reshape(shape)
            scale = np.float32(blobs[total]) if total else np.float32(1)
            with np.errstate(all="ignore"):  # values that are not finite are refused later, with all weights
                state[key] = torch.from_numpy(values / scale if scale else np.zeros_like(values))
    _check(blobs, used, path)
    return state


def _values(network: nn.Module) -> list[tuple[str, Tensor]]:
    """Return the names and tensors that come from a file: all except the counters of batches."""
    return [(key, value) for key, value in network.state_dict().items() if not key.endswith("num_batches_tracked")]


def _split(key: str) -> tuple[str, str, str, str]:
    """Return module, level, part and leaf of a key: `harmonize`, `5`, `norm`, `weight` of `harmonize.5.norm.weight`."""
    module, *between, leaf = key.split(".")
    level = between.pop(0) if between and between[0].isdigit() else ""
    return module, level, between[0] if between else "", leaf


def _variable(key: str) -> str:
    """Return the name of the TensorFlow variable that has the value of a key of `DIH`."""
    module, level, part, leaf = _split(key)
    scope = {
        "encoder": f"conv{level}",
        "fc7": "fc7",
        "harmonize": f"deconv{level}-h",
        "output": "output-h",
        "parse": f"deconv{level}",
        "parse_output": "deconv_output_seg",
        "classify": "output_final",
    }[module]
    if part == "norm":
        norm = "bn" if module == "encoder" else "deconv-bn-h"
        moments = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}
        return f"{scope}/{norm}/{moments[leaf]}"
    return f"{scope}/{'weights' if leaf == 'weight' else 'biases'}"


def _blob(key: str) -> tuple[str, str | None]:
    """Return the Caffe blob that has the value of a key of `DIHCaffe`, and the blob that divides it."""
    module, level, part, leaf = _split(key)
    layer, norm, scale = {
        "encoder": (f"conv{level}", f"bn{level}", f"scale{level}"),
        "fc7": ("fc7", "", ""),
        "harmonize": (f"deconv{level}-h", f"deconv{level}-bn-h", f"deconv{level}-scale-h"),
        "output": ("output-h", "", ""),
        "parse": (f"deconv{level}-seg", f"deconv{level}-bn", f"deconv{level}-scale"),
        "parse_output": ("output-seg", "output-bn", "output-scale"),
        "classify": ("output-final", "", ""),
    }[module]
    if leaf.startswith("running"):
        return f"{norm}/{0 if leaf == 'running_mean' else 1}", f"{norm}/2"
    return f"{scale if part == 'norm' else layer}/{0 if leaf == 'weight' else 1}", None


def _trimmed(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(dropwhile(lambda size: size == 1, shape))


def _check(found: Arrays, used: Mapping[str, tuple[int, ...]], path: str | Path) -> None:
    faults = {
        "lacks": [name for name in used if name not in found],
        "has an unknown": [name for name in found if name not in used],
        "has of another shape": [
            f"{name} ({list(found[name].shape)}, not {list(shape)})"
            for name, shape in used.items()
            if name in found and found[name].shape != shape
        ],
    }
    said = [f"it {what} {listed(list(names))}" for what, names in faults.items() if names]
    if said:
        raise WeightsError(f"{path} does not fit the published DIH: {'; '.join(said)}")


def read_npz(path: Path) -> dict[str, NDArray[Any]]:
    try:
        with open_regular(path) as file:
            return _arrays(file)
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error.strerror or error}") from error
    except Exception as error:  # the readers of a damaged archive raise errors of many types
        raise WeightsError(f"{path} is damaged, or no .npz of plain arrays; write it with numpy.savez") from error


def _arrays(file: BinaryIO) -> dict[str, NDArray[Any]]:
    """Return the arrays of an archive, whose compression must not exceed a limit."""
    with zipfile.ZipFile(file) as archive:
        entries = archive.infolist()
        if sum(entry.file_size for entry in entries) > _MOST_TIMES * size_of(file) + _ALWAYS:
            raise ValueError("more values than the file can contain")
    file.seek(0)
    with np.load(file, allow_pickle=False) as archived:
        arrays = {name: archived[name] for name in archived.files}
    if any(array.dtype.kind not in "fiub" for array in arrays.values()):
        raise ValueError("an array that does not contain numbers")
    return arrays
