"""Run tests of the compiled modules with AddressSanitizer and UndefinedBehaviorSanitizer.

    python -m tests.sanitize                        # the tests of all compiled modules
    python -m tests.sanitize tests/lut/test_apply.py

The modules are compiled with both sanitizers in a copy of the sources, and pytest runs there with the arguments given.
The first fault ends the run with a report and the exit status 1. GCC or Clang on Linux, CMake and nanobind are needed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
COPIED = (
    "sshbench", "tests", "tools", "luts", "realhm", "baselines", "docs", "CMakeLists.txt", "pyproject.toml",
    "README.md",
)  # fmt: skip
TESTS = (
    "tests/lut/test_apply.py", "tests/lut/test_arrays.py", "tests/lut/test_operator.py", "tests/lut/test_cube.py",
    "tests/lut/test_cube_write.py", "tests/triplets/test_resize_box.py", "tests/networks/test_layers.py",
    "tests/hostile/test_cube.py",
)  # fmt: skip
# Left out: what starts a compiler of its own, and what measures time or memory, which say nothing under a sanitizer.
LEFT_OUT = "not compile and not without_fused and not refused_soon and not takes_no_memory"
OPTIONS = {
    # Python and torch keep memory until they end, and a pthread's stack is no leak.
    "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=1:allocator_may_return_null=1:detect_stack_use_after_return=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
}


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="sshbench-sanitize-") as name:
        folder = Path(name)
        tree, build = folder / "tree", folder / "build"
        _copy(tree)
        _compile(tree, build)
        arguments = sys.argv[1:] or [*TESTS, "-k", LEFT_OUT]
        pytest = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *arguments]
        environment = (
            os.environ | OPTIONS | {"LD_PRELOAD": _runtimes(), "PYTHONPATH": str(tree), "OMP_NUM_THREADS": "2"}
        )
        return subprocess.run(pytest, cwd=tree, env=environment).returncode


def _copy(tree: Path) -> None:
    """Copy the sources without compiled modules, which would be found before the new ones."""
    leave = shutil.ignore_patterns("*.so", "__pycache__", "*.pyc")
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tree / name, ignore=leave)
        elif source.exists():
            shutil.copy2(source, tree / name)


def _compile(tree: Path, build: Path) -> None:
    configure = [
        *("cmake", "-S", tree, "-B", build, f"-DPython_EXECUTABLE={sys.executable}", "-DCMAKE_BUILD_TYPE=Debug"),
        *("-DSSHBENCH_SANITIZE=ON", f"-DCMAKE_INSTALL_PREFIX={tree}"),
    ]
    for command in (configure, ["cmake", "--build", build, "-j2"], ["cmake", "--install", build]):
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def _runtimes() -> str:
    """The sanitizers' libraries, which have to be loaded before Python, and the C++ library whose throw they watch."""
    compiler = os.environ.get("CXX", "c++")
    found = []
    for library in ("libasan.so", "libubsan.so", "libstdc++.so"):
        command = [compiler, f"-print-file-name={library}"]
        path = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
        if Path(path).is_absolute():
            found.append(os.path.realpath(path))
    return ":".join(found)


if __name__ == "__main__":
    sys.exit(main())
