"""PyTorch files, in both of their forms, and the pickle within them."""

from __future__ import annotations

import io
import os
import pickle
import struct
import subprocess
import sys
import time
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
import torch

from sshbench.methods.base import WeightsError
from sshbench.methods.checkpoints import read_state
from sshbench.torch_files import TorchFileError, read_torch
from tests.hostile.driver import Files, Target, damaged, damaged_bytes, fuzz

FILE = "x.pth"


@cache
def _samples() -> tuple[bytes, ...]:
    shared = torch.rand(4, 3, 3, 3)
    held: tuple[Any, ...] = (
        {"a": torch.rand(3)},
        {"state_dict": {"a": torch.rand(2, 3), "module.b": torch.arange(3)}, "epoch": 3, "best": np.float64(3)},
        {"model_state_dict": OrderedDict(w=shared, v=shared[1:], t=shared.half().permute(1, 0, 2, 3)), "lr": [0.1, 2]},
        {"a": torch.nn.Parameter(torch.rand(2)), "optimizer": {"state": {0: {"step": torch.tensor(1.0)}}}, "n": None},
    )
    files = []
    for one in held:
        for zipped in (True, False):
            for protocol in (2, 4):
                file = io.BytesIO()
                torch.save(one, file, _use_new_zipfile_serialization=zipped, pickle_protocol=protocol)
                files.append(file.getvalue())
    return tuple(files)


def _make(random: Random) -> Files:
    return {FILE: random.choice(_samples())}


def _read(folder: Path) -> object:
    return read_state(folder / FILE, "state_dict", "model_state_dict")


