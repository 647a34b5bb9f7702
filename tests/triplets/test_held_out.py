"""The held-out tenth, and selections of photographs."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from sshbench.cli.main import cli
from sshbench.lut.table import LutError
from sshbench.triplets.held_out import bank_part, bare_name, in_part, is_held_out
from sshbench.triplets.luts import open_bank
from sshbench.triplets.manifest import read_manifest
from sshbench.triplets.selection import Selection
from sshbench.triplets.source import SourceError
from sshbench.triplets.sources import open_source
from sshbench.triplets.store import load_triplets
from tests.triplets.memory_source import MemorySource

NAMES = [f"photo {i}" for i in range(2000)]


def test_a_name_is_held_out_by_its_sha256() -> None:
    first = next(name for name in NAMES if int(sha256(name.encode()).hexdigest()[:16], 16) % 10 == 0)
    assert is_held_out(first)
    assert 150 < sum(map(is_held_out, NAMES)) < 250


def test_folders_suffixes_and_numbers_of_a_bank_do_not_count() -> None:
    assert bare_name("a/b/coco_1.jpg") == bare_name("coco_1.png") == "coco_1"
    assert bare_name("Film/Color/Agfa 100.png") == bare_name("Agfa 100") == bare_name("Agfa 100 (2)") == "Agfa 100"
    assert bare_name("data/train-0.parquet:7") == "train-0.parquet:7"  # rows of a file are split, not files
    assert bare_name("Polaroid 5.5") == "Polaroid 5.5"


def test_the_parts_are_disjoint_and_together_all() -> None:
    source = MemorySource(300)
    train, held = Selection(source, "train"), Selection(source, "held-out")
    rows = [part.row_id(i) for part in (train, held) for i in range(len(part))]
    assert sorted(rows) == [source.row_id(i) for i in range(300)]
    assert {train.fingerprint, held.fingerprint, source.fingerprint}.__len__() == 3
    row = held.row_id(2)
    assert held.index(row) == 2
    assert np.array_equal(held.read(2), source.read(source.index(row)))
    assert [photo.row for photo in held.photos(1, 3)] == [held.row_id(1), row]
    with pytest.raises(SourceError, match="not among the photographs"):
        train.index(row)


def test_a_limit_takes_some_that_stay_when_more_are_taken() -> None:
    few, more = (Selection(MemorySource(300), limit=n) for n in (20, 50))
    taken = [{s.row_id(i) for i in range(len(s))} for s in (few, more)]
    assert [len(t) for t in taken] == [20, 50]
    assert taken[0] < taken[1]
    assert max(map(int, taken[0])) > 150  # spread, not the first ones
    assert len(Selection(MemorySource(300), limit=1)) == 1
    for limit in (0, -3):
        with pytest.raises(SourceError, match=f"the limit must be at least 1 photograph, not {limit}"):
            Selection(MemorySource(300), limit=limit)


def test_a_source_without_held_out_photographs_says_so() -> None:
    with pytest.raises(SourceError, match="none of its 12 photographs is in the part 'held-out'"):
        open_source("sample", part="held-out")
    with pytest.raises(SourceError, match="a stream cannot be listed"):
        Selection(MemorySource(3, streaming=True), "train")


def test_looks_are_split_too() -> None:
    whole, train, held = open_bank(), open_bank(part="train"), open_bank(part="held-out")
    assert {*train.names} | {*held.names} == {*whole.names}
    assert len(train) + len(held) == len(whole)
    assert all(is_held_out(name) for name in held.names)
    one = whole.select([next(name for name in whole.names if not is_held_out(name))])
    with pytest.raises(LutError, match="none of the 1 looks"):
        bank_part(one, "held-out")


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("some")
    for i in range(40):
        coarse = np.random.default_rng(i).integers(0, 256, (6, 8, 3), np.uint8)
        (folder / "photos").mkdir(exist_ok=True)
        (folder / "masks").mkdir(exist_ok=True)
        Image.fromarray(coarse).resize((96, 72)).save(folder / "photos" / f"{i:02}.png")
        if i % 2:
            mask = np.pad(np.full((36, 48), 255, np.uint8), ((18,), (24,)))
            Image.fromarray(mask).save(folder / "masks" / f"{i:02}.png")
    return folder


def run(*words: str | Path) -> str:
    ended = CliRunner().invoke(cli, ["generate-triplets", "--quiet", *map(str, words)], catch_exceptions=True)
    return ended.output + str(ended.exception or "")


SMALL = ("--crop", "32", "--scale", "32", "48")


def test_the_command_makes_a_held_out_store_and_its_manifest_says_so(photos: Path, tmp_path: Path) -> None:
    output = tmp_path / "held"
    said = run("--source", photos / "photos", "--part", "held-out", "-o", output, *SMALL)
    manifest = read_manifest(str(output))
    assert manifest.run.source["part"] == manifest.run.lut_part == "held-out", said
    rows = list(load_triplets(output).column("row"))
    assert rows == [f"{i:02}.png" for i in range(40) if is_held_out(f"{i:02}")]
    assert all(in_part(name, "held-out") for name, _ in manifest.run.luts)
    assert "part | held-out" in (output / "README.md").read_text()
    assert "held-out looks alone" in (output / "README.md").read_text()
    said = run("--source", photos / "photos", "--part", "held-out", "--lut-part", "all", "-o", output, *SMALL)
    assert "part of the LUTs: held-out, not all" in said


def test_a_store_of_recipes_opens_its_part_again(photos: Path, tmp_path: Path) -> None:
    options = ("--source", photos / "photos", "--part", "train", "--limit", "7", *SMALL)
    run(*options, "-o", tmp_path / "pixels")
    run(*options, "-o", tmp_path / "recipes", "--store", "recipes")
    pixels, recipes = load_triplets(tmp_path / "pixels"), load_triplets(tmp_path / "recipes")
    assert len(pixels) == len(recipes) == 7
    assert all(np.array_equal(pixels[i]["foreground"], recipes[i]["foreground"]) for i in range(7))


def test_photographs_without_a_mask_can_be_left_out(photos: Path, tmp_path: Path) -> None:
    options = ("--source", photos / "photos", "--kind", "composites", "--masked", *SMALL)
    assert "--masked needs --masks" in run(*options, "-o", tmp_path / "a")
    run(*options, "--masks", photos / "masks", "-o", tmp_path / "b")
    assert load_triplets(tmp_path / "b").column("row") == [f"{i:02}.png" for i in range(1, 40, 2)]


def test_masks_that_are_all_refused_are_named_with_the_reason(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "masks").mkdir()
    for path in (photos / "masks").iterdir():
        Image.new("L", (10, 50), 255).save(tmp_path / "masks" / path.name)
    with pytest.raises(SourceError, match=r"01\.png: its mask is 10 x 50 and its photograph 96 x 72"):
        open_source(str(photos / "photos"), masks=str(tmp_path / "masks"), masked=True)
