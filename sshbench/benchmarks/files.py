"""The common parts of benchmarks that consist of files: read images, compose samples, and look up ids."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from sshbench.benchmarks.composite import (
    BenchmarkError,
    Composite,
    Image,
    Mask,
    check_mask,
    described,
    paste,
)
from sshbench.benchmarks.ids import usable_ids
from sshbench.file_names import same_names
from sshbench.images.files import SUFFIXES
from sshbench.images.masks import Beside, as_share, read_mask
from sshbench.images.opening import MAX_PIXELS, ImageFileError
from sshbench.images.reading import Source, open_image
from sshbench.regular_file import read_regular_text

_MOST_BYTES = 1 << 28  # of a table of attributes

ROLES = ("composite", "foreground", "background", "mask", "target", "foreground_photo")
"""The roles that a file or a column can have: the names of `Composite`'s images."""

Images = Mapping[str, Image]
"""Images by role, without the mask."""


def read_roles(
    names: Mapping[str, str], sources: Mapping[str, Source], max_pixels: int = MAX_PIXELS
) -> tuple[Images, Mask | None]:
    """Read the images of a sample by role, each upright, uint8 `[H, W, 3]`, and the mask, float32 `[H, W]` over 0..1.

    Parameters
    ----------
    names
        The name of each role's source in messages.

    Raises
    ------
    BenchmarkError
        An image cannot be read, or the mask has an unsupported format or another size than the composite.
    """
    images: dict[str, Image] = {}
    beside = None
    try:
        for role, source in sources.items():
            if role == "mask":
                continue
            stored = open_image(source, names[role], max_pixels=max_pixels)
            images[role] = np.asarray(stored.upright().to_8_bit().pixels, np.uint8)
            if role == "composite" or (role != "foreground_photo" and beside is None):
                height, width = images[role].shape[:2]
                beside = Beside(height, width, stored.orientation, f"the {role}")
        if "mask" not in sources:
            return images, None
        return images, as_share(read_mask(sources["mask"], names["mask"], beside, max_pixels=max_pixels))
    except ImageFileError as error:
        raise BenchmarkError(str(error)) from error


def compose(id: str, images: Images, mask: Mask | None, attributes: Mapping[str, str | float]) -> Composite:
    """Return a sample with the given images and mask, and derive missing images.

    A missing composite is pasted from foreground, background and mask. The composite replaces a missing foreground or
    background.

    Raises
    ------
    BenchmarkError
        Required roles are missing, sizes differ, or the mask has no foreground or no background.
    """
    if mask is None or not ("composite" in images or {"foreground", "background"} <= images.keys()):
        have = ", ".join([*images, *(["mask"] if mask is not None else [])]) or "nothing"
        raise BenchmarkError(f"{id}: needs a mask, and a composite or foreground and background; there is {have}")
    first = images.get("composite", images.get("background"))
    assert first is not None
    shapes = {role: image.shape[:2] for role, image in images.items()} | {"mask": mask.shape}
    for role, shape in shapes.items():
        if role != "foreground_photo" and shape != first.shape[:2]:
            sizes = [f"{width} x {height}" for height, width in (shape, first.shape[:2])]
            other = "composite" if "composite" in images else "background"
            raise BenchmarkError(
                f"{id}: the {role} is {sizes[0]} and the {other} {sizes[1]}; they must have the same size"
            )
    check_mask(id, mask)
    composite = images.get("composite")
    if composite is None:
        composite = paste(images["foreground"], images["background"], mask)
    ratio = round(float(np.mean(mask >= 0.5)), 6)
    return Composite(
        id=id,
        composite=composite,
        foreground=images.get("foreground", composite),
        background=images.get("background", composite),
        mask=mask,
        target=images.get("target"),
        foreground_photo=images.get("foreground_photo"),
        attributes={**attributes, "foreground_ratio": ratio},
    )


class FileBenchmark:
    """A benchmark whose samples have one file for each role.

    Parameters
    ----------
    name
        The name of the split.
    files
        For each id, in order, the file of each role.
    attributes
        Further attributes of samples, by id.

    Raises
    ------
    BenchmarkError
        An id leads out of a folder of results.
    """

    max_pixels = MAX_PIXELS

    def __init__(
        self,
        name: str,
        files: Mapping[str, Mapping[str, Path]],
        attributes: Mapping[str, Mapping[str, str | float]] | None = None,
    ) -> None:
        self.name = name
        self._ids, self._faults = usable_ids(name, list(files))
        self.files = dict(zip(self._ids, files.values(), strict=True))
        self._attributes = dict(attributes or {})

    def __repr__(self) -> str:
        return described(self)

    def __len__(self) -> int:
        return len(self._ids)

    def ids(self) -> list[str]:
        """Return the ids of all samples, in order."""
        return list(self._ids)

    def attributes_of(self, id: str) -> Mapping[str, str | float]:
        """Return the attributes of a sample that are known before its images are read."""
        return self._attributes.get(id, {})

    def __getitem__(self, key: int | str, /) -> Composite:
        id = key if isinstance(key, str) else self._ids[key]
        if id in self._faults:
            raise BenchmarkError(self._faults[id])
        files = self.files[id]
        images, mask = read_roles(dict.fromkeys(files, id), files, self.max_pixels)
        return compose(id, images, mask, self.attributes_of(id))


def is_image(path: Path) -> bool:
    """Return whether a file has the suffix of a readable image format and is not hidden."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def images_below(folder: Path) -> list[Path]:
    """Return the images at any depth below a folder, sorted by name within each folder. Links are followed."""
    found = []
    for where, folders, names in os.walk(folder, followlinks=True):
        folders.sort()
        found += [path for name in sorted(names) if is_image(path := Path(where, name))]
    return found


def read_attributes(path: Path) -> dict[str, dict[str, str | float]]:
    """Return the attributes of each id in a CSV file with a column `id`.

    Numbers become floats, and empty cells are left out.

    Raises
    ------
    BenchmarkError
        The file has no column `id`, repeats an id, or is not UTF-8 text.
    """
    try:
        reader = csv.DictReader(io.StringIO(read_regular_text(path, _MOST_BYTES), newline=""))
        if "id" not in (reader.fieldnames or ()):
            raise BenchmarkError(f"{path}: line 1: there is no column 'id'")
        rows = [(reader.line_num, row) for row in reader]
    except UnicodeDecodeError as error:
        raise BenchmarkError(f"{path}: is not UTF-8 text") from error
    except csv.Error as error:
        raise BenchmarkError(f"{path}: is no CSV file ({error})") from error
    ids = same_names([row.pop("id") or "" for _, row in rows])
    table: dict[str, dict[str, str | float]] = {}
    for id, (line, row) in zip(ids, rows, strict=True):
        if id in table:
            raise BenchmarkError(f"{path}: line {line}: the id {id!r} occurs twice")
        table[id] = {name: _value(text) for name, text in row.items() if isinstance(text, str) and text}
    return table


def _value(text: str) -> str | float:
    try:
        return float(text)
    except ValueError:
        return text
