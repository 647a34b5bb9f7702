"""Archives of numpy arrays, in which DIH's weights may come."""

from __future__ import annotations

import io
import os
import struct
import zipfile
from pathlib import Path
from random import Random

import numpy as np
import pytest

from sshbench.methods.base import WeightsError
from sshbench.methods.checkpoints.dih import read, read_npz
from tests.hostile.driver import Files, Target, damaged, damaged_bytes, fuzz

FILE = "x.npz"


def _make(random: Random) -> Files:
    values = np.random.default_rng(random.randrange(2**32))
    kinds = ("<f4", "<f8", "<f2", ">f4", "<i4", "u1", "?")
    arrays = {
        f"conv{number}/{number % 2}": values.random(tuple(random.choices(range(4), k=random.randrange(4)))).astype(
            random.choice(kinds), order=random.choice("CF")
        )
        for number in range(random.randint(1, 4))
    }
    file = io.BytesIO()
    (np.savez if random.random() < 0.5 else np.savez_compressed)(file, **arrays)
    return {FILE: file.getvalue()}


def _damaged(random: Random, files: Files) -> Files:
    """Bytes of the archive, or of an array in it."""
    if random.random() < 0.4:
        return damaged(random, files)
    with zipfile.ZipFile(io.BytesIO(files[FILE])) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    name = random.choice(list(entries))
    entries[name] = damaged_bytes(random, entries[name])
    return {FILE: _archive(entries)}


def _archive(entries: Files, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return file.getvalue()


def _read(folder: Path) -> object:
    return read_npz(folder / FILE)


def test_damaged_archives(tmp_path: Path) -> None:
    fuzz(Target(_make, _read, _damaged, memory=2**28), tmp_path)


def _header(shape: str, descr: str = "'<f4'", length: int = 118) -> bytes:
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".ljust(length - 1) + "\n"
    return b"\x93NUMPY\x02\0" + struct.pack("<I", len(text)) + text.encode()


class _Code:
    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, ("ran",)


def _objects() -> bytes:
    file = io.BytesIO()
    np.save(file, np.array([_Code()], object), allow_pickle=True)
    return file.getvalue()


@pytest.mark.parametrize(
    "entries",
    [
        {"a.npy": _header("(1099511627776,)")},
        {"a.npy": _header("(4,)") + bytes(15)},
        {"a.npy": _header("(-1,)") + bytes(4)},
        {"a.npy": _header("(2**62, 4)")},
        {"a.npy": _header("(" + "1," * 60_000 + ")", length=200_000) + bytes(4)},
        {"a.npy": _header("()", "'O'") + bytes(8)},
        {"a.npy": _header("()", "'<U4'") + bytes(16)},
        {"a.npy": _header("()", "[('a', '<f4')]") + bytes(4)},
        {"a.npy": _header("(1,)", "'c8'") + bytes(8)},
        {"a.npy": _header("(9223372036854775807,)", "'V0'")},
        {"a.npy": _header("(1,)", "__import__('os').mkdir('ran')") + bytes(4)},
        {"a.npy": _objects()},
        {"a.npy": b"", "b.npy": b"\x93NUMPY"},
        {"a.txt": b"text"},
    ],
    ids=range(14),
)
def test_arrays_that_are_none(entries: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path(FILE).write_bytes(_archive(entries))
    with pytest.raises(WeightsError, match=rf"^{FILE} is damaged, or no .npz of plain arrays"):
        read(Path(FILE))
    assert not Path("ran").exists()


def test_an_archive_does_not_grow_without_limit(tmp_path: Path) -> None:
    """What it says of its sizes is enough to refuse it; nothing is unpacked."""
    small = {"a.npy": _header("(16777216,)") + bytes(2**26)}
    (tmp_path / FILE).write_bytes(_archive(small))
    assert read_npz(tmp_path / FILE)["a"].shape == (2**24,)
    (tmp_path / FILE).write_bytes(_archive({f"{name}.npy": small["a.npy"] for name in "abcdef"}))
    with pytest.raises(WeightsError, match="is damaged, or no"):
        read_npz(tmp_path / FILE)


def test_an_array_beside_another_file_is_taken(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(_archive({"a.npy": _header("(2,)") + struct.pack("<2f", 1, 2)}, zipfile.ZIP_BZIP2))
    assert read_npz(tmp_path / FILE)["a"].tolist() == [1, 2]


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / FILE)
    with pytest.raises(WeightsError, match="is not a regular file"):
        read(tmp_path / FILE)
