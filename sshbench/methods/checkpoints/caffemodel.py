"""Reads the weights in a `.caffemodel` file: no Caffe, and of protobuf what is needed.

Field numbers are those of caffe.proto (github.com/BVLC/caffe): `NetParameter`, `LayerParameter`, the older
`V1LayerParameter`, `BlobProto` and `BlobShape`.
"""

from __future__ import annotations

from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sshbench.methods.base import WeightsError
from sshbench.methods.checkpoints.protobuf import fields, integers

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
        for number, value in fields(data):
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
    for number, value in fields(data):
        if isinstance(value, memoryview) and number == name_field:
            name = bytes(value).decode()
        elif isinstance(value, memoryview) and number == blob_field:
            blobs.append(_blob(value))
    return name, blobs


def _blob(data: memoryview) -> NDArray[np.float32]:
    legacy: dict[int, int] = {}
    shape: tuple[int, ...] | None = None
    values: list[NDArray[np.float32]] = []
    for number, value in fields(data):
        if number in (1, 2, 3, 4) and isinstance(value, int):  # num, channels, height, width of before 2015
            legacy[number] = value
        elif number == 5 and isinstance(value, memoryview):  # floats, packed or one by one
            values.append(np.frombuffer(value, "<f4"))
        elif number == 8 and isinstance(value, memoryview):
            values.append(np.frombuffer(value, "<f8").astype(np.float32))
        elif number == 7 and isinstance(value, memoryview):
            shape = tuple(integers(value, 1))
    if shape is None:
        shape = tuple(legacy.get(number, 1) for number in (1, 2, 3, 4))
    flat = np.concatenate(values) if values else np.empty(0, np.float32)
    if prod(shape) != flat.size:
        raise ValueError("a blob has more or fewer values than its shape")
    return flat.reshape(shape)
