"""Images in the cells of untrusted tables: bytes, or paths inside the data set.

A path is read only if it leads to a regular file of the data set: relative to the table's folder, or absolute and
inside the given folder. Otherwise a shared table could name any file of this machine, and a private picture would end
up in the results.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sshbench.file_names import as_on_disk, inside
from sshbench.images.opening import MAX_BYTES, ImageFileError
from sshbench.regular_file import read_regular

ReadFile = Callable[[str], bytes]
"""A function that reads the file that a cell names. It raises OSError with the reason in `strerror`."""

OUTSIDE = "names a file outside its data set; keep the images in the table's folder, or store their bytes in the table"


class OutsideFile(OSError):
    """A path in a cell that leads out of its data set."""

    def __init__(self, name: str) -> None:
        super().__init__(0, OUTSIDE, name)


@dataclass(frozen=True)
class FolderFiles:
    """Reads the files of a data set in a folder.

    Parameters
    ----------
    root
        The folder of the data set, outside which no file is read; links are resolved before the check.
    folder
        The folder inside `root` that paths are relative to.
    """

    root: str
    folder: str

    def __call__(self, name: str) -> bytes:
        path = inside(_with_blobs(self.root), as_on_disk(os.path.join(self.folder, name)))
        if path is None:
            raise OutsideFile(name)
        return read_regular(path, MAX_BYTES)


def _with_blobs(root: str) -> str:
    """Return the folder of a data set's files; a snapshot in the hub's cache links to blobs in a folder above it."""
    for folder in (Path(root), *Path(root).parents):
        repository = folder.parent.parent
        if folder.parent.name == "snapshots" and (repository / "blobs").is_dir():
            return str(repository)
    return root


def cell_bytes(value: Any, name: str, read: ReadFile | None) -> bytes | None:
    """Return the image file in a cell; None if the cell is empty.

    Parameters
    ----------
    value
        Bytes, a path, or both in a mapping with `bytes` and `path`, as `datasets` stores an image. If there are bytes,
        the path is ignored.
    name
        The name of the cell in messages.
    read
        The function that reads the named files; None if cells may not hold paths.

    Raises
    ------
    ImageFileError
        The value has another type, the path leads out of the data set or to no regular file, or the file is too large.
    """
    if isinstance(value, Mapping):
        value = value.get("path") if value.get("bytes") is None else value["bytes"]
    if isinstance(value, str):
        return _read(value, name, read)
    if value is None:
        return None
    if not isinstance(value, bytes | bytearray | memoryview):
        raise ImageFileError(name, f"holds a value of the kind {type(value).__name__}, not an image or a path")
    if len(value) > MAX_BYTES:
        raise ImageFileError(name, f"is a file of {len(value) >> 20} MiB; at most {MAX_BYTES >> 20} are read")
    return bytes(value)


def cell_image(value: Any, name: str, read: ReadFile | None) -> bytes | NDArray[Any] | Image.Image | None:
    """Return the image file in a cell as `cell_bytes` does, or the array or Pillow image that the cell holds.

    Raises
    ------
    ImageFileError
        For the same reasons as `cell_bytes`.
    """
    if isinstance(value, Image.Image):
        return value
    if isinstance(value, np.ndarray | list):  # a list is an array, as Parquet stores it
        try:
            array = np.asarray(value)
        except ValueError as error:
            raise ImageFileError(name, "holds lists of different lengths, not an array") from error
        if array.dtype in (np.uint8, np.uint16):
            return array
        if array.dtype.kind in "iu" and array.size and array.min() >= 0 and array.max() <= 255:
            array = array.astype(np.uint8)
        return array
    return cell_bytes(value, name, read)


def _read(path: str, name: str, read: ReadFile | None) -> bytes:
    if read is None:
        raise ImageFileError(name, "holds the path of a file, not an image")
    try:
        return read(path)
    except ImageFileError:
        raise
    except OutsideFile as error:
        raise ImageFileError(name, OUTSIDE) from error
    except OSError as error:
        reason = error.strerror or " ".join(str(error).split())[:200] or type(error).__name__
        raise ImageFileError(name, f"the file {path} that is named there: {reason}") from error
