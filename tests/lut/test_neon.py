"""The kernel for 64-bit Arm, run in an emulator where this machine is of another kind."""

from __future__ import annotations

import platform
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
KERNELS = HERE.parents[1] / "sshbench/lut/kernels"
ARM = platform.machine() in ("aarch64", "arm64")


def test_neon_gives_the_bytes_of_the_plain_kernel(tmp_path: Path) -> None:
    compiler = "c++" if ARM else "aarch64-linux-gnu-g++"
    emulator = [] if ARM else ["qemu-aarch64"]
    for tool in (compiler, *emulator):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed; Debian has it in g++-aarch64-linux-gnu and qemu-user")
    sources = [HERE / "neon.cpp", KERNELS / "cpu_plain.cpp", KERNELS / "cpu_neon.cpp"]
    options = ["-std=c++17", "-O2", "-fno-math-errno", "-fno-trapping-math", "-I", KERNELS]
    static = [] if ARM else ["-static"]
    subprocess.run([compiler, *options, *static, *sources, "-o", tmp_path / "neon"], check=True)
    run = subprocess.run([*emulator, tmp_path / "neon"], capture_output=True, text=True)
    assert run.returncode == 0, run.stdout
