"""`load_triplets`: both kinds of store give the same rows, and say what they lack."""

from __future__ import annotations

import os
import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from torch.utils.data import DataLoader

from sshbench import load_triplets
from sshbench.errors import SshbenchError
from sshbench.lut.cube import write_cube
from sshbench.lut.looks import LOOKS
from sshbench.lut.table import Lut
from sshbench.triplets.dataset import collate
from sshbench.triplets.engine import generate, plan
from sshbench.triplets.loader import TripletLoader
from sshbench.triplets.luts import open_bank
from sshbench.triplets.settings import Settings
from sshbench.triplets.source import SkippedImage
from sshbench.triplets.sources import open_source
from sshbench.triplets.store import StoredTriplets

SETTINGS = Settings(seed=3, draws=2, crop=48, scale=(56, 64), strength=(0.4, 1.0))
PHOTOS = 7


def make(place: Path, url: str, store: Any, *, settings: Settings = SETTINGS, views: int = 3, rows: int = 4) -> str:
    """A store of the photographs and LUTs of `place`."""
    source, bank = open_source(str(place / "photos")), open_bank(str(place / "luts"))
    run = plan(
        settings, source, bank, store=store, views=views, rows_per_shard=rows, luts_from=str(place / "luts"),
        asked={"spec": str(place / "photos")},
    )  # fmt: skip
    generate(run, source, bank, url, progress=False)
    return url


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with seven photographs and three LUTs."""
    (tmp_path / "photos").mkdir()
    (tmp_path / "luts").mkdir()
    for i in range(PHOTOS):
        coarse = np.random.default_rng(i).integers(0, 256, (15, 20, 3), np.uint8)
        image = Image.fromarray(coarse).resize((320, 240), Image.Resampling.BICUBIC)
        image.save(tmp_path / "photos" / f"{i}.jpg", quality=95)
    for look in LOOKS[:3]:
        write_cube(look.lut(), tmp_path / "luts" / f"{look.name}.cube")
    return tmp_path


def equal(a: dict[str, Any], b: dict[str, Any]) -> bool:
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("views", [3, 4])
def test_recipes_render_to_the_pixels_of_the_same_run(place: Path, views: int) -> None:
    pixels = load_triplets(make(place, str(place / "pixels"), "pixels", views=views))
    recipes = load_triplets(make(place, str(place / "recipes"), "recipes", views=views))
    assert len(pixels) == len(recipes) == PHOTOS * 2
    images = ["foreground", "background", "ground_truth", "reference_alpha"][:views]
    for i in range(len(pixels)):
        assert list(pixels[i]) != []
        for name in images:
            assert pixels[i][name].shape == (48, 48, 3)
            assert pixels[i][name].flags.writeable  # else torch warns
        assert ("reference_alpha" in pixels[i]) == (views == 4)
        mine, its = pixels[i], recipes[i]
        for box in ("content_box", "reference_box"):
            assert np.allclose(mine.pop(box), its.pop(box), atol=1e-6)
        assert equal(mine, its)
    assert [recipes[i]["row"] for i in range(0, 14, 2)] == [f"{i}.jpg" for i in range(PHOTOS)]
    assert recipes.recipe(5).draw == 1


def test_a_store_that_was_made_in_python_knows_its_source(place: Path) -> None:
    source, bank = open_source(str(place / "photos")), open_bank()
    generate(plan(SETTINGS, source, bank, store="recipes"), source, bank, place / "recipes", progress=False)
    assert load_triplets(place / "recipes")[0]["foreground"].shape == (48, 48, 3)


def test_composites_too(place: Path) -> None:
    settings = Settings(kind="composites", crop=48, scale=(56, 64))
    pixels = load_triplets(make(place, str(place / "pixels"), "pixels", settings=settings))
    recipes = load_triplets(make(place, str(place / "recipes"), "recipes", settings=settings))
    for i in range(PHOTOS):
        assert pixels[i]["mask"].shape == (48, 48)
        for name in ("composite", "mask", "real"):
            assert np.array_equal(pixels[i][name], recipes[i][name])


@pytest.mark.parametrize("store", ["pixels", "recipes"])
def test_rows_come_in_any_order_and_in_workers(place: Path, store: str) -> None:
    stored = load_triplets(make(place, str(place / "store"), store))
    order = np.random.default_rng(0).permutation(14)
    wanted = [stored[int(i)] for i in order]
    again = pickle.loads(pickle.dumps(stored))
    assert all(equal(again[int(i)], row) for i, row in zip(order, wanted, strict=True))
    loader: Any = DataLoader(stored, 5, sampler=order.tolist(), num_workers=2, collate_fn=collate)  # type: ignore[arg-type]
    batches = list(loader)
    assert np.array_equal(
        np.concatenate([batch["foreground"].numpy() for batch in batches]), np.stack([w["foreground"] for w in wanted])
    )
    assert [name for batch in batches for name in batch["alpha"]] == [row["alpha"] for row in wanted]
    assert equal(stored[-1], stored[13])
    assert equal(stored[-14], stored[0])
    for i in (14, -15):
        with pytest.raises(IndexError, match="of 14"):
            stored[i]


def test_a_loader_takes_a_store(place: Path) -> None:
    stored = load_triplets(make(place, str(place / "store"), "pixels"))
    batch = next(iter(TripletLoader(stored, 4, shuffle=False)))
    assert batch["foreground"].shape == (4, 3, 48, 48)
    wanted = np.stack([stored[i]["foreground"] for i in range(4)]).transpose(0, 3, 1, 2) / 127.5 - 1
    assert np.allclose(batch["foreground"].numpy(), wanted, atol=1e-6)


@pytest.mark.parametrize("store", ["pixels", "recipes"])
def test_a_store_behind_a_url(place: Path, store: str) -> None:
    local = load_triplets(make(place, str(place / "local"), store))
    remote = load_triplets(make(place, f"memory://stored/{place.name}/{store}", store))
    assert len(local) == len(remote) == 14
    assert all(equal(local[i], remote[i]) for i in range(14))


def test_photographs_that_moved_are_asked_for_and_can_be_given(place: Path) -> None:
    recipes = load_triplets(make(place, str(place / "recipes"), "recipes"))
    (place / "photos").rename(place / "elsewhere")
    with pytest.raises(SshbenchError, match=rf"need the photographs of {place}/photos .*now with source=") as it:
        load_triplets(place / "recipes")
    assert str(it.value).count("\n") == 0
    moved = load_triplets(place / "recipes", source=place / "elsewhere")
    (place / "elsewhere").rename(place / "photos")
    assert equal(moved_row(moved, place), recipes[0])


def moved_row(stored: StoredTriplets, place: Path) -> dict[str, Any]:
    (place / "photos").rename(place / "elsewhere")
    try:
        return stored[0]
    finally:
        (place / "elsewhere").rename(place / "photos")


def test_photographs_that_changed_are_told(place: Path) -> None:
    make(place, str(place / "recipes"), "recipes")
    shutil.copy(place / "photos" / "0.jpg", place / "photos" / "new.jpg")
    with pytest.warns(RuntimeWarning, match="photographs of .* have changed since the recipes"):
        assert len(load_triplets(place / "recipes")) == 14


def test_luts_that_changed_are_refused(place: Path) -> None:
    make(place, str(place / "recipes"), "recipes")
    name = sorted(look.name for look in LOOKS[:3])[1]
    shutil.copytree(place / "luts", place / "before")
    write_cube(Lut.identity(17), place / "luts" / f"{name}.cube")
    with pytest.raises(SshbenchError, match=rf"made with other LUTs: the bank now has another table for '{name}';"):
        load_triplets(place / "recipes")
    assert len(load_triplets(place / "recipes", luts=place / "before")) == 14
    (place / "luts" / f"{name}.cube").unlink()
    with pytest.raises(SshbenchError, match=rf"the bank now lacks '{name}';"):
        load_triplets(place / "recipes")
    shutil.rmtree(place / "luts")
    with pytest.raises(SshbenchError, match=rf"need the LUTs of {place}/luts"):
        load_triplets(place / "recipes")


def test_luts_that_were_added_change_nothing(place: Path) -> None:
    stored = load_triplets(make(place, str(place / "recipes"), "recipes"))
    before = stored[0]
    write_cube(Lut.identity(17), place / "luts" / "a-first-one.cube")
    assert equal(load_triplets(place / "recipes")[0], before)


def test_what_is_there_of_an_unfinished_store_can_be_read(place: Path) -> None:
    source, bank = open_source(str(place / "photos")), open_bank(str(place / "luts"))
    run = plan(SETTINGS, source, bank, rows_per_shard=4)
    generate(run, source, bank, place / "store", shard=(0, 2), progress=False)
    with pytest.warns(RuntimeWarning, match="is not complete: 8 rows are there"):
        stored = load_triplets(place / "store")
    assert {stored[i]["row"] for i in range(len(stored))} < {f"{i}.jpg" for i in range(PHOTOS)}


def test_a_shard_that_is_gone_is_named(place: Path) -> None:
    stored = load_triplets(make(place, str(place / "store"), "pixels"))
    shard = sorted((place / "store").glob("data/*.parquet"))[1]
    shard.unlink()
    with pytest.raises(SshbenchError, match=rf"{shard.name} cannot be read .*makes it again"):
        stored[5]
    assert stored[0]["row"] == "0.jpg"


def test_a_photograph_that_was_spoiled_later_is_replaced_or_told(place: Path) -> None:
    make(place, str(place / "recipes"), "recipes")
    (place / "photos" / "2.jpg").write_bytes(b"\xff\xd8\xff")
    with pytest.warns(RuntimeWarning, match="have changed"):
        lenient, strict = (load_triplets(place / "recipes", unreadable=how) for how in ("replace", "raise"))
    with pytest.warns(RuntimeWarning, match=r"2\.jpg: .*; the next photograph takes its place"):
        row = lenient[5]
    assert (row["row"], row["draw"]) == ("3.jpg", 1)
    with pytest.raises(SkippedImage, match=r"2\.jpg"):
        strict[5]


def test_no_store_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(SshbenchError, match="generate-triplets"):
        load_triplets(tmp_path)


def rewritten(url: str, change: Any) -> None:
    """Change the table of the first shard behind the back of its record."""
    path = Path(url) / "data" / "train-00000.parquet"
    pq.write_table(change(pq.read_table(path)), path)


def with_column(name: str, value: Any) -> Any:
    def change(table: pa.Table) -> pa.Table:
        number = table.schema.get_field_index(name)
        return table.set_column(number, name, pa.array([value] * len(table)))

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda table: table.drop_columns(["content_x"]), "has no column 'content_x'"),
        (lambda table: table.slice(1), "3 rows, and its record says 4"),
        (with_column("content_scale", 10**9), "row 0 is no recipe of this run"),
        (with_column("content_x", -1), "row 0 is no recipe of this run"),
        (with_column("reference_y", 60), "row 0 is no recipe of this run"),
        (with_column("window", 65536), "row 0 is no recipe of this run"),
        (with_column("alpha", 3), "row 0 is no recipe of this run"),
        (with_column("beta", -1), "row 0 is no recipe of this run"),
        (with_column("alpha_strength", float("nan")), "row 0 is no recipe of this run"),
        (with_column("draw", "first"), "row 0 is no recipe of this run"),
        (with_column("row", None), "row 0 is no recipe of this run"),
    ],
)
def test_recipes_that_are_none_are_a_sentence(place: Path, change: Any, said: str) -> None:
    url = make(place, str(place / "store"), "recipes")
    rewritten(url, change)
    with pytest.raises(SshbenchError, match=said):
        load_triplets(url)[0]


def test_a_shard_that_is_damaged_inside_is_named(place: Path) -> None:
    url = make(place, str(place / "store"), "pixels")
    path = Path(url) / "data" / "train-00000.parquet"
    data = bytearray(path.read_bytes())
    data[4 : len(data) // 2] = bytes(len(data) // 2 - 4)  # what tells where things are stands at the end
    path.write_bytes(data)
    with pytest.raises(SshbenchError, match=r"train-00000\.parquet cannot be read"):
        load_triplets(url)[0]


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ({"bytes": None, "path": "/etc/passwd"}, "is empty"),
        ({"bytes": b"nothing", "path": None}, "is not an image of a format that is read"),
        ({"bytes": b"%!PS-Adobe-3.0 EPSF-3.0\n", "path": None}, "is not an image of a format that is read"),
    ],
)
def test_a_shard_with_a_cell_that_is_no_image_is_named(
    place: Path, cell: dict[str, Any], said: str, no_programs: None
) -> None:
    url = make(place, str(place / "pixels"), "pixels", rows=100)
    (shard,) = (place / "pixels" / "data").glob("*.parquet")
    table = pq.read_table(shard)
    column = pa.array([cell] * len(table), table.schema.field("foreground").type)
    at = table.schema.get_field_index("foreground")
    pq.write_table(table.set_column(at, table.schema.field("foreground"), column), shard)
    with pytest.raises(SshbenchError, match=f"row 0: foreground: {said}"):
        load_triplets(url)[0]


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="Linux alone lists the open files of a process there")
def test_a_store_of_many_shards_keeps_few_files_open(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = make(place, str(place / "store"), "pixels", rows=2)
    monkeypatch.setattr("sshbench.triplets.store._FILES_KEPT", 2)
    monkeypatch.setattr("sshbench.triplets.store._GROUPS_KEPT", 1)
    stored, other = load_triplets(url), load_triplets(url)
    order = np.random.default_rng(0).permutation(len(stored)).tolist()
    rows = {i: stored[i] for i in order}
    links = [os.readlink(link) for link in Path("/proc/self/fd").iterdir() if link.is_symlink() and link.exists()]
    assert 0 < sum(link.startswith(str(place / "store")) for link in links) <= 2
    assert len(stored.column("row")) == len(stored)
    assert all(equal(rows[i], other[i]) for i in range(len(other)))
