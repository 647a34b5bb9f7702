"""Folders, Parquet files and datasets whose columns are mapped to roles; and splits by name."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sshbench.benchmarks.composite import Benchmark, BenchmarkError
from sshbench.benchmarks.files import read_attributes
from sshbench.benchmarks.open import open_benchmark
from tests.benchmarks.trees import image, mask


def folder(root: Path) -> Path:
    for i, name in enumerate(("a", "b/c")):
        for role, end, picture in (
            ("images", ".jpg", image(i)),
            ("masks", "_mask.png", mask()),
            ("truth", ".png", image(9 + i)),
        ):
            path = root / role / f"{name}{end}"
            path.parent.mkdir(parents=True, exist_ok=True)
            picture.save(path)
    return root


COLUMNS = {"composite": "images/*", "mask": "masks/*_mask.png", "target": "truth/*"}


def test_patterns_map_files_to_roles(tmp_path: Path) -> None:
    root = folder(tmp_path)
    (root / "attributes.csv").write_text("id,camera\nb/c,old\n")
    benchmark = open_benchmark("folder", root, columns=COLUMNS)
    assert isinstance(benchmark, Benchmark)
    assert benchmark.ids() == ["a", "b/c"]
    np.testing.assert_array_equal(benchmark["b/c"].target, np.asarray(image(10)))
    assert benchmark["b/c"].attributes["camera"] == "old"


def test_folders_named_as_roles_need_no_patterns(tmp_path: Path) -> None:
    for role, picture in (("foreground", image(1)), ("background", image(2)), ("mask", mask())):
        (tmp_path / role).mkdir()
        picture.save(tmp_path / role / "x.png")
    sample = open_benchmark("folder", tmp_path)["x"]
    assert sample.target is None
    m = sample.mask[..., None]
    np.testing.assert_allclose(sample.composite, np.asarray(image(1)) * m + np.asarray(image(2)) * (1 - m), atol=0.51)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"composite": "images/*"}, "say which files or columns are the mask"),
        ({**COLUMNS, "picture": "x/*"}, "there is no role 'picture'"),
        ({**COLUMNS, "mask": "masks/all.png"}, "must have exactly one"),
        ({**COLUMNS, "mask": "../masks/*"}, "leads out of the folder"),
        ({**COLUMNS, "mask": "nothing/*"}, "files are missing: mask of a, mask of b/c"),
    ],
)
def test_patterns_that_cannot_be_are_refused(tmp_path: Path, columns: dict[str, str], message: str) -> None:
    with pytest.raises(BenchmarkError, match=message):
        open_benchmark("folder", folder(tmp_path), columns=columns)


def table(path: Path, rows: int = 5, **more: list[object]) -> Path:
    def png(picture: object) -> dict[str, object]:
        file = io.BytesIO()
        picture.save(file, "PNG")  # type: ignore[attr-defined]
        return {"bytes": file.getvalue(), "path": None}

    columns = {
        "comp": [png(image(i)) for i in range(rows)],
        "m": [png(mask()) for _ in range(rows)],
        "gt": [png(image(50 + i)) for i in range(rows)],
        "key": [f"k{i}" for i in range(rows)],
        "light": [i / 2 for i in range(rows)],
    }
    pq.write_table(pa.table({**columns, **more}), path, row_group_size=2)
    return path


MAPPING = {"composite": "comp", "mask": "m", "target": "gt", "id": "key"}


def test_columns_map_to_roles(tmp_path: Path) -> None:
    benchmark = open_benchmark("parquet", table(tmp_path / "x.parquet"), columns=MAPPING)
    assert benchmark.ids() == ["k0", "k1", "k2", "k3", "k4"]
    for i in (4, 0, 3):
        sample = benchmark[f"k{i}"]
        np.testing.assert_array_equal(sample.target, np.asarray(image(50 + i)))
        assert sample.attributes["light"] == i / 2


def test_several_files_are_one_table(tmp_path: Path) -> None:
    table(tmp_path / "0.parquet", 3)
    table(tmp_path / "1.parquet", 2, key=["x", "y"])
    benchmark = open_benchmark("parquet", tmp_path, columns=MAPPING)
    assert benchmark.ids() == ["k0", "k1", "k2", "x", "y"]
    np.testing.assert_array_equal(benchmark["y"].composite, np.asarray(image(1)))


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({**MAPPING, "target": "truth"}, "there is no column 'truth'; there are comp, m, gt, key, light"),
        ({**MAPPING, "id": "same"}, "repeats ids"),
        ({**MAPPING, "mask": "light"}, "x.parquet: k0: light: holds a value of the kind float"),
    ],
)
def test_columns_that_cannot_be_are_refused(tmp_path: Path, columns: dict[str, str], message: str) -> None:
    path = table(tmp_path / "x.parquet", same=["a"] * 5)
    with pytest.raises(BenchmarkError, match=message):
        open_benchmark("parquet", path, columns=columns)["k0"]


def test_a_dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    datasets = pytest.importorskip("datasets")
    pictures = {"comp": [image(0), image(1)], "m": [mask(), mask()], "gt": [image(2), image(3)]}
    made = datasets.Dataset.from_dict(
        pictures, features=datasets.Features({name: datasets.Image() for name in pictures})
    )
    monkeypatch.setattr(datasets, "load_dataset", lambda path, split: {("me/mine", "test"): made}[path, split])
    mapping = {"composite": "comp", "mask": "m", "target": "gt"}
    benchmark = open_benchmark("hf", "me/mine", columns=mapping)
    assert benchmark.ids() == ["0", "1"]
    np.testing.assert_array_equal(benchmark["1"].target, np.asarray(image(3)))
    with pytest.raises(BenchmarkError, match="me/other:val: cannot be opened as a dataset"):
        open_benchmark("hf", "me/other:val", columns=mapping)


def test_splits_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("SSHBENCH_REALHM", "SSHBENCH_IHARMONY4"):
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(BenchmarkError, match="did you mean 'iharmony4-HAdobe5k'"):
        open_benchmark("iharmony4-Adobe5k")
    with pytest.raises(BenchmarkError, match="give its folder with --root or set SSHBENCH_IHARMONY4"):
        open_benchmark("iharmony4-HFlickr")
    with pytest.raises(BenchmarkError, match="is neither a Parquet file nor"):
        open_benchmark("parquet", tmp_path)
    monkeypatch.setenv("SSHBENCH_REALHM", str(tmp_path / "gone"))
    with pytest.raises(BenchmarkError, match="gone: there is no such folder"):
        open_benchmark("realhm")


@pytest.mark.parametrize(("text", "says"), [("id,x\na," + "9" * 200_000, "is no CSV file"), ("x\na", "no column 'id'")])
def test_a_table_of_attributes_that_is_none_is_a_sentence(tmp_path, text, says):
    (tmp_path / "attributes.csv").write_text(text)
    with pytest.raises(BenchmarkError, match=says):
        read_attributes(tmp_path / "attributes.csv")
