"""RealHM: its layout, what its check finds, and its Parquet file."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sshbench.benchmarks.composite import BenchmarkError
from sshbench.benchmarks.open import open_benchmark
from sshbench.benchmarks.pack import pack
from sshbench.benchmarks.realhm import RealHM, check, list_tuples
from tests.benchmarks.trees import iharmony4, image, mask, realhm, realhm_tuple


def test_roles_by_file_name_at_any_depth(tmp_path: Path) -> None:
    benchmark = RealHM(realhm(tmp_path), expected=6)
    assert benchmark.ids() == [
        "vendor_testing_1/photo0",
        "vendor_testing_1/set a/inner/photo1",
        "vendor_testing_2/photo1",
        "vendor_testing_2/set a/inner/photo0",
        "vendor_testing_3/photo0",
        "vendor_testing_3/set a/inner/photo1",
    ]
    sample = benchmark["vendor_testing_2/set a/inner/photo0"]
    stem = tmp_path / "vendor_testing_2/set a/inner/photo0"
    foreground, background, target, small, grey = (
        np.asarray(Image.open(f"{stem}{end}.jpg")) for end in ("", "_fore", "_gt", "_small", "_mask")
    )
    np.testing.assert_array_equal(sample.foreground, foreground)
    np.testing.assert_array_equal(sample.background, background)
    np.testing.assert_array_equal(sample.target, target)
    np.testing.assert_array_equal(sample.foreground_photo, small)
    np.testing.assert_array_equal(sample.mask, grey.astype(np.float32) / 255)
    m = grey[..., None] / 255
    np.testing.assert_allclose(sample.composite, foreground * m + background * (1 - m), atol=0.5001)
    assert sample.attributes["subset"] == "vendor_testing_2"
    assert sample.attributes["foreground_ratio"] == pytest.approx(np.mean(grey >= 127.5), abs=1e-6)


def test_indices_and_ids_are_the_same_samples(tmp_path: Path) -> None:
    benchmark = RealHM(realhm(tmp_path), expected=6)
    assert [benchmark[i].id for i in (0, 5, -1)] == [benchmark.ids()[0], *[benchmark.ids()[5]] * 2]
    with pytest.raises(KeyError):
        benchmark["vendor_testing_1/none"]
    with pytest.raises(IndexError):
        benchmark[6]


def problems(root: Path, expected: int = 6) -> list[str]:
    return [f"{problem.id}: {problem.text}" for problem in check(root, expected).problems]


def test_a_sound_root_has_no_problem(tmp_path: Path) -> None:
    assert problems(realhm(tmp_path)) == []


def test_check_names_all_that_is_wrong(tmp_path: Path) -> None:
    root = realhm(tmp_path, 9)
    one = root / "vendor_testing_1"
    (one / "photo0_gt.jpg").unlink()
    shutil.copy(one / "photo2.jpg", one / "photo2.jpeg")
    image(3, (50, 32)).save(root / "vendor_testing_2/photo1_fore.jpg")
    Image.new("L", (48, 32), 0).save(root / "vendor_testing_3/photo2_mask.jpg")
    Image.new("L", (48, 32), 255).save(root / "vendor_testing_3/photo0_mask.jpg")
    cut = root / "vendor_testing_2/set a/inner/photo2_small.jpg"
    cut.write_bytes(cut.read_bytes()[:400])
    for end in ("", "_fore", "_gt", "_small", "_mask"):
        shutil.copy(f"{root}/vendor_testing_3/set a/inner/photo1{end}.jpg", f"{root}/vendor_testing_3/zebra{end}.jpg")
    (root / "vendor_testing_1/.hidden_gt.jpg").write_bytes(b"")
    (root / "vendor_testing_1/notes.txt").write_text("no image")
    found = problems(root, expected=10)
    assert found[0] == ": there are 9 complete tuples of 10"
    for text in (
        "vendor_testing_1/photo0: lacks photo0_gt.jpg",
        "vendor_testing_1/photo2: the foreground exists twice: photo2.jpeg, photo2.jpg",
        "vendor_testing_2/photo1: sizes differ: foreground 48 x 32, mask 48 x 32, background 50 x 32, target 48 x 32",
        "vendor_testing_3/photo2: photo2_mask.jpg: the mask is empty",
        "vendor_testing_3/photo0: photo0_mask.jpg: the mask is full",
        "vendor_testing_3/zebra: has the same images as vendor_testing_3/set a/inner/photo1",
    ):
        assert sum(line.startswith(text) for line in found) == 1, text
    assert any("photo2_small.jpg" in line and "cut short" in line for line in found)
    assert len(found) == 8


def test_an_incomplete_root_opens_only_when_asked(tmp_path: Path) -> None:
    root = realhm(tmp_path)
    (root / "vendor_testing_1/photo0_gt.jpg").unlink()
    with pytest.raises(BenchmarkError, match=r"5 complete tuples of 216 \(and 1 more\).*--allow-incomplete"):
        open_benchmark("realhm", root)
    benchmark = open_benchmark("realhm", root, allow_incomplete=True)
    assert len(benchmark) == 5
    assert "vendor_testing_1/photo0" not in benchmark.ids()


def test_a_damaged_sample_is_named_when_it_is_read(tmp_path: Path) -> None:
    root = realhm(tmp_path)
    image(0, (50, 32)).save(root / "vendor_testing_1/photo0_gt.jpg")
    Image.new("L", (48, 32), 0).save(root / "vendor_testing_2/photo1_mask.jpg")
    benchmark = RealHM(root, expected=6)
    with pytest.raises(BenchmarkError, match="vendor_testing_1/photo0: the target is 50 x 32"):
        benchmark["vendor_testing_1/photo0"]
    with pytest.raises(BenchmarkError, match="vendor_testing_2/photo1: the mask is empty"):
        benchmark["vendor_testing_2/photo1"]


def test_wrong_folders_are_told_apart(tmp_path: Path) -> None:
    root = realhm(tmp_path / "outer/RealHM")
    harmony = iharmony4(tmp_path / "iharmony4")
    for folder, message in (
        (harmony, "is an iHarmony4 root, not RealHM"),
        (harmony / "HAdobe5k", "is a subset of iHarmony4"),
        (tmp_path / "outer", "one folder further in; give .*RealHM"),
        (root / "vendor_testing_1", "is one of RealHM's three folders"),
        (tmp_path / "nowhere", "there is no such folder"),
        (tmp_path, "is not RealHM"),
    ):
        with pytest.raises(BenchmarkError, match=message):
            list_tuples(folder)


def test_a_packed_file_holds_the_same_samples(tmp_path: Path) -> None:
    root = realhm(tmp_path / "RealHM")
    (root / "composites.csv").write_text("id,kind,stops\nvendor_testing_1/photo0,portrait,0.5\n")
    folder = RealHM(root, expected=6)
    (tmp_path / "packed").mkdir()
    pack(folder, tmp_path / "packed/realhm.parquet")
    with pytest.raises(BenchmarkError, match="there are 6 samples of 216"):
        open_benchmark("realhm", tmp_path / "packed/realhm.parquet")
    packed = open_benchmark("realhm", tmp_path / "packed", allow_incomplete=True)
    assert packed.ids() == folder.ids()
    for id in folder.ids():
        one, other = folder[id], packed[id]
        assert one.attributes == other.attributes
        for role in ("composite", "foreground", "background", "mask", "target", "foreground_photo"):
            np.testing.assert_array_equal(getattr(one, role), getattr(other, role))
    assert packed["vendor_testing_1/photo0"].attributes["stops"] == 0.5


def test_datasets_opens_a_packed_file(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    folder = RealHM(realhm(tmp_path / "RealHM"), expected=6)
    pack(folder, tmp_path / "realhm.parquet")
    rows = datasets.load_dataset(
        "parquet", data_files=str(tmp_path / "realhm.parquet"), split="train", cache_dir=str(tmp_path / "cache")
    )
    np.testing.assert_array_equal(np.asarray(rows[2]["target"]), folder[2].target)


def test_packing_a_sample_that_cannot_be_used_leaves_no_file(tmp_path: Path) -> None:
    root = realhm(tmp_path / "RealHM")
    Image.new("L", (48, 32), 0).save(root / "vendor_testing_3/photo0_mask.jpg")
    with pytest.raises(BenchmarkError, match="the mask is empty"):
        pack(RealHM(root, expected=6), tmp_path / "realhm.parquet")
    assert [path.name for path in tmp_path.iterdir()] == ["RealHM"]


def test_the_embedded_sample_is_sound() -> None:
    benchmark = open_benchmark("sample")
    assert len(benchmark) >= 24
    assert isinstance(benchmark, RealHM)
    assert check(Path(next(iter(benchmark.files.values()))["mask"]).parents[1], None).problems == []
    assert all("kind" in benchmark.attributes_of(id) for id in benchmark.ids())


def test_names_may_hold_dots_and_the_words_of_roles(tmp_path: Path) -> None:
    realhm_tuple(tmp_path / "vendor_testing_1/mask.v2", 1)
    realhm_tuple(tmp_path / "vendor_testing_1/a_gt_b", 2)
    assert RealHM(tmp_path, expected=None).ids() == ["vendor_testing_1/a_gt_b", "vendor_testing_1/mask.v2"]
    assert mask().size == (48, 32)
