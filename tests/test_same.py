"""Bytes and numbers that stay the same while the code moves: triplets, scores, a LUT on an image, a resumed training.

The values in `tests/same.json` were written by `python -m tests.test_same` and belong to a version of sshbench that was
trusted. Where processors differ in the last bits, numbers are compared closely and not by hash.
"""

from __future__ import annotations

import csv
import io
import json
from functools import partial
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from PIL import Image

from sshbench.cli.main import cli

VALUES = Path(__file__).with_name("same.json")
TOY = f"{Path(__file__).parent / 'training/toy.py'}:make"
TRIPLETS = {
    "lut": "",
    "weighted": "--weight c*=3 --strength 0.4 0.9 --overlap 0.5 0.8 --part train",
    "single": "--crops single --draws 2 --seed 7",
    "grades": "--appearance grades --lut-part held-out",
    "ladders": "--appearance ladders --crop 64 --scale 70 90",
    "color-transfer": "--appearance color-transfer",
    "saturation": "--appearance saturation --saturation 0.1 2",
    "composites": "--kind composites",
    "composites-look": "--kind composites --background look --mask-area 0.1 0.3",
    "composites-transfer": "--kind composites --appearance color-transfer --background look --transfer xiao",
}
INEXACT = ("color-transfer", "saturation", "composites-transfer")
METRICS = ("psnr", "mse", "ssim", "fmse", "fpsnr", "fssim", "ciede2000")
METHODS = ("dc", "reinhard", "gain", "ceiling-lut")


