"""The method of one's own in docs/training.md trains as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

from sshbench.training.recipe import read_recipe
from sshbench.training.run import run


def test_the_example_trains(photographs: Path, tmp_path: Path):
    text = (Path(__file__).parents[2] / "docs/training.md").read_text()
    for name in ("mine.py", "mine.toml"):
        (block,) = re.findall(rf"```\w+\n(# {name}\n.*?)```", text, re.DOTALL)
        (tmp_path / name).write_text(block)
    method = f"{tmp_path / 'mine.py'}:make"
    changes = ["data.crop=32", "data.scale=[36,45]", "schedule.steps=3", "validation.images=2"]
    recipe = read_recipe(tmp_path / "mine.toml", changes, method=method)
    outcome = run(recipe, str(photographs), None, tmp_path / "run", device="cpu", quiet=True)
    assert outcome.step == 3
    assert outcome.scores["images"] == 2
