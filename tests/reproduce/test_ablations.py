"""Tables 3 to 5: variants of a training of seconds, measured beside published."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from sshbench.benchmarks.folder import Folder
from sshbench.cli.main import cli
from sshbench.errors import SshbenchError
from sshbench.reproduce import ablations, judged
from sshbench.reproduce.trained import TrainingPlan, train_variants
from sshbench.reproduce.variants import ABLATIONS, FULL, Variant
from sshbench.results.published import published_on
from sshbench.results.tables import Table
from sshbench.training.recipe import read_recipe
from sshbench.triplets.held_out import is_held_out
from tests.reproduce.samples import write_two_samples

RECIPE = """
method = "ssh"
network = { width = 2 }
data = { batch = 2, crop = 32, scale = [32, 40] }
schedule = { steps = 2 }
loss = { harm = 1.0, recon = 0.4, dis = 0.05 }
validation = { images = 0 }
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photographs, two of them held out, a recipe of two steps, and a benchmark of two samples."""
    folder = tmp_path_factory.mktemp("reproduce")
    names = [f"p{i}" for i in range(200)]
    held, seen = ([name for name in names if is_held_out(name) is which] for which in (True, False))
    for number, name in enumerate([*held[:2], *seen[:4]]):
        (folder / "photos").mkdir(exist_ok=True)
        coarse = np.random.default_rng(number).integers(0, 256, (6, 8, 3), np.uint8)
        Image.fromarray(coarse).resize((360, 270)).save(folder / "photos" / f"{name}.png")
    (folder / "recipe.toml").write_text(RECIPE)
    write_two_samples(folder / "two")
    return folder


@pytest.fixture(autouse=True)
def small(place: Path, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """In place of the embedded sample and RealHM a folder of two samples; what was asked for."""
    asked: list[Any] = []

    def opened(*what: Any) -> Folder:
        asked.append(what)
        return Folder(place / "two", name=what[0])

    monkeypatch.setattr(ablations, "open_benchmark", opened)
    monkeypatch.setattr(judged, "METRICS", ("psnr", "mse"))
    monkeypatch.setattr(judged, "evaluate", partial(judged.evaluate, workers=1))
    return asked


def plan(place: Path, out: Path, *changes: str) -> TrainingPlan:
    return TrainingPlan(
        str(place / "recipe.toml"), changes, str(place / "photos"), ("luts",), out, device="cpu", quiet=True
    )


def reproduce(table: str, plan: TrainingPlan, **options: Any) -> list[Table]:
    options = {"protocol": "sshbench-v1", "images": 2} | options
    return list(ablations.reproduce(table, plan, **options))


def column(table: Table, name: str) -> dict[str, str]:
    place = next(i for i, head in enumerate(table.columns) if head.startswith(name))
    return {row[0]: row[place] for row in table.rows}


def test_variants_are_the_paper_s_and_change_what_they_name(place: Path) -> None:
    recipes = {v.name: plan(place, place).recipe_of(v) for ablation in ABLATIONS.values() for v in ablation.variants}
    assert {name for name in recipes if name != "ssh"} == {
        p.method for p in published_on("realhm") if p.method.startswith("ssh-")
    }
    full = recipes.pop("ssh")
    assert (full.data.crops, full.data.appearance) == ("multi", "lut")
    assert {name: full.differences(recipe) for name, recipe in recipes.items()} == {
        "ssh-single-crop": ["data.crops: multi, not single"],
        "ssh-color-transfer": ["data.appearance: lut, not color-transfer"],
        "ssh-saturation": ["data.appearance: lut, not saturation"],
        "ssh-no-recon-loss": ["loss.recon: 0.4, not 0.0"],
        "ssh-no-disentangle-loss": ["loss.dis: 0.05, not 0.0"],
    }


def test_a_table_has_measured_beside_published_and_says_where_from(place: Path, tmp_path: Path) -> None:
    tables = reproduce("table4", plan(place, tmp_path))
    assert [table.title.partition(", on ")[2] for table in tables] == [
        "composites of held-out photographs and held-out looks",
        "the embedded sample",
    ]
    for table in tables:
        assert list(column(table, "method")) == ["dc", "ssh-color-transfer", "ssh-saturation", "ssh"]
        assert all(float(value) > 0 for value in column(table, "PSNR").values())
        assert column(table, "published") == {
            "dc": "25.91", "ssh-color-transfer": "27.01", "ssh-saturation": "26.68", "ssh": "27.91"
        }  # fmt: skip
        assert any(note.startswith("Published: printed by others on realhm") for note in table.notes)
        assert any("other images than those of realhm" in note for note in table.notes)
    said = column(tables[0], "trained on")
    assert said["ssh"].startswith("4 photographs of photos, 93 looks: 4 samples, ")
    assert said["ssh-saturation"].startswith("4 photographs of photos: 4 samples, ")
    assert column(tables[0], "measured on")["ssh"] == (
        "composites of held-out photographs and held-out looks (2), sshbench-v1"
    )


def test_finished_variants_are_found_again_by_every_table(place: Path, tmp_path: Path) -> None:
    reproduce("table3", plan(place, tmp_path))
    weights = tmp_path / "ssh" / "last"
    before = {path: path.stat().st_mtime_ns for path in weights.iterdir()}
    table = reproduce("table5", plan(place, tmp_path))[1]
    assert {path: path.stat().st_mtime_ns for path in weights.iterdir()} == before
    assert column(table, "PSNR")["ssh"]
    with pytest.raises(SshbenchError, match="was trained by another recipe; take the same again, or another --out"):
        reproduce("table5", plan(place, tmp_path, "optimizer.lr=1"))


def test_what_is_not_finished_says_so_and_goes_on(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = (FULL,)
    long = plan(place, tmp_path, "schedule.steps=6", "loop.checkpoint=1")
    (found,) = train_variants(long, one, time_limit=1e-6)
    assert found.weights is None
    assert found.says == "not finished; run the same command again"
    table = reproduce("table3", long, time_limit=1e-6)[1]
    assert column(table, "PSNR")["ssh"] == ""
    assert column(table, "PSNR")["dc"] != ""
    assert column(table, "measured on")["ssh"] == "not measured"
    (found,) = train_variants(long, one)
    assert found.weights == tmp_path / "ssh" / "last"
    assert "12 samples" in found.says
    (tmp_path / "ssh" / "reproduce.json").write_text("{")
    with pytest.raises(SshbenchError, match="is damaged; remove"):
        train_variants(long, one)


def test_an_interrupted_training_ends_the_command(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sshbench.reproduce import trained

    class Interrupted:
        reason = "interrupted"

    monkeypatch.setattr(trained, "run", lambda *_, **__: Interrupted)
    with pytest.raises(KeyboardInterrupt):
        train_variants(plan(place, tmp_path), (FULL,))
    assert json.loads((tmp_path / "ssh" / "reproduce.json").read_text())["finished"] is False


def test_realhm_is_measured_on_where_its_root_is_given(place: Path, tmp_path: Path, small: list[Any]) -> None:
    (table,) = reproduce("table3", plan(place, tmp_path), realhm="root")
    assert small == [("realhm", "root")]
    assert table.title.endswith("on RealHM")
    assert not any("other images" in note for note in table.notes)


def test_only_photographs_can_be_rendered_in_several_ways(place: Path, tmp_path: Path) -> None:
    (tmp_path / "IHD_train.txt").write_text("")
    other = TrainingPlan(str(place / "recipe.toml"), (), str(tmp_path), ("luts",), tmp_path / "out")
    with pytest.raises(SshbenchError, match="give a folder or dataset of photographs"):
        reproduce("table3", other)


def test_a_variant_that_needs_no_looks_is_given_none() -> None:
    assert [v.uses_luts for v in ABLATIONS["table4"].variants] == [False, False, True]
    assert not Variant("x", "", ()).uses_luts


def test_the_command_prints_the_tables_and_keeps_them(place: Path, tmp_path: Path) -> None:
    words = [
        "reproduce", "table3", "--source", str(place / "photos"), "--recipe", str(place / "recipe.toml"), "--images",
        "2", "--set", "optimizer.lr=1e-4", "-o", str(tmp_path / "out"), "--device", "cpu", "--quiet",
    ]  # fmt: skip
    ended = CliRunner().invoke(cli, words, catch_exceptions=False)
    assert ended.exit_code == 0
    assert "Table 3: single and multi crop, on the embedded sample" in ended.stdout
    kept = (tmp_path / "out" / "table3.md").read_text()
    assert kept.count("| ssh-single-crop |") == 2
    recipe = read_recipe(tmp_path / "out" / "ssh-single-crop" / "recipe.toml")
    assert (recipe.optimizer.lr, recipe.data.crops) == (1e-4, "single")
