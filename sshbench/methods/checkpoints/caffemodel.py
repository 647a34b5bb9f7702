"""Reads the weights in a `.caffemodel` file: what is needed of the protobuf wire format, and no protobuf.

Field numbers are those of caffe.proto (github.com/BVLC/caffe): `NetParameter`, `LayerParameter`, the older
`V1LayerParameter`, `BlobProto` and `BlobShape`. The wire format is https://protobuf.dev/programming-guides/encoding/.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sshbench.methods.base import WeightsError

Field = tuple[int, int | memoryview]
"""Number of a field, and its value: an integer, or the bytes of all else."""

_LAYERS = {100: (1, 7), 2: (4, 6)}  # fields of a net with layers, and in these the fields of the name and of a blob


def read_caffemodel(path: Path) -> dict[str, NDArray[np.float32]]:
    """All blobs of a net by `layer/index`, as `conv0/1`, in their shapes.

    Raises
    ------
    WeightsError
        The file cannot be read, is cut off, or is no Caffe net.
    """
    try:
        data = memoryview(path.read_bytes())
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error.strerror}") from error
    blobs: dict[str, NDArray[np.float32]] = {}
    try:
        for number, value in _fields(data):
            if number in _LAYERS and isinstance(value, memoryview):
                name, arrays = _layer(value, *_LAYERS[number])
                blobs |= {f"{name}/{index}": array for index, array in enumerate(arrays)}
    except (IndexError, ValueError) as error:
        raise WeightsError(f"{path} is cut off or no .caffemodel; download it again") from error
    if not blobs:
        raise WeightsError(f"{path} has no layers with weights, so it is no .caffemodel")
    return blobs


def _layer(data: memoryview, name_field: int, blob_field: int) -> tuple[str, list[NDArray[np.float32]]]:
    name, blobs = "", []
    for number, value in _fields(data):
        if isinstance(value, memoryview) and number == name_field:
            name = bytes(value).decode()
        elif isinstance(value, memoryview) and number == blob_field:
            blobs.append(_blob(value))
    return name, blobs


def _blob(data: memoryview) -> NDArray[np.float32]:
    legacy: dict[int, int] = {}
    shape: tuple[int, ...] | None = None
    values: list[NDArray[np.float32]] = []
    for number, value in _fields(data):
        if number in (1, 2, 3, 4) and isinstance(value, int):  # num, channels, height, width of before 2015
            legacy[number] = value
        elif number == 5 and isinstance(value, memoryview):  # floats, packed or one by one
            values.append(np.frombuffer(value, "<f4"))
        elif number == 8 and isinstance(value, memoryview):
            values.append(np.frombuffer(value, "<f8").astype(np.float32))
        elif number == 7 and isinstance(value, memoryview):
            shape = tuple(_dimensions(value))
    if shape is None:
        shape = tuple(legacy.get(number, 1) for number in (1, 2, 3, 4))
    flat = np.concatenate(values) if values else np.empty(0, np.float32)
    if prod(shape) != flat.size:
        raise ValueError("a blob has more or fewer values than its shape")
    return flat.reshape(shape)


def _dimensions(data: memoryview) -> Iterator[int]:
    for number, value in _fields(data):
        if number != 1:
            continue
        if isinstance(value, int):
            yield value
            continue
        position = 0
        while position < len(value):
            dimension, position = _varint(value, position)
            yield dimension


def _fields(data: memoryview) -> Iterator[Field]:
    position = 0
    while position < len(data):
        key, position = _varint(data, position)
        number, kind = key >> 3, key & 7
        if kind == 0:
            integer, position = _varint(data, position)
            yield number, integer
            continue
        if kind == 2:
            length, position = _varint(data, position)
        elif kind in (1, 5):
            length = 8 if kind == 1 else 4
        else:
            raise ValueError("a wire type that protobuf does not have, or no longer")
        if position + length > len(data):
            raise ValueError("cut off")
        yield number, data[position : position + length]
        position += length


def _varint(data: memoryview, position: int) -> tuple[int, int]:
    """The integer at a position, seven bits a byte from the lowest on, and the position behind it."""
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
        if shift > 63:
            raise ValueError("an integer of more than 64 bits")
