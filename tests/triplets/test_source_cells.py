"""Paths in the cells of tables and datasets: those of the data set are read, and no other file of this machine."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from sshbench.triplets.source import SkippedImage
from sshbench.triplets.sources import open_source
from tests.triplets.test_sources import colour, encoded


def _outside(tmp_path: Path) -> dict[str, str]:
    """Ways to name a picture that is no part of the data set, by what is odd about them."""
    (tmp_path / "private").mkdir()
    secret = tmp_path / "private" / "secret.png"
    secret.write_bytes(encoded(200))
    inside = tmp_path / "set"
    inside.mkdir()
    (inside / "link.png").symlink_to(secret)
    (inside / "folder").symlink_to(secret.parent)
    return {
        "absolute": str(secret),
        "upwards": "../private/secret.png",
        "upwards from within": "folder/../../private/secret.png",
        "a link": "link.png",
        "a linked folder": "folder/secret.png",
        "a URL": f"file://{secret}",
        "a chain of URLs": f"simplecache::file://{secret}",
        "a bucket": "s3://bucket/secret.png",
        "NUL": "a\0.png",
        "home": "~/secret.png",
        "the folder itself": ".",
        "nothing": "",
        "very long": "x" * 5000,
    }


def test_paths_in_cells_stay_in_the_data_set(tmp_path: Path) -> None:
    ways = _outside(tmp_path)
    said = r"outside its data set|named there: (No such file|File name too long)"
    for number, name in enumerate(ways.values()):
        data = tmp_path / "set" / f"{number}.arrow"
        for cell in (name, {"bytes": None, "path": name}):
            table = pa.table({"image": [cell]})
            with pa.OSFile(str(data), "wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
                writer.write_table(table)
            with pytest.raises(SkippedImage, match=said):
                open_source(str(data)).read(0)


def test_paths_that_stay_in_the_data_set_are_read(tmp_path: Path) -> None:
    """As `Dataset.to_parquet` writes them: absolute, relative, with another system's form of a letter."""
    (tmp_path / "images" / "ü").mkdir(parents=True)
    (tmp_path / "images" / "ü" / "7.png").write_bytes(encoded(7))
    (tmp_path / "tables").mkdir()
    names = [
        "images/ü/7.png",
        str(tmp_path / "images/ü/7.png"),
        "./images//ü/7.png",
        "images/u\u0308/7.png",
        "images\\ü\\7.png",
    ]
    pq.write_table(pa.table({"image": [{"bytes": None, "path": name} for name in names]}), tmp_path / "a.parquet")
    source = open_source(str(tmp_path / "a.parquet"))
    for i in range(len(names)):
        assert np.array_equal(source.read(i), colour(7))
    pq.write_table(pa.table({"image": ["../images/ü/7.png"]}), tmp_path / "tables" / "b.parquet")
    assert np.array_equal(open_source(f"{tmp_path}/**/b.parquet").read(0), colour(7))  # the pattern's folder is the set


def test_a_snapshot_of_the_hub_has_its_files_as_links(tmp_path: Path) -> None:
    snapshot = tmp_path / "datasets--a--b" / "snapshots" / "0123"
    (snapshot / "images").mkdir(parents=True)
    (tmp_path / "datasets--a--b" / "blobs").mkdir()
    (tmp_path / "datasets--a--b" / "blobs" / "77").write_bytes(encoded(7))
    (tmp_path / "secret.png").write_bytes(encoded(200))
    (snapshot / "images" / "7.png").symlink_to("../../../blobs/77")
    (snapshot / "images" / "8.png").symlink_to(tmp_path / "secret.png")
    pq.write_table(pa.table({"image": ["images/7.png", "images/8.png"]}), snapshot / "a.parquet")
    source = open_source(str(snapshot / "a.parquet"))
    assert np.array_equal(source.read(0), colour(7))
    with pytest.raises(SkippedImage, match="outside its data set"):
        source.read(1)


def test_cells_of_devices_and_pipes_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "zero.png").symlink_to("/dev/zero")
    (tmp_path / "folder.png").mkdir()
    pq.write_table(pa.table({"image": ["pipe.png", "zero.png", "folder.png"]}), tmp_path / "a.parquet")
    source = open_source(str(tmp_path / "a.parquet"))
    for i, said in enumerate(("is not a regular file", "outside its data set", "is a folder")):
        with pytest.raises(SkippedImage, match=said):
            source.read(i)


def test_a_file_that_grows_beyond_the_limit_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "7.png").write_bytes(encoded(7))
    pq.write_table(pa.table({"image": ["7.png"]}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"image": [encoded(7)]}), tmp_path / "b.parquet")
    monkeypatch.setattr("sshbench.images.cells.MAX_BYTES", 100)
    for name in ("a", "b"):
        with pytest.raises(SkippedImage, match="is a file of 0 MiB; at most 0 are read"):
            open_source(str(tmp_path / f"{name}.parquet")).read(0)


def test_no_program_runs_for_a_cell(tmp_path: Path, no_programs: None) -> None:
    file = io.BytesIO()
    Image.new("RGB", (300, 300)).save(file, "EPS")
    pq.write_table(pa.table({"image": [file.getvalue()]}), tmp_path / "a.parquet")
    with pytest.raises(SkippedImage, match="is not an image of a format that is read"):
        open_source(str(tmp_path / "a.parquet")).read(0)


@pytest.mark.parametrize("streaming", [False, True])
def test_paths_in_a_dataset_stay_in_it(tmp_path: Path, streaming: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    datasets = pytest.importorskip("datasets")
    from sshbench.triplets.source_hub import open_hub

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    (tmp_path / "secret.png").write_bytes(encoded(200))
    root = tmp_path / "hub"
    root.mkdir()
    (root / "7.png").write_bytes(encoded(7))
    cells = [{"bytes": None, "path": path} for path in (str(tmp_path / "secret.png"), str(root / "7.png"), "7.png")]
    table = pa.table({"image": pa.array(cells, pa.struct([("bytes", pa.binary()), ("path", pa.string())]))})
    features = {"huggingface": json.dumps({"info": {"features": {"image": {"_type": "Image"}}}})}
    pq.write_table(table.replace_schema_metadata(features), root / "train.parquet")
    names = ("config", "split", "column", "revision", "masks")
    source = open_hub(str(root), **dict.fromkeys(names), streaming=streaming, min_side=8, max_pixels=10**8)
    rows = list(source.photos())
    with pytest.raises(SkippedImage, match="outside its data set"):
        rows[0].read()
    assert np.array_equal(rows[1].read(), colour(7))
    assert np.array_equal(rows[2].read(), colour(7))


@pytest.mark.parametrize("streaming", [False, True])
def test_a_dataset_of_image_files_is_read(tmp_path: Path, streaming: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    datasets = pytest.importorskip("datasets")
    from sshbench.triplets.source_hub import open_hub

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    (tmp_path / "hub").mkdir()
    (tmp_path / "hub" / "7.png").write_bytes(encoded(7))
    names = ("config", "split", "column", "revision", "masks")
    asked = dict.fromkeys(names) | {"streaming": streaming}
    source = open_hub(str(tmp_path / "hub"), **asked, min_side=8, max_pixels=10**8)
    assert np.array_equal(next(source.photos()).read(), colour(7))
