"""Read the variables of a TensorFlow checkpoint, `NAME.index` and `NAME.data-00000-of-00001`, without TensorFlow.

The index is a sorted table of blocks in LevelDB's format (github.com/google/leveldb, doc/table_format.md). It maps the
name of a variable to the `BundleEntryProto` of tensorflow/core/protobuf/tensor_bundle.proto; the data files hold the
values.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sshbench.methods.base import WeightsError
from sshbench.methods.checkpoints.protobuf import fields, shape, varint
from sshbench.regular_file import open_regular

_MAGIC = bytes.fromhex("57fb808b247547db")  # the last eight bytes of every such table
_FOOTER = 48
_LONGEST_NAME = 1024  # bytes; names share their beginnings, so a small file could otherwise hold names of any length
_TYPES = {1: "<f4", 2: "<f8", 3: "<i4", 9: "<i8", 19: "<f2"}  # from tensorflow/core/framework/types.proto


def read_tensorflow(index: Path) -> dict[str, NDArray[Any]]:
    """Return all variables of a checkpoint of numbers, by name.

    Parameters
    ----------
    index
        The file that ends in `.index`; the files of values lie beside it.

    Raises
    ------
    WeightsError
        A file is missing, truncated, or not part of a TensorFlow checkpoint.
    """
    table = _read(index)
    if table[-8:] != _MAGIC:
        raise WeightsError(f"{index} is no index of a TensorFlow checkpoint, or is cut off; download it again")
    shards: dict[str, memoryview] = {}
    variables = {}
    try:
        entries = {key.decode(): value for key, value in _table(table)}
        count = _number(entries.pop(""), 1) or 1
        for name, entry in entries.items():
            if (kind := _TYPES.get(_number(entry, 1))) is None:  # not numbers, such as TensorFlow 2's object graph
                continue
            shard = f"{index.stem}.data-{_number(entry, 3):05d}-of-{count:05d}"
            if shard not in shards:
                shards[shard] = _read(index.with_name(shard))
            variables[name] = _values(entry, kind, shards[shard])
    except (IndexError, KeyError, ValueError, OverflowError) as error:
        raise WeightsError(f"{index} is damaged or has unknown content ({error}); download it again") from error
    return variables


def _values(entry: memoryview, kind: str, data: memoryview) -> NDArray[Any]:
    offset, size = _number(entry, 4), _number(entry, 5)
    if offset + size > len(data):
        raise ValueError("values beyond the end of their file")
    axes: Iterator[int] = iter(())
    for number, value in fields(entry):
        if number == 2 and isinstance(value, memoryview):
            axes = (_number(axis, 1) for one, axis in fields(value) if one == 2 and not isinstance(axis, int))
    values = np.frombuffer(data[offset : offset + size], kind)
    return values.reshape(shape(axes, values.size))


def _number(message: memoryview, field: int) -> int:
    """Return an integer field of a message; 0 if it is missing."""
    return next((value for number, value in fields(message) if number == field and isinstance(value, int)), 0)


def _table(table: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """Yield the keys and values of all data blocks.

    Blocks must follow one another. Otherwise, a small file with many handles to one block would be read many times.
    """
    footer = table[-_FOOTER:]
    position = 0
    for _ in range(2):  # skip the two numbers of the metaindex block's handle
        _, position = varint(footer, position)
    end = 0
    for _, handle in _block(table, footer[position:]):
        offset, behind = varint(handle, 0)
        size, _ = varint(handle, behind)
        if offset < end:
            raise ValueError("blocks that overlap")
        end = offset + size
        yield from _block(table, handle)


def _block(table: memoryview, handle: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """Yield the keys and values of the block at a handle; a key shares its beginning with the previous key."""
    offset, position = varint(handle, 0)
    size, _ = varint(handle, position)
    block = table[offset : offset + size]
    if table[offset + size] != 0:
        raise ValueError("a compressed table")
    restarts = int.from_bytes(block[-4:], "little")
    end, position, key = size - 4 * (restarts + 1), 0, b""
    while position < end:
        shared, position = varint(block, position)
        added, position = varint(block, position)
        length, position = varint(block, position)
        if shared > len(key) or shared + added > _LONGEST_NAME:
            raise ValueError("a name that no variable has")
        key = key[:shared] + bytes(block[position : position + added])
        position += added
        yield key, block[position : position + length]
        position += length


def _read(path: Path) -> memoryview:
    try:
        with open_regular(path) as file:
            return memoryview(file.read())
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error.strerror}") from error
