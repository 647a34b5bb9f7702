"""The command that runs tests under sanitizers takes minutes to compile, so what it names is checked here."""

from __future__ import annotations

from tests.sanitize import COPIED, ROOT, TESTS


def test_what_the_command_names_is_there() -> None:
    assert [name for name in (*COPIED, *TESTS) if not (ROOT / name).exists()] == []
