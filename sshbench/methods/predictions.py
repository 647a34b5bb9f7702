"""Predictions that were made elsewhere: a folder of images named by the composites' ids, as a method."""

from __future__ import annotations

import hashlib
import os
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sshbench.benchmarks.composite import Composite
from sshbench.images.beyond_pillow import reader_of
from sshbench.images.files import SUFFIXES
from sshbench.images.opening import Encoded
from sshbench.images.reading import read_image
from sshbench.methods.base import MethodError, as_name, valid_name


class FolderPredictions:
    """A method that reads predictions from a folder.

    The prediction for the id `a/b/c` is `a/b/c.png` in the folder (or .tif, .webp, .jpg), or `a__b__c.png`, or
    `a_b_c.png`. If there is none of these and no other id ends with `c`, it is `c.png` anywhere in the folder. An id
    that is itself the name of an image, such as `HCOCO/composite_images/c1_1.jpg`, may be written with or without its
    suffix. A name that could belong to two ids is used for neither.

    Parameters
    ----------
    folder, ids
        The folder of the images, and the ids of the benchmark.
    name
        The name of the method: letters, digits and `.`, `_`, `+`, `-`. The default is the name of the folder, with `-`
        for any other character.

    Raises
    ------
    MethodError
        There is no such folder, it has no prediction for any id or two for one id, or the name is not valid.

    Attributes
    ----------
    missing, extra
        The ids without a prediction, and the images that belong to no id.
    """

    needs_background = False
    needs_mask = False
    sees_target = False
    input_size: int | None = None
    weights_hash: str | None = None
    trained_by: str | None = None
    timed = False  # the time to read a file says nothing about the method

    def __init__(self, folder: str | os.PathLike[str], ids: Sequence[str], name: str | None = None) -> None:
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise MethodError(f"{self.folder}: there is no such folder of predictions")
        if name is None:
            name = as_name(self.folder.resolve().name, otherwise="")
            if not name:
                raise MethodError(
                    f"{self.folder}: its name has no letter or digit of ASCII to name a method by; give NAME=DIR"
                )
        self.name = valid_name(name, f"{name}={self.folder}")
        files = sorted(path for path in self.folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
        self._files = self._matched(files, ids)
        used = set(self._files.values())
        self.missing = [id for id in ids if id not in self._files]
        self.extra = [path.relative_to(self.folder) for path in files if path not in used]
        if not used:
            has = f"its {len(files)} images fit no id" if files else "it has no images"
            raise MethodError(f"{self.folder}: {has}; name them by id, such as {ids[0]}.png")

    def harmonize(self, batch: Sequence[Composite]) -> list[NDArray[np.uint8] | NDArray[np.float32]]:
        """Return the images `[H, W, 3]`: uint8, or float32 over 0..1 for files with 16 bits.

        Raises
        ------
        MethodError
            A composite has no prediction, or its file is a TIFF of floats, whose encoding is not known.
        ImageFileError
            A file cannot be read.
        """
        return [self._read(composite.id) for composite in batch]

    def key(self, composite: Composite) -> str:
        """Return a hash of the prediction's file, since a user may replace the file."""
        path = self._files.get(composite.id)
        return hashlib.sha256(path.read_bytes()).hexdigest() if path else ""

    def _read(self, id: str) -> NDArray[np.uint8] | NDArray[np.float32]:
        if id not in self._files:
            raise MethodError(f"there is no prediction in {self.folder}; name it {id}.png")
        path = os.fspath(self._files[id])
        if reader_of(Encoded(path)) is not None:
            raise MethodError(
                f"{path}: holds floats or a camera's raw values, which are read as linear light; save predictions "
                "sRGB-encoded, as PNG or TIFF of 8 or 16 bits"
            )
        image = read_image(path).upright()
        if image.bits == 16:
            return (image.pixels / 65535).astype(np.float32)
        return image.pixels.astype(np.uint8, copy=False)

    def _matched(self, files: Sequence[Path], ids: Sequence[str]) -> dict[str, Path]:
        names = [_Names(ids, mark) for mark in ("/", "__", "_")]
        ends = _Names([_end(id) for id in ids], "/", list(ids))
        whole: dict[str, list[Path]] = {}
        by_end: dict[str, list[Path]] = {}
        for path in files:
            inside = path.relative_to(self.folder).as_posix()
            claimed = next((found for one in names if (found := one.of(inside))), [])
            if len(claimed) == 1:
                whole.setdefault(claimed[0], []).append(path)
            elif not claimed and len(found := ends.any_of(path.name)) == 1:
                by_end.setdefault(found[0], []).append(path)
        matched: dict[str, Path] = {}
        for id in ids:
            paths = whole.get(id) or by_end.get(id) or []
            if len(paths) > 1:
                first, second = sorted(path.relative_to(self.folder).as_posix() for path in paths)[:2]
                raise MethodError(f"{self.folder} has two predictions for {id}: {first} and {second}; keep one of them")
            matched.update((id, path) for path in paths)
        return matched


class _Names:
    """The ids that a name may stand for: by the whole name, without its suffix, or with both suffixes removed.

    Names are compared in one Unicode form, since file systems store letters with accents in either form.
    """

    def __init__(self, names: Sequence[str], mark: str, ids: Sequence[str] | None = None) -> None:
        self.exact: dict[str, list[str]] = {}
        self.bare: dict[str, list[str]] = {}
        for name, id in zip(names, ids or names, strict=True):
            form = unicodedata.normalize("NFC", name).replace("/", mark)
            self.exact.setdefault(form, []).append(id)
            self.bare.setdefault(_stem(form), []).append(id)

    def of(self, name: str) -> list[str]:
        """Return all ids that a file's name could belong to."""
        name = unicodedata.normalize("NFC", name)
        return self.exact.get(name) or self.exact.get(_stem(name)) or self.bare.get(_stem(name)) or []

    def any_of(self, name: str) -> list[str]:
        """Return the ids that a file's name could belong to if the suffixes of the ids are ignored."""
        stem = _stem(unicodedata.normalize("NFC", name))
        return [
            *self.exact.get(stem, []),
            *(id for id in self.bare.get(stem, []) if id not in self.exact.get(stem, [])),
        ]


def _stem(id: str) -> str:
    head, dot, suffix = id.rpartition(".")
    return head if dot and f".{suffix.lower()}" in SUFFIXES else id


def _end(id: str) -> str:
    return id.rpartition("/")[2]
