"""`.caffemodel` files: protobuf, nested, with repeated fields packed or one by one."""

from __future__ import annotations

import os
from pathlib import Path
from random import Random

import numpy as np
import pytest

from sshbench.methods.base import WeightsError
from sshbench.methods.checkpoints.caffemodel import read_caffemodel
from tests.hostile.driver import ODD_NUMBERS, Files, Target, damaged, fuzz
from tests.hostile.protobuf import integer, message, varint

FILE = "x.caffemodel"


def _make(random: Random, sizes: tuple[int, ...] = (1, 2, 3)) -> Files:
    net = message(1, b"net")
    for number in range(random.randint(1, 4)):
        blobs = b"".join(_blob(random, sizes) for _ in range(random.randint(1, 2)))
        net += message(100, message(1, f"conv{number}".encode()) + blobs)
    return {FILE: net + message(2, message(4, b"older") + _blob(random, sizes, field=6))}


def _blob(random: Random, sizes: tuple[int, ...], field: int = 7) -> bytes:
    shape = random.choices(sizes, k=random.randrange(5))
    count = int(np.prod([size % 100 for size in shape])) % 1000
    values = np.linspace(0, 1, count).astype("<f4").tobytes()
    data = random.choice(
        (
            message(5, values),
            b"".join(varint(5 << 3 | 5) + values[i : i + 4] for i in range(0, len(values), 4)),
            message(8, np.linspace(0, 1, count).tobytes()),
        )
    )
    packed = message(7, message(1, b"".join(map(varint, shape))))
    legacy = b"".join(integer(axis + 1, size) for axis, size in enumerate(shape))
    return message(field, (packed if random.random() < 0.7 else legacy) + data)


def _damaged(random: Random, files: Files) -> Files:
    """Bytes, or shapes of any numbers."""
    if random.random() < 0.7:
        return damaged(random, files)
    return _make(random, tuple(int(number) % 2**64 for number in ODD_NUMBERS if abs(number) < 1e300))


def _read(folder: Path) -> object:
    return read_caffemodel(folder / FILE)


def test_damaged_files(tmp_path: Path) -> None:
    fuzz(Target(_make, _read, _damaged, memory=2**27), tmp_path)


def _file(path: Path, shape: list[int], data: bytes) -> Path:
    path.write_bytes(
        message(100, message(1, b"c") + message(7, message(7, message(1, b"".join(map(varint, shape)))) + data))
    )
    return path


@pytest.mark.parametrize(
    ("shape", "data"),
    [
        ([0, 2**63], b""),
        ([2**64 - 1, 2**64 - 1], message(5, bytes(4))),
        ([1] * 100, message(5, bytes(4))),
        ([2**63] * 160_000, message(5, bytes(4))),
        ([2], message(5, bytes(4)) + message(8, bytes(8))),
        ([1], message(5, bytes(3))),
    ],
    ids=["zero", "negative", "many", "long", "two types", "cut"],
)
def test_shapes_that_the_values_do_not_have(shape: list[int], data: bytes, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"is cut off or no \.caffemodel; download it again$"):
        read_caffemodel(_file(tmp_path / FILE, shape, data))


def test_values_one_by_one_take_no_more_memory_than_packed_ones(tmp_path: Path) -> None:
    count = 200_000
    data = varint(5 << 3 | 5) + b"\0\0\x80\x3f"
    (values,) = read_caffemodel(_file(tmp_path / FILE, [count], data * count)).values()
    assert values.shape == (count,)
    assert (values == 1).all()


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / FILE)
    with pytest.raises(WeightsError, match="cannot be read: is not a regular file"):
        read_caffemodel(tmp_path / FILE)
