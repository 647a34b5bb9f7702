"""Rows of others become records under the ids of iHarmony4, and what cannot be one is refused by its line."""

from __future__ import annotations

import math
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from sshbench.benchmarks.protocol import get_protocol
from sshbench.cli.import_records import import_records
from sshbench.errors import SshbenchError
from sshbench.results.imported import method_of, read_foreign
from sshbench.results.records import RecordsError, read_records
from sshbench.results.summary import one_of, summarise

HEAD = "Name,MSE,PSNR,fMSE,SE,SSIM,height,width,mask_area"
ROWS = (  # of the form of the published files, not of their numbers
    "c100_200_1,4.0,42.1102,100.0,4.1,0.99,400,500,8000.0",
    "a0041_1_3,1.0,48.1308,50.0,2.0,0.995,100,200,400.0",
    "f12_1_1.jpg,16.0,36.0896,80.0,2.0,0.9,100,100,2000",
    "d90000005-10_1_2.jpg,2.0,45.1205,20.0,2.0,0.98,100,100,1000",
)
PCT = get_protocol("pct-fullres")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "evaluation_PCTNet_CNN.csv"
    path.write_text("\n".join((HEAD, *ROWS[:3])) + "\n")
    return path


def test_ids_are_those_of_the_benchmark_whatever_the_rows_order(file: Path) -> None:
    records = {record.id: record for record in read_foreign(file, "theirs", PCT)}
    assert set(records) == {
        "HCOCO/composite_images/c100_200_1.jpg",
        "HAdobe5k/composite_images/a0041_1_3.jpg",
        "HFlickr/composite_images/f12_1_1.jpg",
    }
    one = records["HCOCO/composite_images/c100_200_1.jpg"]
    assert one.metrics == {"mse": 4.0, "psnr": 42.1102, "fmse": 100.0, "ssim": 0.99}
    assert one.attributes == {"subset": "HCOCO", "foreground_ratio": 0.04}
    assert (one.benchmark, one.protocol, one.trained_by) == ("iharmony4", "pct-fullres", "authors")


def test_a_byte_order_mark_as_spreadsheets_write_it(file: Path) -> None:
    plain = read_foreign(file, "theirs", PCT)
    file.write_text("\ufeff" + file.read_text(), encoding="utf-8")
    assert read_foreign(file, "theirs", PCT) == plain


@pytest.mark.parametrize(
    ("name", "method"),
    [
        ("evaluation_PCTNet_CNN.csv", "pct-net-cnn+published"),
        ("evaluation_DCCF.csv", "dccf+published"),
        ("pctnet.csv", "pct-net+published"),
        ("my results (2).csv", "my-results-2+published"),
        ("--.csv", "unnamed+published"),
    ],
)
def test_a_method_is_called_by_its_file(name: str, method: str) -> None:
    assert method_of(f"some/{name}") == method


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ((ROWS[0], ROWS[0]), r"line 3: HCOCO/composite_images/c100_200_1\.jpg occurs twice"),
        ((ROWS[0], ROWS[0].replace("_1,", "_1.jpg,")), "line 3: .* occurs twice"),
        ((ROWS[0].replace("c100", "x100"),), "line 2: 'x100_200_1' is no image of iHarmony4, such as a0041_1_3"),
        ((ROWS[0].replace("c100_200_1", "../../c_1_1"),), "is no image of iHarmony4"),
        ((ROWS[0].replace("4.0", "nan"),), "line 2: MSE is 'nan' and no number"),
        ((ROWS[0].replace("100.0", "?"),), r"line 2: fMSE is '\?' and no number"),
        ((ROWS[0].replace("4.0,", "-4.0,"),), "line 2: an error or a PSNR is below 0"),
        (
            (ROWS[0].replace("42.1102", "32.26"),),
            "PSNR is 32.26 dB, and MSE and the peak of pct-fullres give 42.11; say",
        ),
        ((ROWS[0].replace("8000.0", "1e9"),), "a mask of 1e[+]09 pixels in an image of 500 x 400"),
        ((ROWS[0] + ",7",), "line 2 has another number of columns than the first"),
        ((ROWS[0].rpartition(",")[0],), "line 2 has another number of columns than the first"),
        ((), "has no rows"),
    ],
)
def test_what_cannot_be_a_record_is_refused(tmp_path: Path, rows: tuple[str, ...], sentence: str) -> None:
    path = tmp_path / "f.csv"
    path.write_text("\n".join((HEAD, *rows)) + "\n")
    with pytest.raises(RecordsError, match=sentence):
        read_foreign(path, "theirs", PCT)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"id,psnr\na,1\n", "has no column Name; a file of PCT-Net's authors has Name, MSE"),
        (b"", "has no column Name"),
        (b"\xff\xfe\x00", "is no CSV file in UTF-8"),
        (f'{HEAD}\n"c1_1_1'.encode(), "is no CSV file"),
    ],
)
def test_what_is_no_such_file(tmp_path: Path, content: bytes, sentence: str) -> None:
    (tmp_path / "f.csv").write_bytes(content)
    with pytest.raises(RecordsError, match=sentence):
        read_foreign(tmp_path / "f.csv", "theirs", PCT)


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(RecordsError, match="cannot be read: No such file"):
        read_foreign(tmp_path / "f.csv", "theirs", PCT)