def sshbench(*arguments: object) -> None:
    result = CliRunner().invoke(cli, [str(one) for one in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output


def digest(data: bytes) -> str:
    return sha256(data).hexdigest()[:24]


def rows_of(folder: Path) -> list[dict[str, Any]]:
    return [row for file in sorted(folder.glob("data/*.parquet")) for row in pq.read_table(file).to_pylist()]


def views_of(row: dict[str, Any]) -> dict[str, np.ndarray]:
    return {
        name: np.asarray(Image.open(io.BytesIO(value["bytes"]))) for name, value in row.items() if type(value) is dict
    }


def triplets(folder: Path, options: str, exact: bool) -> dict[str, Any]:
    """What a run of four photographs writes: its recipes, its settings and its images."""
    limit = ["--limit", 4, "--quiet"]
    sshbench("generate-triplets", "-o", folder / "recipes", "--store", "recipes", *options.split(), *limit)
    sshbench("generate-triplets", "-o", folder / "pixels", *options.split(), *limit)
    manifest = json.loads((folder / "recipes/manifest.json").read_text())["run"]
    manifest = {key: value for key, value in manifest.items() if key not in ("versions", "found")}
    recipes, rows = rows_of(folder / "recipes"), rows_of(folder / "pixels")
    views = [views_of(row) for row in rows]
    others = [{name: value for name, value in row.items() if name not in views[0]} for row in rows]
    values: dict[str, Any] = {
        "recipes": digest(json.dumps(recipes).encode()),
        "rows": digest(json.dumps(others).encode()),
        "run": digest(json.dumps(manifest).encode()),
        "means": {name: [float(row[name].mean()) for row in views] for name in views[0]},
    }
    if exact:
        values["images"] = {name: digest(b"".join(row[name].tobytes() for row in views)) for name in views[0]}
    return values


def scores(folder: Path) -> dict[str, Any]:
    """Scores of methods without a network on two images, and of the untouched composite under every protocol."""
    methods = [part for name in METHODS for part in ("-m", name)]
    options = ["--device", "cpu", "-w", 1, "-q", "--limit"]
    sshbench("evaluate", *methods, "-o", folder / "one", "--metrics", ",".join(METRICS), *options, 2)
    everyones = ["--protocol", "all", "--metrics", ",".join(METRICS[:3])]
    sshbench("evaluate", "-m", "dc", "-o", folder / "all", *everyones, *options, 1)
    files = sorted(folder.glob("*/records/*.parquet"))
    return {
        f"{one['method']} {one['protocol']} {one['id']}": {name: one[name] for name in METRICS if name in one}
        for file in files
        for one in pq.read_table(file).to_pylist()
    }


def lut(folder: Path) -> dict[str, Any]:
    """A spread of colours through a look."""
    ramp = np.arange(64 * 64 * 3, dtype=np.uint32).reshape(64, 64, 3) * np.uint32(40503) % np.uint32(65521)
    Image.fromarray((ramp >> 8).astype(np.uint8)).save(folder / "ramp.png")
    values = {}
    for name, options in {
        "trilinear": [],
        "tetrahedral": ["--interpolation", "tetrahedral", "--strength", 0.6],
    }.items():
        sshbench("lut", "apply", folder / "ramp.png", "golden-hour", "-o", folder / f"{name}.png", *options)
        values[name] = digest(np.asarray(Image.open(folder / f"{name}.png")).tobytes())
    return values


def training(folder: Path) -> dict[str, Any]:
    """The losses and scores of the toy training, stopped after its third step and resumed."""
    from tests.training.test_run import stopping_after
    from tests.training.toy import RECIPE

    recipe = folder / "toy.toml"
    recipe.write_text(RECIPE.replace("[loop]", "[loop]\nema = 0.5"))
    arguments = ["train", TOY, "--recipe", recipe, "-o", folder / "run", "--device", "cpu", "-q"]
    with patch("sshbench.training.run.train", stopping_after(3)):
        assert CliRunner().invoke(cli, [str(one) for one in arguments]).exit_code != 0
    assert len((folder / "run/log.csv").read_text().splitlines()) == 1 + 3
    sshbench(*arguments, "--resume")
    return {name: numbers(folder / f"run/{name}.csv") for name in ("log", "validation")}


def numbers(file: Path) -> list[dict[str, float]]:
    """The rows of a log without its times."""
    with file.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    times = ("second", "time", "wait")
    return [{k: float(v) for k, v in row.items() if v and not any(word in k for word in times)} for row in rows]


def all_values() -> dict[str, Any]:
    """Everything that `same.json` holds."""
    parts = {"scores": scores, "lut": lut, "training": training} | {
        f"triplets {name}": partial(triplets, options=options, exact=name not in INEXACT)
        for name, options in TRIPLETS.items()
    }
    values = {}
    for name, part in parts.items():
        with TemporaryDirectory() as folder:
            values[name] = part(Path(folder))
    return values


@pytest.fixture(scope="module")
def kept() -> dict[str, Any]:
    return json.loads(VALUES.read_text())


@pytest.mark.parametrize("name", TRIPLETS)
def test_triplets_are_the_same(name, kept, tmp_path):
    found, known = triplets(tmp_path, TRIPLETS[name], name not in INEXACT), kept[f"triplets {name}"]
    means, known_means = found.pop("means"), known.pop("means")
    assert found == known
    assert means.keys() == known_means.keys()
    for view in means:
        assert means[view] == pytest.approx(known_means[view], abs=0.02)


def test_scores_are_the_same(kept, tmp_path):
    found = scores(tmp_path)
    assert found.keys() == kept["scores"].keys()
    for sample in found:
        assert found[sample] == pytest.approx(kept["scores"][sample], rel=1e-6 if sample.startswith("dc") else 1e-4)


def test_a_look_gives_the_same_image(kept, tmp_path):
    assert lut(tmp_path) == kept["lut"]


def test_a_resumed_training_gives_the_same_numbers(kept, tmp_path):
    found = training(tmp_path)
    for name, rows in kept["training"].items():
        assert len(found[name]) == len(rows)
        for row, known in zip(found[name], rows, strict=True):
            assert row == pytest.approx(known, rel=1e-5)


if __name__ == "__main__":
    VALUES.write_text(json.dumps(all_values(), indent=1) + "\n")
