"""Where sshbench keeps files of a user."""

from __future__ import annotations

from pathlib import Path

import pytest

from sshbench.folders import user_folder
from sshbench.lut.kernels import nvrtc
from sshbench.methods import weights


@pytest.mark.parametrize("variable", ["SSHBENCH_HOME", "SSHBENCH_CACHE"])
def test_files_of_a_user_lie_where_a_variable_says_else_in_the_cache(
    variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in (variable, "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    assert user_folder(variable) == tmp_path / ".cache" / "sshbench"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert user_folder(variable) == tmp_path / "xdg" / "sshbench"
    monkeypatch.setenv(variable, "~/mine")
    assert user_folder(variable) == tmp_path / "mine"


def test_weights_and_kernels_go_by_the_same_rule(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name in ("SSHBENCH_HOME", "SSHBENCH_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert weights.cache_folder("ssh").is_relative_to(tmp_path / "sshbench")
    assert nvrtc.cache_folder().is_relative_to(tmp_path / "sshbench")
