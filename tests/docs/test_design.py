"""The map of the house names files that exist, and names that stand in them."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/design.md").read_text(encoding="utf-8")


def test_every_file_that_the_map_names_exists() -> None:
    named = re.findall(r"`([\w./-]+(?:/|\.(?:py|h|md|csv|toml)))`", TEXT)
    places = (ROOT, ROOT / "sshbench", *(ROOT / "sshbench" / room for room in ("triplets", "lut/kernels", "lut/looks")))
    missing = [name for name in named if "METHOD" not in name and not any((place / name).exists() for place in places)]
    assert set(missing) <= {"best/", "last/", "card.toml", "manifest.json", "recipe.toml", "recipe-small.toml"}
    assert len(named) > 60


def test_the_names_that_decide_stand_in_their_files() -> None:
    table = TEXT.partition("## Where is it decided?")[2].partition("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in table.splitlines() if "sshbench/" in line]
    assert len(rows) >= 20
    for question, files, *names in rows:
        sources = "".join((ROOT / file).read_text(encoding="utf-8") for file in re.findall(r"`([^`]+)`", files))
        for name in re.findall(r"`([^`]+)`", "".join(names)):
            assert re.search(rf"\b{name}\b", sources), f"{question} {name} is not in {files}"


def test_the_steps_name_functions_of_their_files() -> None:
    flows = TEXT.partition("## How one image flows")[2].partition("\n## ")[0]
    pairs = re.findall(r"`(\w+)`(?: and `(\w+)`)? in `([\w/]+\.py)`", flows)
    assert len(pairs) > 25
    for *names, file in pairs:
        source = (ROOT / "sshbench" / file).read_text(encoding="utf-8")
        for name in filter(None, names):
            assert re.search(rf"\b(?:def|class) {name}\b", source), f"{name} is not defined in {file}"
