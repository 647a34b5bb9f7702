"""Objectives are found by name, in a file, or in another package; what is missing is told in a sentence."""

from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path

import pytest

from sshbench.training.objectives import OBJECTIVES, ObjectiveError, make_objective
from sshbench.training.recipe import Recipe, RecipeError, read_recipe
from tests.training.toy import Toy


@pytest.fixture
def recipe(toy_recipe: Path) -> Recipe:
    return read_recipe(toy_recipe, method="toy")


def test_one_of_a_file(recipe, tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("from tests.training.toy import Toy\n\ndef make(recipe):\n    return Toy(recipe)\n")
    assert isinstance(make_objective(f"{path}:make", recipe), Toy)


def test_a_dataclass_with_postponed_annotations_and_what_lies_beside_the_file(recipe, tmp_path):
    (tmp_path / "beside_objective.py").write_text("from tests.training.toy import Toy\n")
    path = tmp_path / "mine.py"
    path.write_text(
        "from __future__ import annotations\nfrom dataclasses import dataclass, field\n"
        "from beside_objective import Toy\n"
        "@dataclass\nclass Mine:\n    recipe: object\n    names: list[str] = field(default_factory=list)\n"
        "    def __post_init__(self):\n        self.toy = Toy(self.recipe)\n"
        "    def __getattr__(self, name):\n        return getattr(self.__dict__['toy'], name)\n"
    )
    assert isinstance(make_objective(f"{path}:Mine", recipe).toy, Toy)


def test_one_of_another_package(recipe, monkeypatch):
    point = metadata.EntryPoint("toy", "tests.training.toy:make", "sshbench.objectives")
    monkeypatch.setattr(metadata, "entry_points", lambda group: [point] if group == "sshbench.objectives" else [])
    assert isinstance(make_objective("toy", recipe), Toy)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("raise SystemExit(3)", r"cannot be imported \(.*SystemExit\(3\)"),
        ("make = 3", "is no function that makes"),
        ("import sys\n\ndef make(recipe):\n    sys.exit(3)", "cannot make its objective"),
    ],
)
def test_one_of_another_package_that_is_broken_is_told(recipe, tmp_path, monkeypatch, text, message):
    (tmp_path / "their_broken_objective.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "their_broken_objective", raising=False)
    point = metadata.EntryPoint("toy", "their_broken_objective:make", "sshbench.objectives")
    monkeypatch.setattr(metadata, "entry_points", lambda group: [point] if group == "sshbench.objectives" else [])
    with pytest.raises(ObjectiveError, match=message):
        make_objective("toy", recipe)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("shh", "did you mean 'ssh'"),
        ("quite-another", "there are .*ssh"),
        ("none.py:make", "no such file"),
        ("broken.py:make", "cannot be imported .ZeroDivisionError"),
        ("other.py:make", "no function 'make'"),
        ("other.py:nothing", "has no 'modules'"),
    ],
)
def test_what_cannot_be_made_is_told(recipe, tmp_path, monkeypatch, name, message):
    monkeypatch.chdir(tmp_path)
    Path("broken.py").write_text("1 / 0")
    Path("other.py").write_text("nothing = lambda recipe: recipe.network")
    with pytest.raises(ObjectiveError, match=message) as caught:
        make_objective(name, recipe)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", sorted(set(OBJECTIVES) - {"ssh"}))
def test_a_distance_that_would_not_be_read_is_refused(name):
    with pytest.raises(RecipeError, match=f"loss.distance is for ssh; the terms of {name} have"):
        make_objective(name, read_recipe("small", ["loss.distance=absolute"], method=name))


@pytest.mark.parametrize("name", sorted(OBJECTIVES))
def test_each_method_that_can_be_trained_has_the_recipe_that_is_taken_by_default(name):
    assert read_recipe("small", method=name).method == name
