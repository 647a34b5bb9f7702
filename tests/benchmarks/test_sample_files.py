"""The embedded split: whole, in RealHM's layout, and made as its recipe says."""

from __future__ import annotations

import csv
import tomllib

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from sshbench.folders import data_folder
from sshbench.lut.looks import LOOKS
from sshbench.lut.measure import ciede2000, lab_of_srgb
from sshbench.lut.table import identity_table
from tools.make_sample import look_of

FOLDER = data_folder("realhm") / "sample"
RECIPE = tomllib.loads((FOLDER / "recipe.toml").read_text())
ENTRIES = RECIPE["composite"]
each_sample = pytest.mark.parametrize("entry", ENTRIES, ids=[entry["id"] for entry in ENTRIES])
ROLES = {".jpg", "_small.jpg", "_mask.jpg", "_fore.jpg", "_gt.jpg"}


def role(sample: str, suffix: str) -> NDArray[np.float64]:
    with Image.open(FOLDER / (sample + suffix)) as image:
        return np.asarray(image, np.float64) / 255


def steps(entry: dict) -> list[dict]:
    return entry["edit"] if "background" in entry else entry["look"]


def psnr(one: NDArray[np.float64], other: NDArray[np.float64], weight: NDArray[np.float64]) -> float:
    return float(-10 * np.log10((((one - other) ** 2) * weight).sum() / (3 * weight.sum())))


def test_every_sample_has_the_five_roles_of_realhm_and_nothing_else_is_there() -> None:
    found = {p.relative_to(FOLDER).as_posix() for p in FOLDER.glob("vendor_testing_*/*")}
    assert found == {entry["id"] + suffix for entry in ENTRIES for suffix in ROLES}
    assert len(ENTRIES) >= 24


def test_the_list_says_of_each_what_it_is() -> None:
    with (FOLDER / "composites.csv").open(newline="") as file:
        rows = {row["id"]: row for row in csv.DictReader(file)}
    assert list(rows) == [entry["id"] for entry in ENTRIES]
    for entry in ENTRIES:
        row = rows[entry["id"]]
        assert row["kind"] == ("across photos" if "background" in entry else "one photo")
        assert (row["foreground"] == row["background"]) == (row["kind"] == "one photo")
        assert row["steps"] == look_of(entry["id"], steps(entry)).parameters
    assert {row["kind"] for row in rows.values()} == {"one photo", "across photos"}


@each_sample
def test_roles_have_one_size_and_the_mask_leaves_both_sides(entry: dict) -> None:
    mask = role(entry["id"], "_mask.jpg")
    assert mask.ndim == 2
    assert {role(entry["id"], s).shape for s in (".jpg", "_fore.jpg", "_gt.jpg")} == {(*mask.shape, 3)}
    assert 0.005 < (mask >= 0.5).mean() < 0.8
    assert ((mask > 0.05) & (mask < 0.95)).any()  # soft


@each_sample
def test_the_target_keeps_the_background(entry: dict) -> None:
    outside = (role(entry["id"], "_mask.jpg") < 0.02).astype(float)[..., None]
    assert psnr(role(entry["id"], "_gt.jpg"), role(entry["id"], "_fore.jpg"), outside) > 33


@each_sample
def test_foreground_and_target_differ_by_the_documented_steps(entry: dict) -> None:
    """Within what two JPEGs with halved colour leave of it, which is most for saturated reds."""
    inside = (role(entry["id"], "_mask.jpg") > 0.98).astype(float)[..., None]
    given, target = role(entry["id"], ".jpg"), role(entry["id"], "_gt.jpg")
    look = look_of(entry["id"], steps(entry))
    before, after = (given, target) if "background" in entry else (target, given)
    assert psnr(look(before), after, inside) > max(27, psnr(before, after, inside) + 2)


def test_the_looks_are_none_of_the_collection() -> None:
    grid = identity_table(9).astype(np.float64)
    collection = [lab_of_srgb(look(grid)) for look in LOOKS]
    for entry in ENTRIES:
        lab = lab_of_srgb(look_of(entry["id"], steps(entry))(grid))
        assert min(ciede2000(lab, other).mean() for other in collection) >= 3, entry["id"]


def test_every_photograph_is_credited() -> None:
    card = (FOLDER / "README.md").read_text()
    for name, photo in RECIPE["photo"].items():
        assert f"| `{name}` |" in card
        assert f"`{photo['file']}`" in card
