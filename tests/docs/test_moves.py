"""How much of the house a command crosses, as docs/design.md says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tools.trace_moves import COMMANDS, traced

DESIGN = Path(__file__).parents[2] / "docs/design.md"


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_makes_about_as_many_moves_as_the_design_notes_say(name: str):
    row = re.search(rf"^\| `sshbench {name}`[^|]*\| (\d+) \| ([\d,]+) \|", DESIGN.read_text(), re.MULTILINE)
    assert row is not None
    modules, moves = (int(number.replace(",", "")) for number in row.groups())
    found = traced(COMMANDS[name])
    assert len(found.modules) <= 1.1 * modules
    assert 0.5 * moves < found.pairs.total() <= 1.1 * moves
