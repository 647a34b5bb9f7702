"""Making triplets beside the obvious script (Pillow, numpy, PNG) and `datasets.map`, one core, in one run.

pytest tests/speed/test_triplets.py --benchmark-only

The photographs are 640 x 480 JPEG files of about 61 KB (photos.py); a triplet is three 224 x 224 images.
`obvious` writes down what the paper says with Pillow and numpy; `pillow` is the same by someone who knows Pillow well:
`Color3DLUT`, and zlib's fastest level.
"""

from __future__ import annotations

import io
import itertools
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from pytest_benchmark.fixture import BenchmarkFixture

from sshbench.folders import data_folder
from sshbench.lut.apply import apply_lut
from sshbench.lut.bank import LutBank
from sshbench.triplets.codecs import Codec
from sshbench.triplets.dataset import TripletDataset
from sshbench.triplets.decode import decode_photo
from sshbench.triplets.engine import generate
from sshbench.triplets.recipe import Recipe, boxes, make_recipe, make_recipes
from sshbench.triplets.render import render
from sshbench.triplets.settings import Settings
from sshbench.triplets.sources import open_source
from sshbench.triplets.stored import load_triplets

from tests.speed.photos import SIZE, write_photos

SETTINGS = Settings()
PHOTOS, MANY = 40, 1000
Pixels = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Work:
    """The same for all who take part: photographs, their recipes, the LUTs in each tool's form."""

    paths: list[Path]
    recipes: list[Recipe]
    bank: LutBank
    filters: list[ImageFilter.Color3DLUT]

    def boxes(self, i: int) -> Sequence[tuple[float, float, float, float]]:
        return boxes(self.recipes[i], SETTINGS.crop, *SIZE)


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Work:
    paths = write_photos(tmp_path_factory.mktemp("photos"), PHOTOS)
    bank = LutBank.from_folder(data_folder("luts"), size=17)
    recipes = make_recipes(SETTINGS, [path.name for path in paths], [0] * len(paths), len(bank))
    filters = [ImageFilter.Color3DLUT(bank.size, table.ravel().tolist()) for table in bank.values]
    return Work(paths, recipes, bank, filters)


@pytest.fixture(scope="module")
def folder(work: Work, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder large enough that starting a process does not show: the same files under many names."""
    folder = tmp_path_factory.mktemp("many")
    for i in range(MANY):
        os.link(work.paths[i % len(work.paths)], folder / f"{i:05d}.jpg")
    return folder


# --- the stages, on all photographs -----------------------------------------------------------------------------------


def decoded(path: Path) -> Image.Image:
    return Image.open(path).convert("RGB")


def crops(image: Image.Image, where: Sequence[tuple[float, float, float, float]]) -> list[Image.Image]:
    return [image.resize((SETTINGS.crop, SETTINGS.crop), Image.Resampling.BICUBIC, box) for box in where]


def numpy_lut(image: Pixels, table: NDArray[np.float32]) -> Pixels:
    """Trilinear interpolation as one writes it in numpy."""
    last = len(table) - 1
    place = image.astype(np.float32) / 255 * last
    low = np.minimum(place.astype(np.intp), last - 1)
    part = place - low
    result = np.zeros(image.shape, np.float32)
    for r, g, b in itertools.product((0, 1), repeat=3):
        weights = np.abs(part - (1 - r, 1 - g, 1 - b)).prod(axis=-1, keepdims=True)
        result += weights * table[low[..., 2] + b, low[..., 1] + g, low[..., 0] + r]
    return (result.clip(0, 1) * 255 + 0.5).astype(np.uint8)


def png(image: Image.Image, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG", **options)
    return file.getvalue()


def three(content: Any, reference: Any, recipe: Recipe, look: Callable[[Any, int], Any]) -> list[Any]:
    return [look(content, recipe.alpha), look(reference, recipe.beta), look(content, recipe.beta)]
