"""Predictions made elsewhere: how files find their ids, and what is said of those that do not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sshbench.images.files import ImageFile, write_image
from sshbench.methods import MethodError
from sshbench.methods.predictions import FolderPredictions
from tests.results.standin import Standin, composite

IDS = ["v1/a/01", "v2/a/02", "HCOCO/composite_images/c1_1_2.jpg"]


def save(path: Path, value: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((4, 5, 3), value, np.uint8)).save(path)


@pytest.mark.parametrize(
    "names",
    [
        ["v1/a/01.png", "v2/a/02.webp", "HCOCO/composite_images/c1_1_2.jpg"],
        ["v1__a__01.png", "v2__a__02.PNG", "HCOCO__composite_images__c1_1_2.png"],
        ["v1_a_01.tif", "v2_a_02.png", "HCOCO_composite_images_c1_1_2.jpg.png"],
        ["01.png", "deep/er/02.png", "c1_1_2.png"],
        ["01.png", "02.png", "HCOCO/composite_images/c1_1_2.jpg.png"],
    ],
)
def test_a_file_finds_its_id(tmp_path: Path, names: list[str]) -> None:
    for name in names:
        save(tmp_path / name)
    found = FolderPredictions(tmp_path, IDS)
    assert found.missing == []
    assert found.extra == []
    assert {id: path.relative_to(tmp_path).as_posix() for id, path in found._files.items()} == dict(
        zip(IDS, names, strict=True)
    )


def test_an_end_that_two_ids_share_finds_neither(tmp_path: Path) -> None:
    save(tmp_path / "01.png")
    save(tmp_path / "v1/x/02.png")
    found = FolderPredictions(tmp_path, ["v1/a/01", "v2/b/01", "v1/x/02"])
    assert found.missing == ["v1/a/01", "v2/b/01"]
    assert found.extra == [Path("01.png")]


def test_two_for_one_id_are_refused(tmp_path: Path) -> None:
    save(tmp_path / "v1/a/01.png")
    save(tmp_path / "v1/a/01.jpg")
    with pytest.raises(MethodError, match=r"two predictions for v1/a/01: v1/a/01.jpg and v1/a/01.png"):
        FolderPredictions(tmp_path, IDS)


def test_none_for_any_id_says_how_to_name_them(tmp_path: Path) -> None:
    save(tmp_path / "out_1.png")
    with pytest.raises(MethodError, match=r"its 1 images fit no id; name them by id, such as v1/a/01.png"):
        FolderPredictions(tmp_path, IDS)


def test_an_empty_and_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(MethodError, match="it has no images"):
        FolderPredictions(tmp_path, IDS)
    with pytest.raises(MethodError, match="there is no such folder of predictions"):
        FolderPredictions(tmp_path / "none", IDS)


def test_sixteen_bits_are_kept(tmp_path: Path) -> None:
    given = composite(0)
    values = np.random.default_rng(0).integers(0, 65536, given.composite.shape).astype(np.uint16)
    (tmp_path / "part_0").mkdir()
    write_image(tmp_path / "part_0/c0.png", ImageFile(values))
    result = FolderPredictions(tmp_path, Standin().ids()).harmonize([given])[0]
    assert result.dtype == np.float32
    assert np.allclose(result * 65535, values, atol=0.01)


def test_the_key_follows_the_file(tmp_path: Path) -> None:
    given = composite(0)
    keys = []
    for value in (1, 2, 1):
        save(tmp_path / "part_0/c0.png", value)
        keys.append(FolderPredictions(tmp_path, Standin().ids()).key(given))
    assert keys[0] == keys[2] != keys[1]
