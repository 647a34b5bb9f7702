"""Shared fixtures: where the development data is, and what is skipped without it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of development data: `SSHBENCH_SHARED`, or `shared` beside the checkout."""
    folder = Path(os.environ.get("SSHBENCH_SHARED", Path(__file__).resolve().parents[2] / "shared"))
    if not (folder / "data").is_dir():
        pytest.skip("the development data is not here; set SSHBENCH_SHARED to its folder to run this test")
    return folder
