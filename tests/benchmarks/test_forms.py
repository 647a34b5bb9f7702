"""A sample is the same whatever form it comes in: a folder, Parquet or a dataset; 8 or 16 bits; turned or not."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from sshbench.benchmarks.composite import BenchmarkError, Composite
from sshbench.benchmarks.open import open_benchmark
from tests.benchmarks.trees import iharmony4, image, mask, realhm

IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def png(picture: Any, **options: Any) -> bytes:
    file = io.BytesIO()
    (Image.fromarray(picture) if isinstance(picture, np.ndarray) else picture).save(file, "PNG", **options)
    return file.getvalue()


def turned(number: int = 6) -> dict[str, Any]:
    exif = Image.Exif()
    exif[0x0112] = number
    return {"exif": exif}


def in_every_form(root: Path, roles: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> dict[str, Composite]:
    """The one sample of a folder, of Parquet files with bytes and with paths, and of datasets."""
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", root / "cache")
    for role, data in roles.items():
        (root / "folder" / role).mkdir(parents=True)
        (root / "folder" / role / "a.png").write_bytes(data)
    features = {"info": {"features": {role: {"_type": "Image"} for role in roles}}}
    forms = {
        "bytes": {role: pa.array([data]) for role, data in roles.items()},
        "cells": {role: pa.array([{"bytes": data, "path": None}], IMAGE) for role, data in roles.items()},
        "paths": {role: [f"{role}/a.png"] for role in roles},
        "absolute": {role: pa.array([{"bytes": None, "path": f"{root}/folder/{role}/a.png"}], IMAGE) for role in roles},
    }
    found = {"folder": open_benchmark("folder", root / "folder")[0]}
    for form, columns in forms.items():
        table = pa.table(columns)
        if form in ("cells", "absolute"):
            table = table.replace_schema_metadata({"huggingface": json.dumps(features)})
        pq.write_table(table, root / "folder" / f"{form}.parquet")
        found[form] = open_benchmark("parquet", root / "folder" / f"{form}.parquet")[0]
    (root / "hub").mkdir()
    (root / "hub" / "test.parquet").write_bytes((root / "folder" / "cells.parquet").read_bytes())
    found["hf"] = open_benchmark("hf", root / "hub")[0]
    dataset = datasets.load_dataset(str(root / "hub"), split="test")
    dataset.save_to_disk(str(root / "saved"))
    datasets.DatasetDict({"test": dataset}).save_to_disk(str(root / "dict"))
    found["saved"] = open_benchmark("hf", root / "saved")[0]
    found["dict"] = open_benchmark("hf", f"{root / 'dict'}:test")[0]
    return found


def same(found: dict[str, Composite], **expected: Any) -> None:
    for form, sample in found.items():
        for role, pixels in expected.items():
            np.testing.assert_array_equal(getattr(sample, role), pixels, err_msg=f"{form}: {role}")


def test_16_bits_are_scaled_and_not_clipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ramp = np.tile(np.linspace(2000, 40000, 48).astype(np.uint16), (32, 1))
    soft = np.zeros((32, 48), np.uint16)
    soft[8:16], soft[20:24] = 65535, 16000
    found = in_every_form(
        tmp_path, {"composite": png(ramp), "target": png(ramp + 9000), "mask": png(soft)}, monkeypatch
    )
    wanted = np.rint(ramp / 257)[..., None].repeat(3, axis=2)
    same(found, composite=wanted, mask=(soft / np.float32(65535)).astype(np.float32))


@pytest.mark.parametrize("number", [3, 6, 8])
def test_photographs_are_turned_upright_and_their_masks_with_them(
    tmp_path: Path, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored, inside = image(1), mask().point(lambda value: 255 * (value > 127))
    turn = {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_270, 8: Image.Transpose.ROTATE_90}[number]
    upright = np.asarray(stored.transpose(turn))
    roles = {"composite": png(stored, **turned(number)), "target": png(upright), "mask": png(inside, **turned(number))}
    shown = np.asarray(inside.transpose(turn)) / np.float32(255)
    same(in_every_form(tmp_path / "a", roles, monkeypatch), composite=upright, target=upright, mask=shown)
    if number != 3:  # a mask of the stored pixels, which its size tells
        roles["mask"] = png(inside)
        same(in_every_form(tmp_path / "b", roles, monkeypatch), composite=upright, mask=shown)


def test_label_masks_are_refused_by_their_name(tmp_path: Path) -> None:
    labels = (np.asarray(mask()) > 127).astype(np.uint8) * 20
    for role, data in {"composite": png(image(1)), "mask": png(labels)}.items():
        (tmp_path / role).mkdir()
        (tmp_path / role / "a.png").write_bytes(data)
    with pytest.raises(
        BenchmarkError, match=r"mask/a\.png: looks like a label mask, as its largest value is 20 of 255"
    ):
        open_benchmark("folder", tmp_path)[0]
    (tmp_path / "mask" / "a.png").write_bytes(png(labels // 20))
    np.testing.assert_array_equal(open_benchmark("folder", tmp_path)[0].mask, labels / 20)


def test_arrays_in_cells_are_images(tmp_path: Path) -> None:
    lists = {"composite": [np.asarray(image(1)).tolist()], "mask": [np.asarray(mask()).tolist()]}
    pq.write_table(pa.table(lists), tmp_path / "a.parquet")
    sample = open_benchmark("parquet", tmp_path / "a.parquet")[0]
    np.testing.assert_array_equal(sample.composite, np.asarray(image(1)))
    ragged = {"composite": [[[1, 2], [3]]], "mask": [png(mask())]}
    pq.write_table(pa.table(ragged), tmp_path / "a.parquet")
    with pytest.raises(BenchmarkError, match="0: composite: holds lists of different lengths"):
        open_benchmark("parquet", tmp_path / "a.parquet")[0]


@pytest.mark.parametrize("form", ["lists", "to_parquet", "save_to_disk"])
def test_arrays_in_cells_keep_the_type_of_their_column(tmp_path: Path, form: str, monkeypatch: Any) -> None:
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    dark, soft = np.asarray(image(1)).astype(np.uint16) // 8, np.asarray(mask()).astype(np.uint16) * 257
    soft[0, 0] = 60000  # which 8 bits do not hold
    if form == "lists":
        inner = pa.list_(pa.list_(pa.uint16()))
        columns = {"composite": pa.array([dark.tolist()], pa.list_(inner)), "mask": pa.array([soft.tolist()], inner)}
        pq.write_table(pa.table(columns), tmp_path / "a.parquet")
        sample = open_benchmark("parquet", tmp_path / "a.parquet")[0]
    else:
        kinds = {
            "composite": datasets.Array3D(dark.shape, "uint16"), "mask": datasets.Array2D(soft.shape, "uint16")
        }  # fmt: skip
        table = datasets.Dataset.from_dict({"composite": [dark], "mask": [soft]}, features=datasets.Features(kinds))
        if form == "to_parquet":
            table.to_parquet(tmp_path / "a.parquet")
            sample = open_benchmark("parquet", tmp_path / "a.parquet")[0]
        else:
            table.save_to_disk(tmp_path / "saved")
            sample = open_benchmark("hf", tmp_path / "saved")[0]
    np.testing.assert_array_equal(sample.composite, np.rint(dark / 257))
    np.testing.assert_array_equal(sample.mask, soft / np.float32(65535))


@pytest.mark.parametrize("split", ["parquet", "hf"])
def test_cells_name_no_file_outside_of_their_data_set(
    tmp_path: Path, split: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "secret.png").write_bytes(png(image(1)))
    (tmp_path / "set").mkdir()
    os.mkfifo(tmp_path / "set" / "pipe.png")
    (tmp_path / "set" / "zero.png").symlink_to("/dev/zero")
    names = [str(tmp_path / "secret.png"), "../secret.png", "secret.png", "pipe.png", "zero.png", "file:///etc/passwd"]
    table = {"composite": names, "mask": [png(mask())] * len(names)}
    pq.write_table(pa.table(table), tmp_path / "set" / "test.parquet")
    benchmark = open_benchmark(split, tmp_path / "set")
    for i in range(len(names)):
        with pytest.raises(BenchmarkError, match=r"outside its data set|No such file|is not a regular file"):
            benchmark[i]


def test_no_program_runs_for_a_cell(tmp_path: Path, no_programs: None) -> None:
    file = io.BytesIO()
    image(1).save(file, "EPS")
    pq.write_table(pa.table({"composite": [file.getvalue()], "mask": [png(mask())]}), tmp_path / "a.parquet")
    with pytest.raises(BenchmarkError, match="0: composite: is not an image of a format that is read"):
        open_benchmark("parquet", tmp_path / "a.parquet")[0]


def test_the_limit_on_pixels_is_the_callers(tmp_path: Path) -> None:
    pq.write_table(pa.table({"composite": [png(image(1))], "mask": [png(mask())]}), tmp_path / "a.parquet")
    with pytest.raises(BenchmarkError, match="claims 48 x 32 pixels and at most 1535 are decoded"):
        open_benchmark("parquet", tmp_path / "a.parquet", max_pixels=1535)[0]
    assert open_benchmark("parquet", tmp_path / "a.parquet", max_pixels=1536)[0].composite.shape == (32, 48, 3)


def test_of_files_of_several_splits_those_to_test_on_are_taken(tmp_path: Path) -> None:
    for k, name in enumerate(("train", "test", "validation")):
        table = {"composite": [png(image(k))], "mask": [png(mask())], "id": [name]} | (
            {"note": ["x"]} if k == 0 else {}
        )
        pq.write_table(pa.table(table), tmp_path / f"{name}-00000-of-00001.parquet")
    assert open_benchmark("parquet", tmp_path).ids() == ["test"]
    (tmp_path / "test-00000-of-00001.parquet").unlink()
    with pytest.raises(BenchmarkError, match="holds Parquet files of train or validation; give one of these files"):
        open_benchmark("parquet", tmp_path)
    assert open_benchmark("parquet", tmp_path / "train-00000-of-00001.parquet").ids() == ["train"]


@pytest.mark.parametrize(
    "line",
    [
        "./HAdobe5k/composite_images/a1_1_2.jpg",
        "HAdobe5k//composite_images//a1_1_2.jpg",
        "\ufeffHAdobe5k/composite_images/a1_1_2.jpg",
        "HAdobe5k\\composite_images\\a1_1_2.jpg",
        "  HAdobe5k/composite_images/a1_1_2.jpg \r",
        "ROOT/HAdobe5k/composite_images/a1_1_2.jpg",
    ],
)
def test_lists_as_find_windows_and_editors_write_them(tmp_path: Path, line: str) -> None:
    root = iharmony4(tmp_path, ("HAdobe5k/a1_1_2",))
    (root / "IHD_test.txt").write_text(line.replace("ROOT", str(root)) + "\n", encoding="utf-8")
    benchmark = open_benchmark("iharmony4", root)
    assert benchmark.ids() == ["HAdobe5k/composite_images/a1_1_2.jpg"]
    np.testing.assert_array_equal(benchmark[0].composite, open_benchmark("iharmony4", iharmony4(tmp_path))[0].composite)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("HAdobe5k\\..\\..\\a_1_2.jpg", "leads out of the root"),
        ("C:\\HAdobe5k\\composite_images\\a_1_2.jpg", "leads out of the root"),
        ("\\\\server\\HAdobe5k\\a_1_2.jpg", "leads out of the root"),
        (".//", "is not of the form|leads out"),
        ("a//b", "is not of the form"),
        ("HAdobe5k/composite_images/a1_1_2.jpg\nHAdobe5k//composite_images/a1_1_2.jpg", "line 2: .* occurs twice"),
    ],
)
def test_lists_that_lead_elsewhere_or_repeat_themselves_are_refused(tmp_path: Path, line: str, said: str) -> None:
    root = iharmony4(tmp_path, ("HAdobe5k/a1_1_2",))
    (root / "IHD_test.txt").write_text(line + "\n", encoding="utf-8")
    with pytest.raises(BenchmarkError, match=said):
        open_benchmark("iharmony4", root)


def test_names_are_the_same_in_either_form_of_unicode(tmp_path: Path) -> None:
    one, other = "caf\u00e9", "cafe\u0301"
    for role, name, data in (("composite", one, png(image(1))), ("mask", other, png(mask()))):
        (tmp_path / "folder" / role).mkdir(parents=True)
        (tmp_path / "folder" / role / f"{name}.png").write_bytes(data)
    (tmp_path / "folder" / "attributes.csv").write_text(f"\ufeffid,light\n{other},warm\n", encoding="utf-8")
    benchmark = open_benchmark("folder", tmp_path / "folder")
    assert benchmark.ids() == [one]
    assert benchmark[0].attributes["light"] == "warm"

    root = iharmony4(tmp_path / "i", (f"HFlickr/{other}_1_1",))
    (root / "IHD_test.txt").write_text(f"HFlickr/composite_images/{one}_1_1.jpg\n", encoding="utf-8")
    assert open_benchmark("iharmony4", root)[0].id == f"HFlickr/composite_images/{one}_1_1.jpg"

    root = realhm(tmp_path / "r", 3)
    for path in (root / "vendor_testing_1").glob("photo0*"):
        path.rename(path.with_name(path.name.replace("photo0", other if "_mask" in path.name else one)))
    benchmark = open_benchmark("realhm", root, allow_incomplete=True)
    assert f"vendor_testing_1/{one}" in benchmark.ids()
    assert len(benchmark) == 3


@pytest.mark.parametrize("suffix", [".jpe", ".jfif", ".JPE", ".JFIF"])
def test_other_suffixes_of_jpeg(tmp_path: Path, suffix: str) -> None:
    for role, picture in (("composite", image(1)), ("mask", mask())):
        (tmp_path / role).mkdir()
        picture.save(tmp_path / role / f"a{suffix}", "JPEG")
    assert open_benchmark("folder", tmp_path)[0].composite.shape == (32, 48, 3)


@pytest.mark.parametrize("split", ["sample", "realhm", "iharmony4"])
def test_columns_are_not_passed_over_where_roles_are_known(tmp_path: Path, split: str) -> None:
    with pytest.raises(BenchmarkError, match=f"{split}: the roles of its files are known; columns are for folder"):
        open_benchmark(split, tmp_path, columns={"mask": "alpha"})
