"""What an installation has to hold."""

from __future__ import annotations

import importlib.metadata
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

import sshbench
from sshbench.folders import FOLDERS, data_folder
from sshbench.lut.kernels import cpu


@pytest.mark.skipif(shutil.which("c++") is None, reason="without a C++ compiler there are no native kernels")
def test_where_a_compiler_is_the_native_kernels_are_there_and_so_in_child_processes() -> None:
    assert cpu.kernels()
    code = "from sshbench.lut.kernels import cpu; import sshbench; print(sshbench.__file__, *cpu.kernels())"
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert child == [sshbench.__file__, *cpu.kernels()]


@pytest.mark.parametrize("name", FOLDERS)
def test_the_data_folders_come_along(name: str) -> None:
    assert (data_folder(name) / "README.md").is_file()


def test_the_version_is_the_installed_one() -> None:
    assert sshbench.__version__ == importlib.metadata.version("sshbench")


ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def test_github_runs_what_ci_runs_and_builds_the_wheels_of_pyproject() -> None:
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text("utf-8"))["jobs"]
    steps = [step for job in jobs.values() for step in job["steps"]]
    assert {"run": ".ci/run"} in steps
    assert any(step.get("uses", "").startswith("pypa/cibuildwheel@") for step in steps)
    systems = {one["os"].partition("-")[0] for one in jobs["test"]["strategy"]["matrix"]["include"]}
    assert systems == {"ubuntu", "macos"}
    settings = PROJECT["tool"]["cibuildwheel"]
    oldest = PROJECT["project"]["requires-python"].removeprefix(">=").replace(".", "")
    assert settings["build"][0] == f"cp{oldest}-*"


def test_pre_commit_checks_what_ci_checks() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))["repos"][0]["hooks"]
    checked = [line.split()[0] for line in (ROOT / ".ci" / "run").read_text().splitlines()[-4:]]
    assert [hook["entry"].split()[0] for hook in hooks] == checked == ["ruff", "ruff", "mypy", "lint-imports"]


DISTRIBUTIONS = {"cv2": "opencv-python-headless", "ai_edge_litert": "ai-edge-litert"}


def test_nothing_in_the_package_needs_what_the_project_does_not_declare() -> None:
    """`make_sample` once needed pymatting, which nothing declared, and lay in the wheel."""
    text = "\n".join(path.read_text("utf-8") for path in (ROOT / "sshbench").rglob("*.py"))
    extras = PROJECT["project"]["optional-dependencies"]
    for package, extra in {"pymatting": "edges", "cv2": "masks", "ai_edge_litert": "masks"}.items():
        assert re.search(rf"^\s+(?:import|from) {package}", text, re.M), "imported late, in a function"
        assert not re.search(rf"^(?:import|from) {package}", text, re.M)
        assert any(one.startswith(DISTRIBUTIONS.get(package, package)) for one in extras[extra])
    assert any(one.startswith("pymatting") for one in PROJECT["dependency-groups"]["sample"])
