"""Read files that `torch.save` wrote as data: tensors, numbers, text, and dicts, lists and tuples of these.

A file of weights is untrusted. `torch.load(weights_only=True)` runs no code that a file names, but it allocates the
sizes that a file claims, so a file of 2 KB can request a terabyte. Here, `sshbench.torch_pickle` reads the pickle in
the file as data, and no tensor is larger than the values in the file.

torch has two formats: a zip archive since version 1.6, and before that a sequence of pickles. torch/serialization.py
defines both.
"""

from __future__ import annotations

import io
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from sshbench.errors import SshbenchError
from sshbench.regular_file import open_regular, size_of
from sshbench.torch_pickle import MOST_PICKLED, NotData, Unpickler

_MAGIC = 0x1950A86A20F9469CFC6C  # the first pickle of the older form


class TorchFileError(SshbenchError):
    """The file was not written by `torch.save`, is damaged, or contains objects other than data."""


def read_torch(path: Path) -> Any:
    """Return the content of a file, with tensors on the CPU. Scalars of numpy become numbers of Python.

    Raises
    ------
    TorchFileError
        The file is missing, damaged or of another kind, claims more values than it contains, or contains objects that
        cannot be made without running code.
    """
    damaged = f"{path} is damaged or not a file that torch.save wrote; download it again"
    try:
        with open_regular(path) as file:
            _refuse_stand_ins(path, file)
            try:
                is_zip = zipfile.is_zipfile(file)
                file.seek(0)
                return _read_zip(file) if is_zip else _read_chain(file)
            except NotData:
                raise
            except Exception as error:  # with a damaged pickle or archive, Python's readers may raise any exception
                raise TorchFileError(damaged) from error
    except NotData as error:
        raise TorchFileError(
            f"{path} can only be read by running code that it names ({error}), and code in a file of weights is not "
            "run here; ask its authors for a file of tensors only, or save the tensors again on a machine where you "
            "trust the file"
        ) from error
    except OSError as error:
        raise TorchFileError(f"{path} cannot be read: {error.strerror or error}") from error


def _refuse_stand_ins(path: Path, file: BinaryIO) -> None:
    head = file.read(64)
    file.seek(0)
    if not head:
        raise TorchFileError(f"{path} is empty; download it again")
    if head.lstrip().lower().startswith((b"<!doctype", b"<html")):
        raise TorchFileError(
            f"{path} is a web page, not a checkpoint; open its address in a browser and download again"
        )
    if head.startswith(b"version https://git-lfs"):
        raise TorchFileError(f"{path} only points to a file of Git LFS; fetch it with git lfs pull")


def _read_zip(file: BinaryIO) -> Any:
    """Read an archive with the pickle `NAME/data.pkl` and the uncompressed values of storage K in `NAME/data/K`."""
    with zipfile.ZipFile(file) as archive:
        names = [name for name in archive.namelist() if re.fullmatch(r"[^/]*/data\.pkl", name)]
        if len(names) != 1:
            raise ValueError("no archive of torch.save")
        folder = names[0].removesuffix("data.pkl")
        if f"{folder}byteorder" in archive.namelist() and archive.read(f"{folder}byteorder") != b"little":
            raise ValueError("values of a big-endian machine")
        limit = size_of(file)
        entries = _Entries(archive, limit)
        data = entries.read(names[0], MOST_PICKLED)
        return Unpickler(io.BytesIO(data), limit, lambda key: entries.read(f"{folder}data/{key}", limit)).load()


@dataclass
class _Entries:
    """The entries of an archive. Together they must not be larger than the archive, so no two entries can overlap."""

    archive: zipfile.ZipFile
    left: int

    def read(self, name: str, most: int) -> bytearray:
        entry = self.archive.getinfo(name)
        self.left -= entry.file_size
        if entry.compress_type != zipfile.ZIP_STORED or entry.file_size > most or self.left < 0:
            raise ValueError("an entry that torch.save would not write")
        with self.archive.open(entry) as file:
            data = bytearray(file.read())
        if len(data) != entry.file_size:
            raise EOFError
        return data


def _read_chain(file: BinaryIO) -> Any:
    """Read the older format: magic number, version, facts about the machine, object, keys of the storages, and values.

    The values follow the object that needs them, so the object is read twice.
    """
    limit = size_of(file)
    if _unpickled(file, limit) != _MAGIC:
        raise ValueError("no file of torch.save")
    _unpickled(file, limit)
    if not _unpickled(file, limit)["little_endian"]:
        raise ValueError("values of a big-endian machine")
    start = file.tell()
    first = Unpickler(file, limit, None)
    first.load()
    keys = _unpickled(file, limit)
    storages: dict[str, bytearray] = {}
    for key in keys:
        count = int.from_bytes(file.read(8), "little") * first.item_sizes[key]
        if key in storages or count > limit - file.tell():
            raise ValueError("values beyond the end of the file")
        storages[key] = bytearray(count)
        file.readinto(storages[key])  # type: ignore[attr-defined]
    file.seek(start)
    return Unpickler(file, limit, storages.__getitem__).load()


def _unpickled(file: BinaryIO, limit: int) -> Any:
    return Unpickler(file, limit, None).load()
