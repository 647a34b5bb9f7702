"""A shard holds what was rendered, as any reader of Parquet finds it; the card is one that the hub understands."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from PIL import Image

from sshbench.triplets.engine import generate
from sshbench.triplets.manifest import Run, ShardRecord, Skipped, lut_hashes, read_manifest
from sshbench.triplets.recipe import Recipe, make_recipe
from sshbench.triplets.render import Rendered, RenderedComposite, render
from sshbench.triplets.settings import Settings
from sshbench.triplets.storage import Storage
from sshbench.triplets.writer import ShardJob, is_whole
from tests.triplets.toy import SMALL, ToySource, toy_bank, toy_run

SOURCE = ToySource(7, broken=(2,))
COMPOSITES = Settings(kind="composites", crop=32, scale=(32, 40), overlap=(0.0, 1.0))


def made(tmp_path: Path, settings: Settings = SMALL, **options: Any) -> tuple[Run, list[dict[str, Any]]]:
    run = toy_run(SOURCE, settings=settings, **options)
    generate(run, SOURCE, toy_bank(), tmp_path / "out")
    return run, pq.read_table(tmp_path / "out" / "data").to_pylist()


def rendered(row: dict[str, Any], settings: Settings) -> Rendered | RenderedComposite:
    recipe = make_recipe(settings, row["row"], row["draw"], 3)
    return render(recipe, settings, lambda name: SOURCE.read(SOURCE.index(name)), toy_bank())


def pixels(cell: dict[str, Any]) -> Any:
    assert cell["path"] is None
    return np.asarray(Image.open(io.BytesIO(cell["bytes"])))


@pytest.mark.parametrize("views", [3, 4])
def test_rows_hold_the_triplets_of_their_recipes(tmp_path: Path, views: int) -> None:
    _, rows = made(tmp_path, views=views)
    assert [row["row"] for row in rows] == [f"{i}.png" for i in range(7) if i != 2]
    for row in rows:
        expected = rendered(row, SMALL)
        assert isinstance(expected, Rendered)
        assert np.array_equal(pixels(row["foreground"]), expected.content_alpha)
        assert np.array_equal(pixels(row["background"]), expected.reference_beta)
        assert np.array_equal(pixels(row["ground_truth"]), expected.content_beta)
        if views == 4:
            assert np.array_equal(pixels(row["reference_alpha"]), expected.reference_alpha)
        else:
            assert "reference_alpha" not in row
        recipe = make_recipe(SMALL, row["row"], 0, 3)
        assert (row["alpha"], row["beta"]) == (toy_bank().names[recipe.alpha], toy_bank().names[recipe.beta])
        assert np.allclose(row["content_box"], expected.content_box, atol=1e-6)
        assert np.allclose(row["reference_box"], expected.reference_box, atol=1e-6)


def test_rows_hold_the_composites_of_their_recipes(tmp_path: Path) -> None:
    _, rows = made(tmp_path, COMPOSITES)
    for row in rows:
        expected = rendered(row, COMPOSITES)
        assert isinstance(expected, RenderedComposite)
        for name in ("composite", "mask", "real"):
            assert np.array_equal(pixels(row[name]), getattr(expected, name))


def test_rows_of_recipes_give_the_recipes_back(tmp_path: Path) -> None:
    _, rows = made(tmp_path, store="recipes")
    assert [Recipe.from_row(row) for row in rows] == [make_recipe(SMALL, f"{i}.png", 0, 3) for i in range(7)]


def test_the_manifest_names_each_lut_with_the_hash_of_its_table(tmp_path: Path) -> None:
    made(tmp_path)
    bank = toy_bank()
    assert dict(read_manifest(str(tmp_path / "out")).run.luts) == {
        name: hashlib.sha256(table.astype("<f4").tobytes()).hexdigest()
        for name, table in zip(bank.names, bank.values, strict=True)
    }
    assert lut_hashes(None) == ()


def test_the_manifest_gives_the_run_back(tmp_path: Path) -> None:
    run, _ = made(tmp_path, license="cc0-1.0")
    assert read_manifest(str(tmp_path / "out")).run == run


def test_the_card_tells_settings_luts_counts_and_the_licence(tmp_path: Path) -> None:
    run, _ = made(tmp_path, license="cc0-1.0")
    card = (tmp_path / "out" / "README.md").read_text()
    front, body = card.split("---\n", 2)[1:]
    meta = yaml.safe_load(front)
    assert meta["license"] == "cc0-1.0"
    assert meta["configs"] == [
        {"config_name": "default", "data_files": [{"split": "train", "path": "data/train-*.parquet"}]}
    ]
    assert "6 image harmonization triplets" in body
    for name, value in json.loads(run.settings.to_json()).items():
        assert value is None or name == "background" or f"| {name} | " in body  # which composites alone have
    for name, digest in run.luts:
        assert f"| {name} | `{digest[:16]}` |" in body
    assert "| 2.png | made to fail |" in body


def test_a_licence_may_be_given_later(tmp_path: Path) -> None:
    made(tmp_path)
    before = read_manifest(str(tmp_path / "out"))
    made(tmp_path, license="cc0-1.0")
    after = read_manifest(str(tmp_path / "out"))
    assert (before.run.license, after.run.license) == (None, "cc0-1.0")
    assert before.shards == after.shards


def test_images_are_stored_once_and_row_groups_stay_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sshbench.triplets.shard_file._GROUP_BYTES", 20_000)
    run = toy_run(SOURCE, rows_per_shard=100)
    generate(run, SOURCE, toy_bank(), tmp_path / "out")
    (path,) = (tmp_path / "out" / "data").iterdir()
    found = pq.read_metadata(path)
    assert [found.row_group(k).num_rows for k in range(found.num_row_groups)] == [3, 3]
    for group in (found.row_group(k) for k in range(2)):
        for column in (group.column(k) for k in range(found.num_columns)):
            is_scalar = "." not in column.path_in_schema  # and no image and no box
            assert column.compression == ("ZSTD" if is_scalar else "UNCOMPRESSED")
            assert (column.statistics is not None) == is_scalar
    images = sum(
        len(row[n]["bytes"])
        for row in pq.read_table(path).to_pylist()
        for n in ("foreground", "background", "ground_truth")
    )
    assert images < path.stat().st_size < images * 1.5


def test_a_shard_is_whole_by_its_size_and_hash(tmp_path: Path) -> None:
    run, _ = made(tmp_path)
    record = read_manifest(str(tmp_path / "out")).shards[0]
    assert record.skipped == (Skipped("2.png", "made to fail"),)
    job = ShardJob(run, SOURCE, toy_bank(), Storage(str(tmp_path / "out")))
    by_size = replace(job, verify="size")
    assert is_whole(job, record)
    assert is_whole(by_size, record)
    assert not is_whole(replace(job, retry_skipped=True), record)
    assert is_whole(replace(job, retry_skipped=True), replace(record, skipped=()))
    file = tmp_path / "out" / record.file
    data = bytearray(file.read_bytes())
    data[100] ^= 1
    file.write_bytes(data)
    assert not is_whole(job, record)
    assert is_whole(by_size, record)
    file.write_bytes(data[:-1])
    assert not is_whole(by_size, record)
    file.unlink()
    assert not is_whole(by_size, record)
    assert is_whole(job, ShardRecord(9, 0, 0, 0, ""))  # past the end of a stream there is no file


def test_a_shard_has_whole_photographs_and_at_least_one() -> None:
    for draws, rows, photos, shards in ((2, 1, 1, 7), (2, 5, 2, 4), (3, 9, 3, 3), (1, 7, 7, 1), (1, 8, 8, 1)):
        run = toy_run(SOURCE, settings=replace(SMALL, draws=draws), rows_per_shard=rows)
        assert (run.photos_per_shard, run.shards) == (photos, shards)
    assert replace(run, photos=None).shards is None
