from __future__ import annotations

from pathlib import Path

import pytest

from sshbench.results.records import Record
from tests.results.run import make_run


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Record]]:
    """A folder of results and its records."""
    folder = tmp_path_factory.mktemp("results")
    return folder, make_run(folder)