def _damaged(random: Random, files: Files) -> Files:
    """Bytes of the file, or of an entry of the archive whose checksum is then made to fit."""
    data = files[FILE]
    if not data.startswith(b"PK") or random.random() < 0.4:
        return damaged(random, files)
    archive, packed = zipfile.ZipFile(io.BytesIO(data)), io.BytesIO()
    chosen = random.choice([name for name in archive.namelist() if random.random() < 0.3 or name.endswith(".pkl")])
    with zipfile.ZipFile(packed, "w", random.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as other:
        for name in archive.namelist():
            entry = archive.read(name)
            other.writestr(name, damaged_bytes(random, entry) if name == chosen else entry)
    return {FILE: packed.getvalue()}


def test_damaged_files(tmp_path: Path) -> None:
    fuzz(Target(_make, _read, _damaged, memory=2**28), tmp_path)


def _storage(count: int, key: str = "0", kind: str = "FloatStorage") -> bytes:
    """The opcodes of a reference to a storage of so many values."""
    return b"(X\7\0\0\0storagectorch\n%s\nX\1\0\0\0%sX\3\0\0\0cpu%stQ" % (kind.encode(), key.encode(), _integer(count))


def _integer(value: int) -> bytes:
    return pickle.dumps(value, 2)[2:-1]


def _tensor(storage: bytes, offset: int, size: tuple[int, ...], stride: tuple[int, ...]) -> bytes:
    numbers = _integer(offset) + b"".join(b"(" + b"".join(map(_integer, axes)) + b"t" for axes in (size, stride))
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + numbers + b"\x89}tR"


def _zipped(value: bytes, *storages: bytes, deflated: bool = False) -> bytes:
    """An archive of `{"w": value}`, with the values of storages 0, 1 and so on."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED if deflated else zipfile.ZIP_STORED) as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02}X\1\0\0\0w" + value + b"s.")
        for number, storage in enumerate(storages):
            archive.writestr(f"archive/data/{number}", storage)
        archive.writestr("archive/version", b"3\n")
    return file.getvalue()


def _chained(value: bytes, *storages: tuple[int, bytes]) -> bytes:
    value = value.replace(b"tQ", b"NtQ")  # a storage may be a part of another one here, and None says that it is whole
    keys = pickle.dumps([str(number) for number in range(len(storages))], 2)
    machine = {"protocol_version": 1001, "little_endian": True, "type_sizes": {}}
    head = b"".join(pickle.dumps(one, 2) for one in (0x1950A86A20F9469CFC6C, 1001, machine))
    values = b"".join(struct.pack("<q", count) + data for count, data in storages)
    return head + b"\x80\x02}X\1\0\0\0w" + value + b"s." + keys + values


WHOLE = struct.pack("<4f", 1, 2, 3, 4)


def _reads(data: bytes, tmp_path: Path) -> Any:
    (tmp_path / FILE).write_bytes(data)
    return read_torch(tmp_path / FILE)


def test_the_files_of_this_test_are_as_torch_reads_them(tmp_path: Path) -> None:
    value = _tensor(_storage(4), 1, (2,), (1,))
    for data in (_zipped(value, WHOLE), _chained(value, (4, WHOLE))):
        assert _reads(data, tmp_path)["w"].tolist() == [2, 3]
        assert torch.load(tmp_path / FILE, weights_only=True)["w"].tolist() == [2, 3]


@pytest.mark.parametrize(
    ("count", "offset", "size", "stride"),
    [
        (4, 0, (5,), (1,)),
        (4, 1, (4,), (1,)),
        (4, 0, (2, 2), (3, 1)),
        (4, 3, (2,), (-1,)),
        (4, -1, (1,), (1,)),
        (4, 0, (-1,), (1,)),
        (1000, 0, (1000,), (1,)),
        (-1, 0, (1,), (1,)),
        (4, 0, (2**40, 2), (0, 0)),
        (4, 0, (2**20, 2**20), (0, 0)),
        (4, 0, (2**63,), (0,)),
        (4, 0, (2**32, 2**32), (1, 1)),
        (4, 0, (2,), (1, 1)),
        (4, 2**70, (1,), (1,)),
        (4, 0, (1,) * 100, (1,) * 100),
    ],
)
def test_a_tensor_lies_within_its_values(
    count: int, offset: int, size: tuple[int, ...], stride: tuple[int, ...], tmp_path: Path
) -> None:
    value = _tensor(_storage(count), offset, size, stride)
    for data in (_zipped(value, WHOLE), _chained(value, (count % 2**63, WHOLE)), _chained(value, (4, WHOLE))):
        with pytest.raises(TorchFileError, match="is damaged or not a file"):
            _reads(data, tmp_path)


def test_views_of_the_same_values_are_read_up_to_eight_times_the_file(tmp_path: Path) -> None:
    values = torch.rand(400, 400)
    torch.save({"a": values, "b": values.t(), "c": values[0].expand(400, 400)}, tmp_path / FILE)
    found = read_torch(tmp_path / FILE)
    assert torch.equal(found["b"], values.t())
    assert torch.equal(found["c"], values[:1].expand(400, 400))
    torch.save({str(i): values[i].expand(400, 400) for i in range(20)}, tmp_path / FILE)
    with pytest.raises(TorchFileError, match="is damaged or not"):
        read_torch(tmp_path / FILE)


def test_compressed_entries_and_entries_that_overlap_are_none_of_torch(tmp_path: Path) -> None:
    value = _tensor(_storage(2**20), 0, (2**20,), (1,))
    with pytest.raises(TorchFileError, match="is damaged or not"):
        _reads(_zipped(value, bytes(2**22), deflated=True), tmp_path)
    data = bytearray(_zipped(_tensor(_storage(4), 0, (4,), (1,)), WHOLE, WHOLE))
    central = data.rfind(b"PK\1\2")
    data[central : central + 46] = data[central : central + 46]
    for place in [i for i in range(len(data)) if data[i : i + 4] == b"PK\1\2"]:
        data[place + 20 : place + 28] = struct.pack("<II", len(data) - 1, len(data) - 1)
    with pytest.raises(TorchFileError, match="is damaged or not"):
        _reads(bytes(data), tmp_path)


def _call(function: str, *arguments: bytes) -> bytes:
    module, _, name = function.rpartition(".")
    return b"c%s\n%s\n(%stR" % (module.encode(), name.encode(), b"".join(arguments))


def _in_plain_pickle(value: bytes) -> bytes:
    return b"\x80\x02" + value + b"."


@pytest.mark.parametrize("written", [_zipped, _chained, _in_plain_pickle])
@pytest.mark.parametrize(
    "name",
    [
        "os.system", "posix.system", "builtins.eval", "__builtin__.eval", "builtins.getattr", "builtins.bytearray",
        "torch.load", "torch.serialization.load", "torch.hub.load", "torch.Tensor", "torch.FloatTensor",
        "torch.storage.TypedStorage", "torch._utils._rebuild_sparse_tensor", "torch._utils._rebuild_nested_tensor",
        "torch._utils._rebuild_qtensor", "torch._utils._rebuild_meta_tensor_no_storage", "numpy.load",
        "torch._utils._rebuild_wrapper_subclass", "torch._utils._rebuild_device_tensor_from_numpy", "pickle.loads",
        "torch._tensor._rebuild_from_type_v2.call", "sshbench.torch_files.read_torch", "collections.defaultdict",
        "torch._dynamo.config.__setattr__", "codecs.decode", "zlib.decompress", "torch.nn.parameter.Parameter",
    ],
)  # fmt: skip
def test_only_functions_of_the_table_are_called(name: str, written: Callable[[bytes], bytes], tmp_path: Path) -> None:
    with pytest.raises(TorchFileError, match=f"running code that it names .*{name.rpartition('.')[2]}"):
        _reads(written(_call(name, _integer(2**40))), tmp_path)


TEXT = b"X\3\0\0\0abc"


@pytest.mark.parametrize(
    "value",
    [
        _call("_codecs.encode", TEXT, b"X\3\0\0\0hex"),
        _call("_codecs.encode", TEXT, b"X\2\0\0\0os"),
        _call("numpy.dtype", b"X\1\0\0\0O"),
        _call("numpy.core.multiarray.scalar", _call("numpy.dtype", b"X\1\0\0\0O"), TEXT),
        _call("numpy.core.multiarray.scalar", _call("numpy.dtype", b"X\x0b\0\0\0S1000000000"), TEXT),
        _call("numpy.core.multiarray.scalar", _call("numpy.dtype", b"X\2\0\0\0f8"), TEXT),
        _call("numpy.core.multiarray.scalar", TEXT, TEXT),
        _call("torch._tensor._rebuild_from_type_v2", TEXT, b"NNN"),
        b"ctorch._utils\n_rebuild_tensor_v2\n}X\5\0\0\0valueNsb",  # tells the function itself an attribute
        b"ctorch\nfloat32\n(NNtb",
        _storage(4) + b"}X\6\0\0\0valuesNsb",
        b"(Nl",  # opcodes of classes and of older protocols
        b"cos\nsystem\n)\x81",
        b"(X\1\0\0\0aos.system\n",
        b"\x82\1",
        b"r\xff\xff\xff\x7f",
        b"]q\0" + b"(h\0h\0h\0h\0h\0h\0h\0h\0h\0h\0tq\0" * 60,
        b"\x8b\xff\xff\xff\x7f",
        b"\x96\xff\xff\xff\xff\xff\xff\xff\x7f",
        b"\x8d\xff\xff\xff\xff\xff\xff\xff\x7f",
        b"B\xff\xff\xff\x7f",
        b"]" + b"(]" * 200_000,
        b"}" + b"".join(_integer(k * (2**61 - 1)) + b"Ns" for k in range(20_000)),
        b"}" + TEXT + b"ss",
        TEXT + TEXT + b"a",
        b"}(]Nu",
    ],
    ids=lambda value: repr(value[:40]),
)
@pytest.mark.parametrize("written", [_zipped, _chained, _in_plain_pickle])
def test_pickles_that_are_no_data(value: bytes, written: Callable[[bytes], bytes], tmp_path: Path) -> None:
    with suppress(TorchFileError):
        found = _reads(written(value), tmp_path)
        assert not any(isinstance(one, torch.Tensor) for one in found.values())
    again = _reads(_zipped(_tensor(_storage(4), 0, (4,), (1,)), WHOLE), tmp_path)
    assert again["w"].tolist() == [1, 2, 3, 4], "an earlier file has changed the reader"


_LONG = b"]q\0(" + b"N" * 10**6 + b"e"
_DEEP = b"]q\0" + b"(h\0h\0h\0h\0h\0h\0h\0h\0h\0h\0tq\0" * 60


@pytest.mark.parametrize(
    "value",
    [
        _LONG + b"ctorch\nSize\nq\1" + b"h\1h\0\x85R" * 1000,
        _LONG + b"ctorch._utils\n_rebuild_tensor\nq\1" + b"h\1(NNh\0h\0tR" * 1000,
        _LONG + b"h\0Q" * 10_000,
        b"X" + struct.pack("<I", 10**6) + b"a" * 10**6 + b"q\0c_codecs\nencode\nq\1" + b"h\1h\0\x85R" * 1000,
        _DEEP + b"ctorch\ndevice\nh\0\x85R",
        _DEEP + b"cnumpy\ndtype\nh\0\x85R",
        _DEEP + b"ccollections\nCounter\nh\0\x85R",
        b"}X\3\0\0\0\xed\xa0\x80Ns",
    ],
    ids=["copies", "numbers", "references", "text", "device", "type", "dict", "half a character"],
)
def test_a_short_pickle_does_not_make_much(value: bytes, tmp_path: Path) -> None:
    began = time.process_time()
    with pytest.raises(TorchFileError, match="is damaged or not a file"):
        _reads(_zipped(value), tmp_path)
    assert time.process_time() - began < 5


def test_a_pickle_is_at_most_four_megabytes(tmp_path: Path) -> None:
    with pytest.raises(TorchFileError, match="is damaged or not"):
        _reads(_zipped(b"B" + struct.pack("<I", 5 << 20) + bytes(5 << 20)), tmp_path)
    with pytest.raises(TorchFileError, match="is damaged or not"):
        _reads(_chained(b"B" + struct.pack("<I", 5 << 20) + bytes(5 << 20)), tmp_path)


@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "null"])
def test_what_is_no_regular_file_is_not_opened(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "x.pth"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "folder":
        path.mkdir()
    else:
        path = tmp_path / "a\0b"
    with pytest.raises(WeightsError, match=r"cannot be read: (is not a regular file|is a folder|is no name that)"):
        read_state(path)


def test_a_checkpoint_of_a_training_is_read_as_torch_reads_it(tmp_path: Path) -> None:
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4)).to(
        memory_format=torch.channels_last
    )
    optimizer = torch.optim.AdamW(network.parameters())
    network(torch.rand(2, 3, 8, 8)).sum().backward()
    optimizer.step()
    held = {
        "modules": network.state_dict(),
        "optimizers": [optimizer.state_dict()],
        "random": torch.get_rng_state(),
        "types": [torch.rand(3).to(kind) for kind in (torch.half, torch.bfloat16, torch.float64)],
        "empty": torch.empty(0, 3),
        "number": torch.tensor(3),
        "tuple": (1, 2.5, None, True, "é", 2**70, -1),
    }
    for zipped in (True, False):
        for protocol in (2, 3, 4, 5):
            torch.save(held, tmp_path / FILE, _use_new_zipfile_serialization=zipped, pickle_protocol=protocol)
            _equal(read_torch(tmp_path / FILE), torch.load(tmp_path / FILE, weights_only=protocol == 2))


def _equal(one: Any, other: Any) -> None:
    if isinstance(one, torch.Tensor):
        assert (one.dtype, one.shape, one.stride()) == (other.dtype, other.shape, other.stride())
        bits = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}[one.element_size()]
        assert torch.equal(one.view(bits), other.view(bits))
    elif isinstance(one, dict):
        assert list(one) == list(other)
        for key in one:
            _equal(one[key], other[key])
    elif isinstance(one, (list, tuple)):
        assert type(one) is type(other)
        for a, b in zip(one, other, strict=True):
            _equal(a, b)
    else:
        assert one == other


def test_reading_needs_no_torch_until_there_is_a_tensor() -> None:
    code = "import sys, sshbench.torch_files; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
