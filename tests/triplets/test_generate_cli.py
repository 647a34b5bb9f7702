"""`sshbench generate-triplets`, as a user runs it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sshbench.triplets.manifest import read_manifest
from tests.triplets.kills import command, contents, kill_at_random

SMALL = ("--crop", "32", "--scale", "32", "48", "--rows-per-shard", "4", "--quiet")


def run(*words: str | Path, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*words), cwd=folder, capture_output=True, text=True, check=False, timeout=300)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty photographs of noise and one that is cut short."""
    folder = tmp_path_factory.mktemp("photos")
    noise = np.random.default_rng(0)
    for k in range(60):
        coarse = noise.integers(0, 256, (6, 8, 3), np.uint8)
        Image.fromarray(coarse).resize((320, 240)).save(folder / f"{k:02}.jpg")
    (folder / "cut.jpg").write_bytes((folder / "00.jpg").read_bytes()[:900])
    return folder


@pytest.fixture(scope="module")
def whole(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("whole") / "out"
    ended = run("--source", photos, "-o", output, *SMALL)
    assert ended.returncode == 0, ended.stderr
    return output


def test_without_options_it_makes_triplets_from_the_sample(tmp_path: Path) -> None:
    ended = run(folder=tmp_path)
    assert ended.returncode == 0, ended.stderr
    manifest = read_manifest(str(tmp_path / "triplets"))
    assert manifest.complete
    assert manifest.rows == manifest.run.photos
    last = ended.stdout.splitlines()[-1]
    assert f"{manifest.rows} triplets in 1 shard" in last
    assert last.endswith("at triplets; next: sshbench preview-triplets triplets")


LOAD = """
import sys
from datasets import Image, load_dataset
folder, cache = sys.argv[1:]
files = load_dataset("parquet", data_files=folder + "/data/*.parquet", split="train", cache_dir=cache)
whole = load_dataset(folder, split="train", cache_dir=cache)
for rows in (files, whole):
    for name in ("foreground", "background", "ground_truth"):
        assert isinstance(rows.features[name], Image), rows.features
        assert all(image.size == (32, 32) and image.mode == "RGB" for image in rows[name])
    assert rows.features["content_box"].length == 4
print(len(files), len(whole), [m for m in sys.modules if m.startswith("sshbench")])
"""


def test_datasets_opens_the_output_without_sshbench(whole: Path, tmp_path: Path) -> None:
    pytest.importorskip("datasets", reason="install datasets to test that it reads the output")
    ended = subprocess.run(
        [sys.executable, "-c", LOAD, str(whole), str(tmp_path)],
        env={**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.stdout.strip() == "60 60 []", ended.stderr


def test_the_skipped_photograph_is_told_with_its_reason(photos: Path, tmp_path: Path) -> None:
    ended = run("--source", photos, "-o", tmp_path / "out", *SMALL)
    assert "1 could not be used:" in ended.stderr
    assert "cut.jpg: " in ended.stderr
    assert [
        s["row"] for s in json.loads((tmp_path / "out" / "manifest.json").read_text())["shards"][-1]["skipped"]
    ] == ["cut.jpg"]


def test_progress_tells_the_rate_and_the_failures(photos: Path, tmp_path: Path) -> None:
    ended = run("--source", photos, "-o", tmp_path / "out", *SMALL[:-1])
    assert "61/61" in ended.stderr
    assert "images/s, failures 1" in ended.stderr


def test_more_failures_than_allowed_end_non_zero_and_keep_the_output(photos: Path, tmp_path: Path) -> None:
    ended = run("--source", photos, "-o", tmp_path / "out", "--max-failures", "0.01", *SMALL)
    assert ended.returncode == 1
    assert "1.6% could not be used, and --max-failures allows 1.0%; the output is kept" in ended.stderr
    assert read_manifest(str(tmp_path / "out")).rows == 60


def test_killed_at_random_ten_times_it_ends_in_the_same_bytes(photos: Path, tmp_path: Path) -> None:
    output, whole = tmp_path / "out", tmp_path / "whole"
    options = ("--source", photos, "--draws", "20", "--workers", "2", *SMALL)
    assert run("-o", whole, *options).returncode == 0
    kill_at_random(command("-o", output, *options), output, whole, times=10, longest=0.3)
    assert run("-o", output, *options).returncode == 0
    assert contents(output) == contents(whole)


def test_workers_end_with_their_parent(photos: Path, tmp_path: Path) -> None:
    import psutil

    process = subprocess.Popen(command("--source", photos, "-o", tmp_path / "out", "-w", "2", "--draws", "300", *SMALL))
    while len(children := psutil.Process(process.pid).children(recursive=True)) < 2:
        time.sleep(0.02)
    time.sleep(0.5)
    process.kill()
    process.wait()
    assert not psutil.wait_procs(children, timeout=20)[1]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_no_process_and_goes_on(
    photos: Path, whole: Path, tmp_path: Path, number: signal.Signals
) -> None:
    output = tmp_path / "out"
    words = command("--source", photos, "-o", output, "-w", "2", *SMALL)
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True, start_new_session=True)
    while not (output / "data").exists():
        time.sleep(0.01)
    time.sleep(0.2)
    os.killpg(process.pid, number)
    _, said = process.communicate(timeout=60)
    assert process.returncode in (0, 1, 128 + number)
    assert "Traceback" not in said
    assert subprocess.run(words, check=False, capture_output=True).returncode == 0
    assert contents(output) == contents(whole)


def test_parts_that_run_at_once_give_the_same_bytes(photos: Path, whole: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    words = [command("--source", photos, "-o", output, "--shard", f"{k}/4", *SMALL) for k in range(4)]
    parts = [subprocess.Popen(w, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for w in words]
    said = [part.communicate(timeout=120) for part in parts]
    assert [part.returncode for part in parts] == [0] * 4, said
    assert any("next: sshbench preview-triplets" in out for out, _ in said)
    assert contents(output) == contents(whole)


def test_a_part_says_which_others_are_to_be_run(photos: Path, tmp_path: Path) -> None:
    ended = run("--source", photos, "-o", tmp_path / "out", "--shard", "1/3", *SMALL)
    assert ended.stdout.splitlines()[-1].endswith("next: the same command with --shard 0/3, --shard 2/3")


def test_dry_run_says_how_many_and_how_large_and_writes_nothing(photos: Path, whole: Path, tmp_path: Path) -> None:
    ended = run("--source", photos, "-o", tmp_path / "out", "--dry-run", *SMALL)
    assert ended.returncode == 0
    assert "Would make 61 triplets from 61 photographs in 16 shards" in ended.stdout
    assert not (tmp_path / "out").exists()
    again = run("--source", photos, "-o", whole, "--dry-run", *SMALL)
    assert "60 triplets already exist; they would be checked and kept" in again.stdout


def test_recipes_take_a_hundred_bytes_or_so(photos: Path, tmp_path: Path) -> None:
    ended = run("--source", photos, "-o", tmp_path / "out", "--store", "recipes", "--draws", "200", "--quiet")
    assert ended.returncode == 0, ended.stderr
    manifest = read_manifest(str(tmp_path / "out"))
    assert manifest.rows == 61 * 200
    assert manifest.size / manifest.rows < 120


BAD = {
    "no such folder": ("--source", "nowhere/photos"),
    "empty folder": ("--source", "empty"),
    "one look": ("--source", "photos", "--luts", "one"),
    "no looks": ("--source", "photos", "--luts", "empty"),
    "no LUT folder": ("--source", "photos", "--luts", "nowhere"),
    "other settings": ("--source", "photos", "-o", "made", "--seed", "5"),
    "other files": ("--source", "photos", "-o", "photos"),
    "a file as output": ("--source", "photos", "-o", "file"),
    "below a file": ("--source", "photos", "-o", "file/out"),
    "shard": ("--source", "photos", "--shard", "4/4"),
    "shard words": ("--source", "photos", "--shard", "one of two"),
    "workers": ("--source", "photos", "--workers", "0"),
    "rows": ("--source", "photos", "--rows-per-shard", "0"),
    "quality": ("--source", "photos", "--format", "jpeg", "--quality", "101"),
    "quality of PNG": ("--source", "photos", "--quality", "90"),
    "crop": ("--source", "photos", "--crop", "400"),
    "weight": ("--source", "photos", "--weight", "autum=3"),
    "weight text": ("--source", "photos", "--weight", "autumn"),
    "views": ("--source", "photos", "--kind", "composites", "--views", "4"),
    "negative seed": ("--source", "photos", "--seed", "-1"),
    "strength": ("--source", "photos", "--strength", "0.5", "1.5"),
    "protocol": ("--source", "photos", "-o", "nosuch://out"),
}


@pytest.fixture(scope="module")
def place(photos: Path, whole: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("place")
    (folder / "photos").symlink_to(photos)
    (folder / "made").symlink_to(whole)
    (folder / "empty").mkdir()
    (folder / "one").mkdir()
    (folder / "one" / "a.cube").write_text(
        "LUT_3D_SIZE 2\n" + "".join(f"{r} {g} {b}\n" for b in (0, 1) for g in (0, 1) for r in (0, 1))
    )
    (folder / "file").write_text("")
    return folder


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_sentence_and_exit_2(place: Path, case: str) -> None:
    before = set(place.rglob("*"))
    ended = run(*BAD[case], *(() if "--rows-per-shard" in BAD[case] or "--crop" in BAD[case] else SMALL), folder=place)
    assert ended.returncode == 2, ended.stdout
    lines = ended.stderr.strip().splitlines()
    assert len(lines) == 1, ended.stderr
    assert lines[0].startswith(("sshbench: ", "sshbench generate-triplets: "))
    assert set(place.rglob("*")) == before
