"""Damaged image files: every reader of photographs refuses them in a sentence, or gives pixels."""

from __future__ import annotations

from pathlib import Path
from random import Random

import numpy as np

from sshbench.errors import SshbenchError
from sshbench.images.decode import decode_photo, shape_of
from sshbench.images.opening import ImageFileError
from sshbench.images.reading import open_image, read_image, read_rgb
from tests.hostile.driver import Files, Target, damaged, fuzz
from tests.hostile.pictures import photo

_LIMIT = 1 << 22


def _make(random: Random) -> Files:
    return {"a.image": photo(random)}


def _read(folder: Path) -> None:
    path = folder / "a.image"
    data = path.read_bytes()
    refused: list[SshbenchError] = []
    ways = (
        lambda: read_image(path, max_pixels=_LIMIT).upright().pixels,
        lambda: read_rgb(data, "a cell", max_pixels=_LIMIT),
        lambda: open_image(data, "a cell", max_pixels=_LIMIT).to_8_bit().pixels,
        lambda: decode_photo(data, "a row", min_side=1, max_pixels=_LIMIT),
        lambda: decode_photo(data, "a row", short_side=2, min_side=1, max_pixels=_LIMIT),
    )
    for way in ways:
        try:
            pixels = way()
        except ImageFileError as error:
            refused.append(error)
            continue
        assert pixels.dtype in (np.uint8, np.uint16)
        assert pixels.shape[2] == 3
    try:
        shape_of(data, "a row")
    except ImageFileError as error:
        refused.append(error)
    if refused:
        raise refused[0]


def _damage(random: Random, files: Files) -> Files:
    return damaged(random, {"a.image": photo(random, odd=True)} if random.random() < 0.3 else files)


TARGET = Target(_make, _read, _damage)


def test_the_readers_of_images(tmp_path: Path) -> None:
    fuzz(TARGET, tmp_path)
