"""TensorFlow checkpoints: a table of blocks with shared beginnings of names, and a file of values."""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence
from pathlib import Path
from random import Random

import numpy as np
import pytest

from sshbench.methods.base import WeightsError
from sshbench.methods.checkpoints.tensorflow import read_tensorflow
from tests.hostile.driver import ODD_NUMBERS, Files, Target, damaged, fuzz
from tests.hostile.protobuf import integer, message, varint

INDEX, DATA = "x.index", "x.data-00000-of-00001"
MAGIC = bytes.fromhex("57fb808b247547db")
HEADER = integer(1, 1) + message(3, integer(1, 1))

Entry = tuple[int, bytes, bytes]
"""Characters that a name shares with the one before, those that it adds, and the value."""


def _block(entries: Sequence[Entry]) -> bytes:
    rows = (varint(shared) + varint(len(name)) + varint(len(value)) + name + value for shared, name, value in entries)
    return b"".join(rows) + struct.pack("<II", 0, 1)


def _table(blocks: Sequence[bytes], handles: Sequence[int] | None = None) -> bytes:
    """A table of blocks; `handles` says which of them its index names, in order."""
    out, places = b"", []
    for block in blocks:
        places.append(varint(len(out)) + varint(len(block)))
        out += block + bytes(5)
    meta = _block([])
    place = varint(len(out)) + varint(len(meta))
    out += meta + bytes(5)
    index = _block([(0, b"%08d" % i, places[number]) for i, number in enumerate(handles or range(len(blocks)))])
    footer = place + varint(len(out)) + varint(len(index))
    return out + index + bytes(5) + footer + bytes(40 - len(footer)) + MAGIC


def _entry(shape: Sequence[int], offset: int, size: int, kind: int = 1) -> bytes:
    axes = b"".join(message(2, integer(1, axis)) for axis in shape)
    return integer(1, kind) + message(2, axes) + integer(4, offset) + integer(5, size)


def _make(random: Random, sizes: tuple[int, ...] = (1, 2, 3)) -> Files:
    entries, data = [(0, b"", HEADER)], b""
    for number in range(random.randint(1, 6)):
        shape = random.choices(sizes, k=random.randrange(4))
        values = np.linspace(0, 1, int(np.prod([size % 100 for size in shape])) % 1000).astype("<f4").tobytes()
        name = f"conv{number}/weights".encode()
        shared = 4 if number and random.random() < 0.5 else 0
        entries.append((shared, name[shared:], _entry(shape, len(data), len(values))))
        data += values
    cut = random.randrange(1, len(entries) + 1)
    while cut < len(entries) and entries[cut][0]:  # a block begins with a whole name
        cut += 1
    return {INDEX: _table([_block(part) for part in (entries[:cut], entries[cut:]) if part]), DATA: data}


def _damaged(random: Random, files: Files) -> Files:
    """Bytes, or shapes of any numbers."""
    if random.random() < 0.7:
        return damaged(random, files)
    return _make(random, tuple(int(number) % 2**64 for number in ODD_NUMBERS if abs(number) < 1e300))


def _read(folder: Path) -> object:
    return read_tensorflow(folder / INDEX)


def test_damaged_files(tmp_path: Path) -> None:
    fuzz(Target(_make, _read, _damaged, memory=2**27), tmp_path)


def _write(folder: Path, table: bytes, data: bytes = b"") -> Path:
    (folder / DATA).write_bytes(data)
    (folder / INDEX).write_bytes(table)
    return folder / INDEX


def _one(entry: bytes, header: bytes = HEADER) -> bytes:
    return _table([_block([(0, b"", header), (0, b"v", entry)])])


@pytest.mark.parametrize(
    "table",
    [
        _table([_block([(0, b"", HEADER), (0, b"a" * 2**20, b""), *[(2**20, b"%04x" % i, b"") for i in range(8000)]])]),
        _table([_block([(0, b"", HEADER), *[(0, b"%04x" % i, b"") for i in range(30_000)]])], [0] * 20_000),
        _table([_block([(0, b"", HEADER)]), _block([(0, b"a", b"")])], [1, 0]),
        _table([_block([(0, b"", HEADER), (9, b"a", b"")])]),
        _one(_entry([0, 2**63], 0, 0)),
        _one(_entry([2**63] * 160_000, 0, 4)),
        _one(_entry([1] * 100, 0, 4)),
        _one(_entry([1], 2**63, 4)),
        _one(_entry([1], 2, 4)),
        _one(integer(1, 1) + message(3, b"a")),
        _table([]),
    ],
    ids=["names", "handles", "order", "share", "zero", "long", "many", "offset", "beyond", "bytes", "empty"],
)
def test_tables_that_are_none(table: bytes, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="is damaged or has unknown content"):
        read_tensorflow(_write(tmp_path, table, bytes(4)))


@pytest.mark.parametrize("shard", [7, 2**63])
def test_a_file_of_values_that_is_not_there(shard: int, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"x\.data-.* cannot be read: No such file"):
        read_tensorflow(_write(tmp_path, _one(_entry([1], 0, 4) + integer(3, shard))))


def test_a_header_of_another_form_stands_for_one_file(tmp_path: Path) -> None:
    found = read_tensorflow(_write(tmp_path, _one(_entry([1], 0, 4), header=message(1, b"x")), bytes(4)))
    assert found["v"].tolist() == [0]


@pytest.mark.parametrize("name", [INDEX, DATA])
def test_a_pipe_is_not_waited_for(name: str, tmp_path: Path) -> None:
    path = _write(tmp_path, _one(_entry([1], 0, 4)), bytes(4))
    (tmp_path / name).unlink()
    os.mkfifo(tmp_path / name)
    with pytest.raises(WeightsError, match=f"{name} cannot be read: is not a regular file"):
        read_tensorflow(path)