def test_a_peak_that_is_not_255_is_not_checked(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text("\n".join((HEAD, ROWS[0].replace("42.1102", "32.26"))) + "\n")
    (record,) = read_foreign(tmp_path / "f.csv", "theirs", get_protocol("harmonizer"))
    assert record.metrics["psnr"] == 32.26


def test_an_image_of_one_row_has_a_size_and_one_of_none_has_not(tmp_path: Path) -> None:
    for height, width, area in ((1, 500, 500), (400, 1, 0)):
        row = ROWS[0].replace("400,500,8000.0", f"{height},{width},{area}")
        (tmp_path / "f.csv").write_text("\n".join((HEAD, row)) + "\n")
        (record,) = read_foreign(tmp_path / "f.csv", "theirs", PCT)
        assert record.attributes["foreground_ratio"] == area / (height * width)
    for size in ("0,500,0", "400,0,0", "400,500,-1", "400,500,200001"):
        (tmp_path / "f.csv").write_text("\n".join((HEAD, ROWS[0].replace("400,500,8000.0", size))) + "\n")
        with pytest.raises(RecordsError, match="a mask of"):
            read_foreign(tmp_path / "f.csv", "theirs", PCT)


def test_a_perfect_image_has_the_psnr_that_the_protocols_epsilon_leaves(tmp_path: Path) -> None:
    perfect = ROWS[0].replace(",4.0,42.1102,", f",0.0,{10 * math.log10(255**2 / PCT.epsilon):.4f},")
    (tmp_path / "f.csv").write_text("\n".join((HEAD, perfect)) + "\n")
    (record,) = read_foreign(tmp_path / "f.csv", "theirs", PCT)
    assert (record.metrics["mse"], record.metrics["psnr"]) == (0.0, 108.1308)


class TestCommand:
    def run(self, *words: object) -> str:
        result = CliRunner().invoke(import_records, [str(word) for word in words], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.output

    def test_published_and_measured_meet_image_by_image(self, file: Path, tmp_path: Path) -> None:
        out = tmp_path / "results"
        assert "pct-net-cnn+published: 3 images, pct-fullres" in self.run(file, "--out", out)
        other = tmp_path / "ours.csv"
        other.write_text("\n".join((HEAD, *reversed(ROWS[:3]))).replace(",42.1102", ",42.1102") + "\n")
        self.run(other, "--out", out, "--method", "ours")
        summary = summarise(one_of(read_records([out])))
        assert summary.images == 3
        (compared,) = [row.versus["psnr"] for row in summary.rows if row.versus]
        assert compared.difference == 0  # as the same images are held against each other, not the same rows
        assert set(summary.strata["subset"]) == {"HCOCO", "HAdobe5k", "HFlickr"}

    def test_what_is_there_is_not_replaced_by_chance(self, file: Path, tmp_path: Path) -> None:
        self.run(file, "--out", tmp_path)
        with pytest.raises(SshbenchError, match="exists; add --overwrite, or give another name with --method"):
            self.run(file, "--out", tmp_path)
        self.run(file, "--out", tmp_path, "--overwrite")

    def test_nothing_is_written_if_one_of_the_files_is_damaged(self, file: Path, tmp_path: Path) -> None:
        (tmp_path / "bad.csv").write_text(f"{HEAD}\nx\n")
        with pytest.raises(RecordsError):
            self.run(file, tmp_path / "bad.csv", "--out", tmp_path / "out")
        assert not (tmp_path / "out").exists()

    def test_a_folder_of_another_benchmark_is_refused(self, file: Path, tmp_path: Path) -> None:
        (tmp_path / "run.json").write_text('{"benchmark": "realhm"}')
        with pytest.raises(RecordsError, match="holds results on realhm"):
            self.run(file, "--out", tmp_path)

    @pytest.mark.parametrize("name", ["../x", "a/b", ""])
    def test_a_name_is_a_part_of_a_file_s(self, file: Path, tmp_path: Path, name: str) -> None:
        with pytest.raises(SshbenchError, match="is not of up to 200 letters, digits and"):
            self.run(file, "--out", tmp_path, "--method", name)


@pytest.mark.parametrize("place", ["pipe", "zero", "folder"])
def test_what_is_no_file_is_a_sentence_at_once(tmp_path: Path, place: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    (tmp_path / "folder").mkdir()
    with pytest.raises(RecordsError, match="cannot be read: is "):
        read_foreign(tmp_path / place, "theirs", PCT)
