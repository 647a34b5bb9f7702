"""The command that runs tests under sanitizers takes minutes to compile, so what it names is checked here."""

from __future__ import annotations

import re

from tests.sanitize import COPIED, ROOT, TESTS


def test_what_the_command_names_is_there() -> None:
    assert [name for name in (*COPIED, *TESTS) if not (ROOT / name).exists()] == []


def test_what_its_tests_import_is_copied() -> None:
    texts = [(ROOT / name).read_text() for name in TESTS]
    imported = {name for text in texts for name in re.findall(r"^(?:from|import) (\w+)", text, re.MULTILINE)}
    assert {name for name in imported if (ROOT / name).is_dir()} <= set(COPIED)
