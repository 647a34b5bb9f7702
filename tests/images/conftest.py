"""What several tests of images share."""

from __future__ import annotations

import subprocess

import pytest


@pytest.fixture
def no_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test may start a program, such as Ghostscript for an EPS."""

    def refuse(*arguments: object, **options: object) -> None:
        raise AssertionError(f"a program is started: {arguments}")

    monkeypatch.setattr(subprocess, "Popen", refuse)
