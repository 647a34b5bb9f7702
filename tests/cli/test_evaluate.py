"""`sshbench evaluate` and `leaderboard` as a user's shell runs them."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sshbench.benchmarks.open import open_benchmark
from sshbench.methods.weights import WeightsCard, save_weights
from sshbench.networks.ssh import SSH
from sshbench.results.records import read_records
from tests.methods.checkpoints import SYNTHETIC

MINE = """
class Mine:
    def harmonize(self, batch):
        return [255 - c.composite for c in batch]
"""
QUICK = ("--metrics", "psnr,mse", "--limit", "3", "--workers", "1")


def run(*words: str | Path, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sshbench", *map(str, words)]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=cwd, env={**os.environ, **environment}
    )


def evaluate(*words: str | Path, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return run("evaluate", *QUICK, *words, cwd=cwd, **environment)


def test_with_no_options_it_judges_all_that_needs_no_weights(tmp_path: Path) -> None:
    result = evaluate(cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    for name in ("dc", "reinhard", "xiao", "fecker", "pitie", "monge-kantorovich", "ceiling-lut ‡"):
        assert f"\n{name} " in result.stdout
    assert "sample, 3 images, sshbench-v1" in result.stdout
    assert "sees the ground truth" in result.stdout
    assert (tmp_path / "results/sample/run.json").is_file()
    assert result.stderr == "Records and predictions: results/sample; next: sshbench report results/sample\n"


def test_lpips_alone_without_its_weights_is_one_sentence(tmp_path: Path) -> None:
    words = ["-m", "dc", "--limit", "1", "--workers", "1", "--metrics", "lpips"]
    result = run("evaluate", *words, cwd=tmp_path, SSHBENCH_LPIPS_WEIGHTS=str(tmp_path))
    assert result.returncode == 1
    said = result.stderr.splitlines()
    assert f"{tmp_path}: there is no alexnet*.pth" in said[0]
    assert said[-1] == "sshbench: lpips could not be computed; the warning above says why and what to do"
    assert "Traceback" not in result.stderr


def test_means_weighted_to_another_set(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(MINE)
    (tmp_path / "shares.csv").write_text("fmse_from,fmse_to,share\n0,,1\n")
    words = ["-m", "mine.py:Mine", "--weight-to", "shares.csv", "-o", "out"]
    result = evaluate(*words, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "weighted to shares (estimate)" in result.stdout
    assert "\ndc " in result.stdout  # whose fMSE is what images are weighed by
    assert "fMSE ↓" not in result.stdout  # which was not asked for
    kept = json.loads((tmp_path / "out/run.json").read_text())["weight_to"]
    assert kept == {"name": "shares", "lower": [0.0], "shares": [1.0], "source": ""}
    table = run("leaderboard", "out", "--weight-to", "shares.csv", "--format", "csv", cwd=tmp_path)
    rows = list(csv.DictReader(io.StringIO(table.stdout)))
    assert all(float(row["psnr_weighted"]) == pytest.approx(float(row["psnr"])) for row in rows)

    (tmp_path / "shares.csv").write_text("fmse_from,fmse_to,share\n0,90000,1\n90000,,1\n")
    result = evaluate(*words, cwd=tmp_path)
    assert result.returncode == 1
    assert "no image has an untouched composite with a fMSE of 90,000 and above" in result.stderr
    assert "All metrics, mean and 95% interval" in result.stdout  # nothing else is lost
    assert run("leaderboard", "out", "--weight-to", "shares.csv", cwd=tmp_path).returncode == 2
    refused = evaluate(*words, "--protocol", "ssh-iccv21", cwd=tmp_path)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "--weight-to needs fmse, which ssh-iccv21 does not define" in refused.stderr


def test_a_file_of_ones_own_and_several_protocols(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(MINE)
    words = ["-m", "mine.py:Mine", "-m", "dc,reinhard", "--protocol", "sshbench-v1", "--protocol", "dovenet"]
    result = evaluate(*words, "-o", "out", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert result.stdout.index("sshbench-v1 (version") < result.stdout.index("dovenet (version")
    assert len(list((tmp_path / "out/predictions/mine").rglob("*.png"))) == 3
    assert sorted(path.name for path in (tmp_path / "out/records").iterdir()) == [
        f"{method}-{protocol}.parquet"
        for method in ("dc", "mine", "reinhard")
        for protocol in ("dovenet", "sshbench-v1")
    ]


def test_several_splits_have_a_folder_each(tmp_path: Path) -> None:
    sample = open_benchmark("sample")
    pairs = tmp_path / "pairs"
    for role in ("composite", "mask", "target"):
        (pairs / role).mkdir(parents=True)
    for number in range(2):
        one = sample[number]
        assert one.target is not None
        Image.fromarray(one.composite).save(pairs / f"composite/{number}.png")
        Image.fromarray((one.mask * 255).astype(np.uint8)).save(pairs / f"mask/{number}.png")
        Image.fromarray(one.target).save(pairs / f"target/{number}.png")
    words = ["-s", "sample,folder", "--root", f"folder={pairs}", "-m", "dc", "-o", "out", "-q"]
    result = evaluate(*words, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"sample", "folder"}
    mixed = run("leaderboard", "out", cwd=tmp_path)
    assert mixed.returncode == 2
    assert "2 benchmarks (folder, sample), which no table may mix; choose one with --split" in mixed.stderr
    assert run("leaderboard", "out", "--split", "folder", cwd=tmp_path).returncode == 0


class TestPredictions:
    @pytest.fixture
    def predictions(self, tmp_path: Path) -> Path:
        """Of three images: one right, one too small; the third is missing, and one is of nothing."""
        folder = tmp_path / "theirs"
        sample = open_benchmark("sample")
        for number, id in enumerate(sample.ids()[:2]):
            path = folder / f"{id}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            image = Image.fromarray(sample[number].composite)
            (image.resize((100, 80)) if number else image).save(path)
        Image.new("RGB", (4, 4)).save(folder / "stray.png")
        return folder

    def test_they_are_scored_counted_and_complained_of(self, tmp_path: Path, predictions: Path) -> None:
        result = evaluate("-p", "theirs", "-m", "dc", "--allow-incomplete", cwd=tmp_path)
        assert result.returncode == 0, result.stderr
        third = open_benchmark("sample").ids()[2]
        assert f"sshbench: warning: theirs lacks {third}" in result.stderr
        assert "1 of 3" in result.stdout
        assert "theirs failed on 2 images; its means are over the other 1" in result.stdout
        assert "100 x 80" in result.stdout

    def test_they_are_not_the_best_and_strictly_a_failure(self, tmp_path: Path, predictions: Path) -> None:
        result = evaluate("-p", "theirs", "--strict", cwd=tmp_path)
        assert result.returncode == 1
        assert "sshbench: --strict: theirs failed on 2 of 3 images" in result.stderr
        assert "theirs †" in result.stdout
        assert "No method is called the best" in result.stdout
        whole = evaluate("-m", "dc", "--strict", cwd=tmp_path)
        assert whole.returncode == 0, whole.stderr

    def test_a_name_of_ones_own(self, tmp_path: Path, predictions: Path) -> None:
        result = evaluate("-p", "ours=theirs", cwd=tmp_path)
        assert "\nours †" in result.stdout
        assert "\ndc" not in result.stdout

    def test_strays_are_named(self, tmp_path: Path, predictions: Path) -> None:
        words = ["evaluate", "-p", "theirs", "--metrics", "psnr", "-w", "1"]
        result = run(*words, cwd=tmp_path)
        assert "theirs has images that fit no id: stray.png" in result.stderr
        assert "and 28 more" in result.stderr


class TestRefusals:
    @pytest.mark.parametrize(
        ("words", "sentence"),
        [
            (["-m", "reinhart"], "there is no method 'reinhart'; did you mean 'reinhard'"),
            (["--protocol", "dovent"], "there is no protocol 'dovent'; did you mean 'dovenet'?"),
            (["--metrics", "pnsr"], "there is no metric 'pnsr'; did you mean"),
            (["--metrics", "ssim", "--protocol", "ssh-iccv21"], "ssh-iccv21 defines none of ssim"),
            (["-s", "smaple"], "there is no split 'smaple'; did you mean 'sample'?"),
            (["-s", "realhm"], "give its folder with --root"),
            (["-s", "sample,realhm", "--root", "x"], "--root x does not name its split"),
            (["-p", "nowhere"], "nowhere: there is no such folder of predictions"),
            (["--device", "cuda:99"], "--device cuda:99 cannot be used"),
            (["--column", "mask"], "--column is ROLE=NAME"),
        ],
    )
    def test_bad_input_is_one_sentence_before_anything_runs(
        self, tmp_path: Path, words: list[str], sentence: str
    ) -> None:
        result = run("evaluate", *words, cwd=tmp_path)
        assert result.returncode == 2
        assert sentence in result.stderr
        assert len(result.stderr.splitlines()) == 1
        assert result.stdout == ""
        assert list(tmp_path.iterdir()) == []

    def test_nothing_scored_is_exit_code_1(self, tmp_path: Path) -> None:
        (tmp_path / "mine.py").write_text(MINE.replace("return", "raise ValueError('broken')  #"))
        result = evaluate("-m", "mine.py", cwd=tmp_path)
        assert result.returncode == 1
        assert "mine failed on 3 images" in result.stdout
        assert "ValueError: broken" in result.stdout
        assert "nothing could be scored" in result.stderr

    def test_so_is_a_method_without_a_score_beside_others(self, tmp_path: Path) -> None:
        (tmp_path / "mine.py").write_text(MINE.replace("return", "raise ValueError('broken')  #"))
        result = evaluate("-m", "mine.py", "-m", "dc", cwd=tmp_path)
        assert result.returncode == 1
        assert "sshbench: mine was scored on no image; the tables say why" in result.stderr
        assert "\ndc " in result.stdout

    def test_a_metric_whose_weights_are_not_here_is_no_error(self, tmp_path: Path) -> None:
        nowhere = {"SSHBENCH_LPIPS_WEIGHTS": str(tmp_path)}
        result = evaluate("-m", "dc", "--metrics", "lpips", cwd=tmp_path, **nowhere)
        assert result.returncode == 0, result.stderr  # there is PSNR too
        assert "its column stays empty" in result.stderr
        alone = run(
            "evaluate", "-m", "dc", "--metrics", "lpips", "--limit", "2", "-o", "alone", cwd=tmp_path, **nowhere
        )
        assert alone.returncode == 1
        assert "nothing was scored" in alone.stdout
        assert "lpips could not be computed; the warning above" in alone.stderr
        assert "Traceback" not in alone.stderr
        strict = evaluate("-m", "dc", "--metrics", "lpips", "--strict", "-q", cwd=tmp_path, **nowhere)
        assert strict.returncode == 1
        assert "--strict: dc has no lpips" in strict.stderr


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("board")
    assert evaluate("-m", "dc,reinhard,ceiling-linear", "-o", "out", "-q", cwd=folder).returncode == 0
    return folder


class TestLeaderboard:
    @pytest.mark.parametrize(
        ("format_", "start"),
        [
            ("text", "sample, 3 images"),
            ("csv", "benchmark,protocol,protocol_version,method,n"),
            ("markdown", "**sample, 3 images"),
            ("latex", r"\begin{table"),
            ("html", "<!doctype html>"),
        ],
    )
    def test_formats(self, results: Path, format_: str, start: str) -> None:
        result = run("leaderboard", "out", "--format", format_, cwd=results)
        assert result.returncode == 0, result.stderr
        assert result.stdout.startswith(start)
        written = run("leaderboard", "out", "--format", format_, "-o", f"table.{format_}", cwd=results)
        assert written.returncode == 0
        if format_ != "text":
            assert (results / f"table.{format_}").read_text() == result.stdout

    def test_columns_and_order(self, results: Path) -> None:
        words = ["leaderboard", "out", "--format", "csv", "--metrics", "mse"]
        lines = list(csv.DictReader(io.StringIO(run(*words, cwd=results).stdout)))
        assert "psnr" not in lines[0]
        means = [float(line["mse"]) for line in lines if not line["method"].startswith("ceiling")]
        assert means == sorted(means)

    def test_a_terminal_without_arrows(self, results: Path) -> None:
        result = run("leaderboard", "out", cwd=results, PYTHONIOENCODING="ascii")
        assert "PSNR dB ^" in result.stdout
        assert "\\u" not in result.stdout

    def test_no_records(self, tmp_path: Path) -> None:
        result = run("leaderboard", ".", cwd=tmp_path)
        assert result.returncode == 2
        assert "contains no records; make records with sshbench evaluate" in result.stderr


def test_methods_without_weights_are_rows_that_say_what_is_missing(tmp_path: Path) -> None:
    names = ["wct2", "dih", "s2am", "dovenet", "ssh"]
    result = evaluate("--method", "dc", *names, "-o", "out", cwd=tmp_path, SSHBENCH_HOME=str(tmp_path))
    assert result.returncode == 0, result.stderr
    for name in names:
        if f"\n{name} †" in result.stdout:
            assert f"† {name} has no weights here; get " in result.stdout
            assert {record.trained_by for record in read_records([tmp_path / "out"]) if record.method == name} == {
                "missing"
            }
        else:
            assert f"\n{name} " in result.stdout


def test_weights_of_an_option_are_a_row_of_their_own(tmp_path: Path) -> None:
    save_weights(tmp_path / "mine", SSH(width=2).state_dict(), WeightsCard(method="ssh", architecture={"width": 2}))
    words = ["-m", "ssh:map=polynomial", "-m", "dc", "--weights", "mine", "-o", "out"]
    result = evaluate(*words, cwd=tmp_path, SSHBENCH_HOME=str(tmp_path))
    assert result.returncode == 0, result.stderr
    records = [record for record in read_records([tmp_path / "out"]) if record.method == "ssh+map-polynomial"]
    assert {record.trained_by for record in records} == {"user"}
    assert len({record.weights_hash for record in records}) == 1
    assert len(records[0].weights_hash) == 32
    assert re.search(r"\nmethod +weights of ", result.stdout)
    assert re.search(r"\nssh\+map-polynomial +user ", result.stdout)


def test_missing_weights_alone_are_an_error(tmp_path: Path) -> None:
    result = evaluate("-m", "wct2", "--weights", "wct2=authors", cwd=tmp_path, SSHBENCH_HOME=str(tmp_path))
    assert result.returncode == 2
    assert result.stderr.startswith("sshbench: wct2 has no weights of authors here; get wave_encoder")


MODERN = {"pct-net": "pct-net, ViT", "harmonizer": "harmonizer", "idih": "idih", "issam": "issam", "hdnet": "hdnet"}


class TestLaterMethods:
    """The methods that people compare with today, on the embedded sample."""

    def test_without_weights_each_row_says_how_to_get_some(self, tmp_path: Path) -> None:
        methods = [word for name in MODERN for word in ("-m", name)]
        result = evaluate(*methods, "-s", "sample", cwd=tmp_path, SSHBENCH_HOME=str(tmp_path / "home"))
        assert result.returncode == 1
        for name in MODERN:
            assert re.search(rf"^{name} † +0 of 3$", result.stdout, re.MULTILINE)
            assert f"† {name} has no weights here; " in result.stdout
        for name in ("pct-net", "harmonizer", "idih", "issam"):
            assert f"run sshbench weights get {name}, or get " in result.stdout
        assert "for non-commercial use alone" in result.stdout
        assert "train weights with sshbench train hdnet" in result.stdout

    def test_with_weights_they_run_and_a_row_without_stays(self, tmp_path: Path) -> None:
        methods = [word for name in MODERN for word in ("-m", name)]
        given = {name: SYNTHETIC[container].write(tmp_path) for name, container in MODERN.items() if name != "issam"}
        weights = [word for name, file in given.items() for word in ("--weights", f"{name}={file}")]
        result = evaluate(*methods, *weights, "-s", "sample", cwd=tmp_path, SSHBENCH_HOME=str(tmp_path / "home"))
        assert result.returncode == 0, result.stderr
        for name in given:
            assert re.search(rf"^{name} +authors +[0-9.]+", result.stdout, re.MULTILINE), name
        assert "† issam has no weights here" in result.stdout
        assert "Harmonizer's code and weights are CC BY-NC-SA 4.0: for non-commercial use alone." in result.stdout
