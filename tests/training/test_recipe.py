"""Recipes: files that are read, changed by `--set`, checked, and written out again."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from pydantic import ValidationError

from sshbench.training.recipe import Recipe, RecipeError, Schedule, read_recipe, seconds

MINIMAL = "[schedule]\nsteps = 10\n\n[loss]\nharm = 1.0\n"


@pytest.fixture
def minimal(tmp_path: Path) -> Path:
    path = tmp_path / "recipe.toml"
    path.write_text(MINIMAL)
    return path


def test_the_recipe_of_ssh_has_the_numbers_of_the_paper():
    paper = read_recipe("paper", method="ssh")
    assert paper.network == {"width": 32}
    assert (paper.data.batch, paper.data.crop, paper.data.scale) == (64, 224, (256, 320))
    assert (paper.data.kind, paper.data.crops, paper.data.appearance) == ("triplets", "multi", "lut")
    assert (paper.optimizer.lr, paper.optimizer.weight_decay, paper.optimizer.clip) == (2e-4, 0, 0)
    assert paper.loss == {"harm": 1.0, "recon": 0.4, "dis": 0.05}
    assert paper.distance == "squared"
    rate = [paper.schedule.factor(epoch / 100) for epoch in (0, 69, 70, 85, 100)]
    assert paper.schedule.epochs == 100
    assert rate == pytest.approx([1, 1, 1, 0.5, 0])


@pytest.mark.parametrize("name", ["small", "gpu"])
def test_other_recipes_of_ssh_keep_the_losses_and_the_proportions_of_the_crops(name):
    recipe, paper = read_recipe(name, method="ssh"), read_recipe("paper", method="ssh")
    assert (recipe.loss, recipe.distance) == (paper.loss, paper.distance)
    assert [s / recipe.data.crop for s in recipe.data.scale] == pytest.approx([256 / 224, 320 / 224], abs=0.01)


def test_the_rate_rises_over_the_warmup_stays_and_falls_over_the_decay():
    schedule = Schedule(steps=100, warmup=0.1, decay=0.5)
    rate = [schedule.factor(progress) for progress in (0, 0.05, 0.1, 0.5, 0.75, 1)]
    assert rate == pytest.approx([0, 0.5, 1, 1, 0.5, 0])


def test_without_warmup_and_decay_the_rate_stays():
    assert {Schedule(steps=9, decay=0).factor(progress) for progress in (0, 0.5, 1)} == {1.0}


@pytest.mark.parametrize("unit", [{}, {"steps": 5, "epochs": 1}, {"budget": "3m", "steps": 3}])
def test_a_run_has_its_length_in_one_unit(unit):
    with pytest.raises(ValidationError, match="one of epochs, steps and budget"):
        Schedule(**unit)


@pytest.mark.parametrize(
    ("text", "value"), [("9m", 540), ("90s", 90), ("1h30m", 5400), ("0.5h", 1800), ("12", 12), (7.5, 7.5)]
)
def test_durations(text, value):
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["", "m", "9 minutes", "-3", "0s", "inf", "nan", "30m1h"])
def test_what_is_no_duration(text):
    with pytest.raises(RecipeError, match="9m, 90s or 1h30m"):
        seconds(text)


def test_changes_replace_values(minimal):
    changes = ["network.width=8", "loss.recon = 0", "loop.precision=bfloat16", "data.scale=[300, 310]",
               "schedule.budget=30m"]  # fmt: skip
    recipe = read_recipe(minimal, changes, method="ssh")
    assert recipe.network == {"width": 8}
    assert recipe.loss == {"harm": 1.0, "recon": 0}
    assert recipe.loop.precision == "bfloat16"
    assert recipe.data.scale == (300, 310)
    assert (recipe.schedule.budget, recipe.schedule.steps) == (1800, None)  # another unit takes the place of the first


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("width=8", "section.key=value"),
        ("optimiser.lr=1", "section.key=value"),
        ("loss.harm", "section.key=value"),
        ("optimizer.rate=1", "optimizer.rate: there is no 'rate'; there are lr, betas"),
        ("optimizer.lr=fast", "optimizer.lr: input should be a valid number"),
        ("loop.checkpoint=often", "loop.checkpoint: a duration is like 9m"),
        ("schedule.decay=2", "schedule.decay: input should be less than or equal to 1"),
        ("loss.harm=much", "loss.harm"),
    ],
)
def test_a_change_that_cannot_be_made_is_told_in_a_sentence(minimal, change, message):
    with pytest.raises(RecipeError) as caught:
        read_recipe(minimal, [change], method="ssh")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_recipe_written_out_is_the_same_recipe(tmp_path):
    recipe = read_recipe("small", ['network.name="a \\"b\\""', "data.kind=composites"], method="ssh")
    path = tmp_path / "again.toml"
    path.write_text(recipe.to_toml())
    assert read_recipe(path) == recipe


def test_the_distance_stands_in_the_section_of_the_loss_and_is_no_term(tmp_path):
    recipe = read_recipe("small", ["loss.distance=absolute"], method="ssh")
    assert recipe.distance == "absolute"
    assert recipe.loss == {"harm": 1.0, "recon": 0.4, "dis": 0.05}
    path = tmp_path / "again.toml"
    path.write_text(recipe.to_toml())
    assert tomllib.loads(path.read_text())["loss"]["distance"] == "absolute"
    assert read_recipe(path) == recipe
    with pytest.raises(RecipeError, match="distance: input should be 'squared' or 'absolute'"):
        read_recipe("small", ["loss.distance=huber"], method="ssh")


def test_differences_name_keys_and_both_values():
    one, other = (read_recipe("small", [f"loss.dis={dis}"], method="ssh") for dis in (0.05, 0.0))
    assert one.differences(other) == ["loss.dis: 0.05, not 0.0"]
    assert one.differences(one) == []


def test_a_recipe_that_is_not_there_names_those_that_are():
    with pytest.raises(RecipeError, match=r"huge is no recipe; a recipe of ssh is .*paper"):
        read_recipe("huge", method="ssh")
    with pytest.raises(RecipeError, match="cannot be read"):
        read_recipe("there/is/none.toml")


def test_files_that_are_no_recipes(tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_text("[loss\n")
    with pytest.raises(RecipeError, match="is no TOML file"):
        read_recipe(path)
    path.write_text('method = "dih"\n' + MINIMAL)
    with pytest.raises(RecipeError, match="is a recipe for dih, not for ssh"):
        read_recipe(path, method="ssh")


def test_a_recipe_may_begin_with_a_byte_order_mark(tmp_path):
    plain, marked = tmp_path / "plain.toml", tmp_path / "marked.toml"
    plain.write_text('method = "ssh"\n' + MINIMAL)
    marked.write_bytes(b"\xef\xbb\xbf" + plain.read_bytes())
    assert read_recipe(marked) == read_recipe(plain)


def test_a_recipe_that_no_person_wrote_is_told_in_a_sentence(tmp_path):
    deep, long = tmp_path / "deep.toml", tmp_path / "long.toml"
    deep.write_text(f"x = {'[' * 50_000}")
    long.write_text(f"x = {'1' * 5000}")
    for path in (deep, long):
        with pytest.raises(RecipeError, match="is no TOML file"):
            read_recipe(path)
    with pytest.raises(RecipeError, match="cannot be read"):
        read_recipe("/dev/zero")


def test_weights_of_the_loss_default_to_off(minimal):
    recipe: Recipe = read_recipe(minimal, method="ssh")
    assert (recipe.weight("harm"), recipe.weight("recon")) == (1.0, 0.0)


@pytest.mark.parametrize(
    "change",
    [
        "optimizer.betas=[0.9, 1.0]", "optimizer.betas=[-0.1, 0.9]", "optimizer.betas=[0.9, nan]", "optimizer.lr=inf",
        "optimizer.weight_decay=nan", "optimizer.clip=inf", "loop.seed=-1", f"loop.seed={2**64}", "loop.checkpoint=0",
        f"loop.checkpoint={10**30}", "loop.checkpoint=true", "loop.log=0", f"loop.accumulate={2**31}",
        f"data.draws={2**63}", f"data.batch={10**30}", f"data.cache_mb={10**30}", "validation.every=-3",
        "validation.crop=0", f"validation.images={10**12}", "validation.batch=0", "loss.harm=nan", "loss.harm=inf",
        "loss.harm=-1", "network.width=nan", "network.width=inf",
        "schedule.epochs=inf", "schedule.epochs=nan", f"schedule.steps={10**30}", "schedule.drops=[nan]",
        "schedule.decay=nan", "loop.explode=nan",
    ],
)  # fmt: skip
def test_numbers_out_of_range_are_a_sentence_that_names_the_key(minimal, change):
    key = change.partition("=")[0]
    with pytest.raises(RecipeError, match=re.escape(key)) as caught:
        read_recipe(minimal, [change], method="ssh")
    assert "\n" not in str(caught.value)


def test_numbers_at_the_ends_of_their_ranges_are_taken(minimal):
    changes = ["optimizer.betas=[0.0, 0.9999999]", f"loop.seed={2**64 - 1}", "loop.explode=inf", "validation.images=0"]
    recipe = read_recipe(minimal, changes, method="ssh")
    assert (recipe.loop.seed, recipe.optimizer.betas) == (2**64 - 1, (0.0, 0.9999999))
    written = minimal.with_name("written.toml")
    written.write_text(recipe.to_toml())
    assert read_recipe(written) == recipe
