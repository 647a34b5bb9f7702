"""Describe the environment of a result: the versions of the libraries that affect numbers, and the hardware."""

from __future__ import annotations

import platform
import subprocess
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from sshbench.devices import processors

_LIBRARIES = ("sshbench", "numpy", "scipy", "torch", "torchvision", "lpips", "pillow")


@cache
def versions() -> dict[str, str]:
    """Return the versions of Python and of the installed libraries."""
    found = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def hardware() -> dict[str, str | int]:
    """Return the operating system, the kind and number of processors, and the GPU if one is in use."""
    found: dict[str, str | int] = {
        "system": platform.system(),
        "machine": platform.machine(),
        "processor": _processor(),
        "processors": processors(),
    }
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        found["gpu"] = torch.cuda.get_device_name()
    return found


def machine() -> str:
    """Return a description of the hardware as text."""
    found = hardware()
    gpu = f"{found['gpu']}; " if "gpu" in found else ""
    return f"{gpu}{found['processor'] or found['machine']}, {found['processors']} processors"


@cache
def revision() -> str:
    """Return the git revision of the checkout from which sshbench runs, with `-dirty` if files differ.

    The revision is empty if sshbench does not run from a checkout.
    """
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return ""
    try:
        said = subprocess.run(
            ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"],
            capture_output=True, text=True, timeout=20, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return ""
    return said.stdout.strip()


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor()
