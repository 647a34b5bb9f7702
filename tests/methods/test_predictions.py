"""Predictions made elsewhere: how files find their ids, and what is said of those that do not."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sshbench.images.files import ImageFile, write_image
from sshbench.methods import MethodError
from sshbench.methods.predictions import FolderPredictions
from tests.results.standin import Standin, composite

NAMED = "HCOCO/composite_images/c1_1_2.jpg"
IDS = ["v1/a/01", "v2/a/02", NAMED]


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


@pytest.mark.parametrize(
    ("one", "other", "id"),
    [
        ("v1/a/01.jpg", "v1/a/01.png", "v1/a/01"),
        ("v1/a/01.PNG", "v1/a/01.png", "v1/a/01"),
        ("v1/a/01.png", "v1__a__01.png", "v1/a/01"),
        ("v1__a__01.png", "v1_a_01.png", "v1/a/01"),
        ("deep/01.jpg", "deep/01.png", "v1/a/01"),
        ("01.png", "deep/01.png", "v1/a/01"),
        (f"{NAMED}", f"{NAMED[:-4]}.png", NAMED),
        (f"{NAMED}.png", f"{NAMED[:-4]}.png", NAMED),
        ("c1_1_2.jpg", "c1_1_2.png", NAMED),
    ],
)  # fmt: skip
def test_two_for_one_id_are_refused(tmp_path: Path, one: str, other: str, id: str) -> None:
    save(tmp_path / one)
    save(tmp_path / other)
    with pytest.raises(MethodError, match=re.escape(f"two predictions for {id}: {one} and {other}; keep one of them")):
        FolderPredictions(tmp_path, IDS)


def test_a_name_that_could_be_of_two_ids_is_of_neither(tmp_path: Path) -> None:
    save(tmp_path / "a_b_c.png")
    save(tmp_path / "d.png")
    save(tmp_path / "x.png")
    found = FolderPredictions(tmp_path, ["a/b_c", "a_b/c", "d", "p/x.jpg", "q/x.png"])
    assert found.missing == ["a/b_c", "a_b/c", "p/x.jpg", "q/x.png"]
    assert found.extra == [Path("a_b_c.png"), Path("x.png")]


def test_ids_that_differ_by_their_suffix_have_files_of_their_own(tmp_path: Path) -> None:
    save(tmp_path / "a/x.jpg.png")
    save(tmp_path / "a/x.png")
    found = FolderPredictions(tmp_path, ["a/x.jpg", "a/x.png"])
    assert {id: path.name for id, path in found._files.items()} == {"a/x.jpg": "x.jpg.png", "a/x.png": "x.png"}


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_accents_are_the_same_in_both_forms(tmp_path: Path, form: str) -> None:
    save(tmp_path / unicodedata.normalize(form, "café/größe.png"))
    for other in ("NFC", "NFD"):
        assert FolderPredictions(tmp_path, [unicodedata.normalize(other, "café/größe")]).missing == []


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


def test_floats_in_a_file_say_nothing_of_their_encoding(tmp_path: Path) -> None:
    (tmp_path / "part_0").mkdir()
    Image.fromarray(np.full((48, 64), 0.5, np.float32)).save(tmp_path / "part_0/c0.tif")
    with pytest.raises(MethodError, match=r"c0\.tif: holds floats .* save predictions sRGB-encoded, as PNG or TIFF"):
        FolderPredictions(tmp_path, Standin().ids()).harmonize([composite(0)])


def test_the_key_follows_the_file(tmp_path: Path) -> None:
    given = composite(0)
    keys = []
    for value in (1, 2, 1):
        save(tmp_path / "part_0/c0.png", value)
        keys.append(FolderPredictions(tmp_path, Standin().ids()).key(given))
    assert keys[0] == keys[2] != keys[1]


def test_it_is_called_as_its_folder_or_as_is_said(tmp_path: Path) -> None:
    save(tmp_path / "my results (2)/v1/a/01.png")
    assert FolderPredictions(tmp_path / "my results (2)", IDS).name == "my-results-2"
    assert FolderPredictions(tmp_path / "my results (2)", IDS, "ours").name == "ours"
    for name in ("../../evil", "a/b", "a\n", "x" * 300, "."):
        with pytest.raises(MethodError, match="the name"):
            FolderPredictions(tmp_path / "my results (2)", IDS, name)
