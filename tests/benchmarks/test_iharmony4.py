"""iHarmony4: lists, names, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sshbench.benchmarks.composite import BenchmarkError
from sshbench.benchmarks.open import open_benchmark
from tests.benchmarks.trees import iharmony4, realhm


def test_names_of_mask_and_real_image_follow_from_the_composites(tmp_path: Path) -> None:
    benchmark = open_benchmark("iharmony4", iharmony4(tmp_path))
    assert benchmark.ids() == ["HAdobe5k/composite_images/a1_1_2.jpg", "HFlickr/composite_images/f_9_1_1.jpg"]
    sample = benchmark[1]
    np.testing.assert_array_equal(sample.target, np.asarray(Image.open(tmp_path / "HFlickr/real_images/f_9.jpg")))
    np.testing.assert_array_equal(sample.mask * 255, np.asarray(Image.open(tmp_path / "HFlickr/masks/f_9_1.png")))
    assert sample.background is sample.composite
    assert not sample.has_background
    assert sample.attributes["subset"] == "HFlickr"


def test_subsets_and_lists(tmp_path: Path) -> None:
    root = iharmony4(tmp_path)
    assert open_benchmark("iharmony4-HFlickr", root).ids() == ["HFlickr/composite_images/f_9_1_1.jpg"]
    (root / "IHD_train.txt").write_text("HAdobe5k/composite_images/a1_1_2.jpg\n\n")
    assert len(open_benchmark("iharmony4-train", root)) == 1
    (root / "IHD_test.txt").unlink()
    (root / "HFlickr/HFlickr_test.txt").write_text("f_9_1_1.jpg\r\n")
    assert open_benchmark("iharmony4", root).ids() == ["HFlickr/composite_images/f_9_1_1.jpg"]
    with pytest.raises(BenchmarkError, match=r"neither IHD_test\.txt nor the list of a subset"):
        open_benchmark("iharmony4-HCOCO", root)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("../HAdobe5k/composite_images/a1_1_2.jpg", "leads out of the root"),
        ("HAdobe5k/composite_images/../../../a1_1_2.jpg", "leads out of the root"),
        ("/HAdobe5k/composite_images/a1_1_2.jpg", "leads out of the root"),
        ("HAdobe5k\\..\\composite_images/a1_1_2.jpg", "leads out of the root"),
        ("C:/composite_images/a1_1_2.jpg", "leads out of the root"),
        ("Other/composite_images/a1_1_2.jpg", "is not of the form"),
        ("HAdobe5k/composite_images/a1.jpg", "is not of the form"),
        ("HAdobe5k/composite_images/a1_1_2.jpg", "occurs twice"),
    ],
)
def test_lines_that_cannot_be_are_refused_with_their_number(tmp_path: Path, line: str, message: str) -> None:
    root = iharmony4(tmp_path)
    with open(root / "IHD_test.txt", "a") as file:
        file.write(f"\n{line}\n")
    with pytest.raises(BenchmarkError, match=f"IHD_test.txt: line 4: .*{message}"):
        open_benchmark("iharmony4", root)


def test_missing_files_are_named_or_left_out(tmp_path: Path) -> None:
    root = iharmony4(tmp_path)
    (root / "HFlickr/real_images/f_9.jpg").unlink()
    with pytest.raises(BenchmarkError, match=r"1 listed files are missing, such as HFlickr/real_images/f_9\.jpg"):
        open_benchmark("iharmony4", root)
    assert len(open_benchmark("iharmony4", root, allow_incomplete=True)) == 1


def test_wrong_folders_are_told_apart(tmp_path: Path) -> None:
    root = iharmony4(tmp_path / "h")
    for folder, message in (
        (realhm(tmp_path / "r"), "is a RealHM root, not iHarmony4"),
        (root / "HAdobe5k", "is one subset of iHarmony4"),
        (tmp_path / "nowhere", "there is no such folder"),
    ):
        with pytest.raises(BenchmarkError, match=message):
            open_benchmark("iharmony4", folder)


@pytest.mark.shared
def test_genuine_samples(shared: Path) -> None:
    benchmark = open_benchmark("iharmony4", shared / "data/iharmony4")
    assert len(benchmark) == 18
    assert benchmark.ids() == (shared / "data/iharmony4/IHD_test.txt").read_text().split()
    sample = benchmark["Hday2night/composite_images/d17664-20120114-145839_1_4.jpg"]
    assert sample.target is not None
    outside = sample.mask == 0
    assert np.abs(sample.composite[outside].astype(int) - sample.target[outside]).mean() < 3  # JPEG apart, the same
