"""What benchmarks of files have in common: reading images, composing samples, and looking ids up."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from sshbench.benchmarks.composite import (
    BenchmarkError,
    Composite,
    Image,
    Mask,
    check_mask,
    paste,
)
from sshbench.images.files import SUFFIXES, ImageFileError, read_image

ROLES = ("composite", "foreground", "background", "mask", "target", "foreground_photo")
"""What a file or a column can be: the names of `Composite`'s images."""


def read_rgb(path: Path) -> Image:
    """The pixels of an image file, uint8 `[H, W, 3]`, as stored.

    Raises
    ------
    BenchmarkError
        The file cannot be read.
    """
    try:
        return np.asarray(read_image(path).to_8_bit().pixels, np.uint8)
    except ImageFileError as error:
        raise BenchmarkError(str(error)) from error


def mask_of(image: Image) -> Mask:
    """The soft mask `[H, W]`, 0..1, of a mask image: its first channel over 255."""
    return np.asarray(image[..., 0], np.float32) / np.float32(255)


def compose(id: str, images: Mapping[str, Image], attributes: Mapping[str, str | float]) -> Composite:
    """A sample from the images there are, by role; the others follow from them.

    A composite that is missing is made of foreground, background and mask; a foreground or background that is missing
    is the composite itself.

    Raises
    ------
    BenchmarkError
        Roles that are needed are missing, sizes differ, or the mask is empty or full.
    """
    if "mask" not in images or not ("composite" in images or {"foreground", "background"} <= images.keys()):
        have = ", ".join(images) or "nothing"
        raise BenchmarkError(f"{id}: needs a mask, and a composite or foreground and background; there is {have}")
    first = images.get("composite", images.get("background"))
    assert first is not None
    for role, image in images.items():
        if role != "foreground_photo" and image.shape[:2] != first.shape[:2]:
            sizes = [f"{picture.shape[1]} x {picture.shape[0]}" for picture in (image, first)]
            other = "composite" if "composite" in images else "background"
            raise BenchmarkError(f"{id}: the {role} is {sizes[0]} and the {other} {sizes[1]}; they need one size")
    mask = mask_of(images["mask"])
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
    """Samples whose roles are files.

    Parameters
    ----------
    name
        Of the split.
    files
        For each id, in order, the file of each role.
    attributes
        What is known of a sample beside its foreground ratio, by id.
    """

    def __init__(
        self,
        name: str,
        files: Mapping[str, Mapping[str, Path]],
        attributes: Mapping[str, Mapping[str, str | float]] | None = None,
    ) -> None:
        self.name = name
        self.files = dict(files)
        self._ids = list(files)
        self._attributes = dict(attributes or {})

    def __len__(self) -> int:
        return len(self._ids)

    def ids(self) -> list[str]:
        """The ids of all samples, in order."""
        return list(self._ids)

    def attributes_of(self, id: str) -> Mapping[str, str | float]:
        """What is known of a sample before its images are read."""
        return self._attributes.get(id, {})

    def __getitem__(self, key: int | str, /) -> Composite:
        id = key if isinstance(key, str) else self._ids[key]
        images = {role: read_rgb(path) for role, path in self.files[id].items()}
        return compose(id, images, self.attributes_of(id))


def is_image(path: Path) -> bool:
    """Whether the name is that of an image that is read; hidden files are none."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def read_attributes(path: Path) -> dict[str, dict[str, str | float]]:
    """A CSV file with a column `id`; numbers become floats, empty cells are left out.

    Raises
    ------
    BenchmarkError
        There is no such column, an id stands twice, or the file is no text.
    """
    try:
        with open(path, newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            if "id" not in (reader.fieldnames or ()):
                raise BenchmarkError(f"{path}: line 1: there is no column 'id'")
            table: dict[str, dict[str, str | float]] = {}
            for row in reader:
                id = row.pop("id")
                if id in table:
                    raise BenchmarkError(f"{path}: line {reader.line_num}: the id {id!r} stands twice")
                table[id] = {name: _value(text) for name, text in row.items() if isinstance(text, str) and text}
    except UnicodeDecodeError as error:
        raise BenchmarkError(f"{path}: is not UTF-8 text") from error
    return table


def _value(text: str) -> str | float:
    try:
        return float(text)
    except ValueError:
        return text


def listed(names: Sequence[str], limit: int = 3) -> str:
    """The first names, and how many more."""
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more
