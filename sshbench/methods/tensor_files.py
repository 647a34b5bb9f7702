"""Tensors in safetensors files: one file, or shards with an index, as on the Hugging Face Hub.

A folder has `model.safetensors`, or files such as `model-00001-of-00003.safetensors` with the index
`model.safetensors.index.json`. The metadata of each file holds the hash of all tensors, so that shards of different
weights cannot be mixed.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sshbench.methods.base import WeightsError
from sshbench.regular_file import open_regular, size_of
from sshbench.whole_file import whole_file

if TYPE_CHECKING:
    from torch import Tensor

FILE = "model.safetensors"
INDEX = "model.safetensors.index.json"

_HASH = "sshbench.hash"
_ROOM = 2**18  # bytes of a shard that are reserved for its header
_LARGEST_HEADER = 2**23  # bytes that are read of a header or an index; those of large networks have 100 KB
_MOST_TENSORS = 20_000
_SHARD = re.compile(r"[\w.-]+\.safetensors")
_PART = re.compile(r"([^\[]+)\[(\d{1,15}):(\d{1,15})\]")
TYPES = {
    "float16": "F16", "float32": "F32", "float64": "F64", "bfloat16": "BF16", "float8_e4m3fn": "F8_E4M3",
    "float8_e5m2": "F8_E5M2", "int8": "I8", "int16": "I16", "int32": "I32", "int64": "I64", "uint8": "U8",
    "bool": "BOOL",
}  # fmt: skip
"""The types of weights: from torch's name to that of safetensors. In memory, all floats are float32."""
_OF_TORCH = ("BF16", "F8_E4M3", "F8_E5M2")  # types that numpy does not have


def plain(value: Tensor) -> Tensor:
    """Return the tensor on the CPU, without gradients: floats as float32, integers in their own type."""
    value = value.detach().cpu()
    return (value.float() if value.is_floating_point() else value).contiguous()


def plain_array(value: NDArray[Any]) -> NDArray[Any]:
    """Return the array in C order: floats as float32, integers in their own type."""
    return np.asarray(value, np.float32 if value.dtype.kind == "f" else None, order="C")


def tensors_hash(state: Mapping[str, Tensor]) -> str:
    """Return the first 32 hexadecimal digits of the SHA-256 of names, shapes and values, in any order."""
    return arrays_hash({name: plain(value).numpy() for name, value in state.items()})


def arrays_hash(state: Mapping[str, NDArray[Any]]) -> str:
    """Return the `tensors_hash` of arrays as `read_arrays` returns them."""
    digest = hashlib.sha256()
    for name in sorted(state):
        value = state[name]
        digest.update(f"{name}{value.dtype.str}{value.shape}".encode())
        digest.update(value.reshape(-1).data)
    return digest.hexdigest()[:32]


def is_tensor_file(path: Path) -> bool:
    """Return whether a folder or file has one of this module's names."""
    if path.is_dir():
        return any((path / name).is_file() for name in (FILE, INDEX))
    return path.suffix == ".safetensors" or path.name == INDEX


def write_tensors(
    folder: Path, state: Mapping[str, Tensor], metadata: Mapping[str, str], shard_bytes: int
) -> list[Path]:
    """Write tensors into a folder. If the writing is interrupted, readers find either the old or the new tensors.

    Each file appears whole or not at all. New shards have other names than old shards. The index, which lists the
    shards that count, is written last; then the old shards are removed.

    Parameters
    ----------
    shard_bytes
        The largest size of a file. A larger tensor is cut along its first axis and joined when it is read.

    Returns
    -------
    list of Path
        The files; the index, if there are several files, is the last.
    """
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    shards = _shards(state, shard_bytes)
    count = len(shards)
    found = tensors_hash(state)
    stem = f"model-{found[:8]}" if (folder / INDEX).exists() else "model"
    names = [FILE] if count == 1 else [f"{stem}-{i:05}-of-{count:05}.safetensors" for i in range(1, count + 1)]
    metadata = {"format": "pt", **metadata, _HASH: found}
    for name, shard in zip(names, shards, strict=True):
        with whole_file(folder / name) as temporary:
            save_file(shard, temporary, metadata)
    files = [folder / name for name in names]
    if count > 1:
        places = {key: name for name, shard in zip(names, shards, strict=True) for key in shard}
        size = sum(value.nbytes for value in state.values())
        with whole_file(folder / INDEX) as temporary:
            temporary.write_text(json.dumps({"metadata": {"total_size": size}, "weight_map": places}, indent=1) + "\n")
        files.append(folder / INDEX)
    for old in {folder / INDEX, *folder.glob("model*.safetensors")} - set(files):
        old.unlink(missing_ok=True)
    return files


