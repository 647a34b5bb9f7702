"""Read the weights in a `.caffemodel` file without Caffe, with only the required part of protobuf.

The field numbers are those of caffe.proto (github.com/BVLC/caffe): `NetParameter`, `LayerParameter`, the older
`V1LayerParameter`, `BlobProto` and `BlobShape`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sshbench.methods.base import WeightsError
from sshbench.methods.checkpoints.protobuf import fields, integers, shape
from sshbench.regular_file import open_regular

_LAYERS = {100: (1, 7), 2: (4, 6)}  # from a net's field with layers to a layer's fields with its name and its blobs


def read_caffemodel(path: Path) -> dict[str, NDArray[np.float32]]:
    """Return all blobs of a net, float32 in their own shapes, by `layer/index` such as `conv0/1`.

    Raises
    ------
    WeightsError
        The file cannot be read, is truncated, or is not a Caffe net.
    """
    try:
        with open_regular(path) as file:
            data = memoryview(file.read())
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
    axes: Iterator[int] | None = None
    floats, doubles = bytearray(), bytearray()
    for number, value in fields(data):
        if number in (1, 2, 3, 4) and isinstance(value, int):  # num, channels, height, width of files before 2015
            legacy[number] = value
        elif number == 5 and isinstance(value, memoryview):  # floats, packed or one by one
            floats += value
        elif number == 8 and isinstance(value, memoryview):
            doubles += value
        elif number == 7 and isinstance(value, memoryview):
            axes = integers(value, 1)
    if axes is None:
        axes = (legacy.get(number, 1) for number in (1, 2, 3, 4))
    if floats and doubles:
        raise ValueError("a blob of two types")
    with np.errstate(over="ignore", invalid="ignore"):  # infinities and NaN are refused later, with all weights
        flat = np.frombuffer(doubles, "<f8").astype(np.float32) if doubles else np.frombuffer(floats, "<f4")
    return flat.reshape(shape(axes, flat.size))
