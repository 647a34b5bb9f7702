"""What an installation has to hold."""

from __future__ import annotations

import importlib.metadata
import shutil
import subprocess
import sys

import pytest

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
