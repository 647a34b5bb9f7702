"""Photographs to train on, small enough that a run takes a second."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sshbench.triplets.held_out import is_held_out

BACKGROUND = (90, 120, 150)


@pytest.fixture(scope="session")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 24 smooth photographs of 60 x 48 pixels, some of them held out."""
    folder = tmp_path_factory.mktemp("photographs")
    random = np.random.default_rng(0)
    for name in (f"photo{i:02}" for i in range(24)):
        pixels = random.integers(0, 256, (4, 5, 3), np.uint8)
        Image.fromarray(pixels).resize((60, 48), Image.Resampling.BICUBIC).save(folder / f"{name}.png")
    assert 2 <= sum(is_held_out(path.stem) for path in folder.iterdir()) <= 12
    return folder


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty photographs of a textured disc before one colour, and their masks."""
    folder = tmp_path_factory.mktemp("place")
    (folder / "photos").mkdir()
    (folder / "masks").mkdir()
    y, x = np.mgrid[:72, :96]
    for i in range(60):
        rng = np.random.default_rng(i)
        inside = np.hypot(y - 36, x - 30 - i / 2) < 14
        noise = np.asarray(Image.fromarray(rng.integers(30, 230, (6, 8, 3), np.uint8)).resize((96, 72)))
        Image.fromarray(np.where(inside[..., None], noise, BACKGROUND).astype(np.uint8)).save(
            folder / "photos" / f"{i:02}.png"
        )
        Image.fromarray(np.where(inside, 255, 0).astype(np.uint8)).save(folder / "masks" / f"{i:02}.png")
    return folder


@pytest.fixture
def toy_recipe(tmp_path: Path) -> Path:
    """The recipe of `tests/training/toy.py`."""
    from tests.training.toy import RECIPE

    path = tmp_path / "toy.toml"
    path.write_text(RECIPE)
    return path