def _shards(state: Mapping[str, Tensor], limit: int) -> list[dict[str, Tensor]]:
    room = max(limit - _ROOM, limit // 2)
    shards: list[dict[str, Tensor]] = [{}]
    used = 0
    for whole, value in state.items():
        for name, part in _parts(whole, value.contiguous(), room):
            if used + part.nbytes > room and shards[-1]:
                shards.append({})
                used = 0
            shards[-1][name] = part
            used += part.nbytes
    return shards


def _parts(name: str, value: Tensor, room: int) -> list[tuple[str, Tensor]]:
    """Return the tensor, or pieces of it called `name[0:40]`, `name[40:80]` and so on."""
    if value.nbytes <= room:
        return [(name, value)]
    rows = max(1, room * len(value) // value.nbytes)
    starts = range(0, len(value), rows)
    return [(f"{name}[{start}:{min(start + rows, len(value))}]", value[start : start + rows]) for start in starts]


def read_arrays(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, str], str]:
    """Read a folder or a single file. torch is loaded only if a file holds types that numpy does not have.

    Returns
    -------
    The arrays by name (floats as float32, integers in their own type), the metadata, and the hash of the arrays.

    Raises
    ------
    WeightsError
        A file is missing or damaged, or the arrays differ from the arrays that were written.
    """
    if path.name == INDEX:
        path = path.parent
    folder_files = _listed(path / INDEX) if (path / INDEX).is_file() else [path / FILE]
    pieces: dict[str, NDArray[Any]] = {}
    metadata: dict[str, str] = {}
    hashes = set()
    for file in folder_files if path.is_dir() else [path]:
        arrays, metadata = _read_file(file)
        pieces |= arrays
        hashes.add(metadata.pop(_HASH, ""))
    state = _joined(pieces, path)
    if hashes == {""}:
        raise WeightsError(f"{path} was not written by sshbench, because it does not name its network")
    found = arrays_hash(state)
    if hashes != {found}:
        raise WeightsError(f"{path} contains other tensors than were saved; copy all its files again")
    return state, metadata, found


def _listed(index: Path) -> list[Path]:
    try:
        with open_regular(index) as file:
            text = file.read(_LARGEST_HEADER)
        names = sorted(set(json.loads(text)["weight_map"].values()))
        outside = [name for name in names if not _SHARD.fullmatch(name)]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise WeightsError(f"{index} is damaged; copy it again") from error
    if outside:
        raise WeightsError(f"{index} names {outside[0]!r}, a file outside of its folder; do not use it")
    return [index.parent / name for name in names]


def _read_file(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise WeightsError(f"{path} is missing; copy it from where the files beside it come from")
    try:
        with open_regular(path) as head:
            if int.from_bytes(head.read(8), "little") > min(_LARGEST_HEADER, size_of(head)):
                raise ValueError("its header is too long")
        with safe_open(path, framework="np") as file:
            names = list(file.keys())
            if len(names) > _MOST_TENSORS:
                raise ValueError(f"it has {len(names):,} tensors")
            kinds = {name: file.get_slice(name).get_dtype() for name in names}
            for name, kind in kinds.items():
                if kind not in TYPES.values():
                    raise ValueError(f"{name} is {kind}, which weights are not")
            found = {name: plain_array(file.get_tensor(name)) for name in names if kinds[name] not in _OF_TORCH}
            metadata = file.metadata() or {}
        if len(found) < len(names):
            with safe_open(path, framework="pt") as file:
                found |= {name: plain(file.get_tensor(name)).numpy() for name in names if name not in found}
        return found, metadata
    except (SafetensorError, OSError, ValueError, TypeError, RuntimeError) as error:
        raise WeightsError(f"{path} is damaged or no safetensors file ({error}); copy it again") from error


def _joined(pieces: Mapping[str, NDArray[Any]], path: Path) -> dict[str, NDArray[Any]]:
    """Join the pieces that `_parts` cut."""
    state: dict[str, NDArray[Any]] = {}
    cut: dict[str, list[tuple[int, int, NDArray[Any]]]] = {}
    for name, value in pieces.items():
        if part := _PART.fullmatch(name):
            cut.setdefault(part[1], []).append((int(part[2]), int(part[3]), value))
        else:
            state[name] = value
    for name, parts in cut.items():
        parts.sort(key=lambda part: part[:2])
        end = 0
        for start, after, value in parts:
            if name in state or start != end or value.shape[:1] != (after - start,):
                raise WeightsError(f"{path}: the parts of {name} do not follow one another; copy its files again")
            end = after
        values = [value for _, _, value in parts]
        if any(value.shape[1:] != values[0].shape[1:] or value.dtype != values[0].dtype for value in values):
            raise WeightsError(f"{path}: the parts of {name} are of different shapes or types; copy its files again")
        state[name] = np.concatenate(values)
    return state
