"""What code depends on: every module that runs when it does is found in its source, and every change shows."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sshbench.methods import source_code
from sshbench.methods.source_code import beside, sources_in, sources_of, user_module

PACKAGE = Path(source_code.__file__).resolve().parents[1]
METHODS_ALONE = """
import json, sys
import numpy as np
from sshbench.methods.identity import identity
from sshbench.methods.registry import get_method
from sshbench.methods.source_code import sources_of
from tests.results.standin import composite
before = set(sys.modules)
method = get_method(sys.argv[1])
method.harmonize([composite(0)])
ran = sorted(name for name in sys.modules if name.startswith("sshbench.") and name not in before | {"sshbench"})
print(json.dumps([ran, sorted(sources_of(type(method)).files), type(method).__module__]))
"""


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / f"{name.replace('__in__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder / "mine.py"


def digest(path: Path) -> str:
    return sources_in(user_module(path)).digest()


KERNELS = {"sshbench.lut.kernels.cpu", "kernels/trilinear.h"}


@pytest.mark.parametrize(
    ("name", "some"),
    [("ssh", KERNELS), ("ssh-lut", KERNELS), ("pitie", {"sshbench.colour.match"}), ("ceiling-lut", KERNELS)],
)
def test_every_module_that_a_method_runs_is_among_its_sources(name: str, some: set[str]) -> None:
    command = [sys.executable, "-c", METHODS_ALONE, name]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    said = subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout
    ran, found, own = json.loads(said)
    assert set(ran) - {own} <= {*found, own}
    assert some <= set(found)


def test_what_only_prints_is_not_among_them() -> None:
    from sshbench.methods.ssh_lut import SshLutMethod

    found = sources_of(SshLutMethod).files
    assert not [name for name in found if name.startswith(("sshbench.cli", "sshbench.results", "sshbench.training"))]
    assert {"sshbench.networks.ssh_lut", "sshbench.images.resize", "sshbench.lut.fit_smooth"} <= set(found)
    assert {"numpy", "torch"} <= set(sources_of(SshLutMethod).versions)


@pytest.mark.parametrize(
    ("text", "files"),
    [
        ("import helper", {"helper": "A = 1"}),
        ("from helper import A", {"helper": "A = 1"}),
        ("def f():\n    import helper", {"helper": "A = 1"}),
        ("try:\n    pass\nfinally:\n    from helper import A", {"helper": "A = 1"}),
        ("match 1:\n    case 1:\n        import helper", {"helper": "A = 1"}),
        ("import importlib\nimportlib.import_module('helper')", {"helper": "A = 1"}),
        ("import first", {"first": "import helper", "helper": "A = 1"}),
        ("import pack.helper", {"pack__in____init__": "", "pack__in__helper": "A = 1"}),
        ("from pack import helper", {"pack__in____init__": "", "pack__in__helper": "A = 1"}),
        ("from pack import A", {"pack__in____init__": "from .helper import A", "pack__in__helper": "A = 1"}),
        ("import p.one", {"p__in____init__": "", "p__in__one": "from . import helper", "p__in__helper": "A = 1"}),
        ("import space.helper", {"space__in__helper": "A = 1"}),
    ],
)
def test_a_change_in_what_lies_beside_and_is_imported_shows(tmp_path: Path, text: str, files: dict[str, str]) -> None:
    path = write(tmp_path, mine=text, unused="B = 1", **files)
    before = digest(path)
    write(tmp_path, unused="B = 2")
    assert digest(path) == before
    write(tmp_path, **{name: one.replace("A = 1", "A = 2") for name, one in files.items()})
    assert digest(path) != before


def test_names_of_modules_beside_count_and_the_files_own_does_not(tmp_path: Path) -> None:
    one, other = (write(tmp_path / name, mine="import a, b", a="A = 1", b="B = 2") for name in ("x", "y"))
    assert digest(one) == digest(other)
    assert digest(one) == digest(one.rename(one.with_name("other.py")))
    write(tmp_path / "y", a="B = 2", b="A = 1")
    assert digest(other) != digest(one.with_name("other.py"))


def test_an_import_for_type_checkers_alone_never_runs(tmp_path: Path) -> None:
    path = write(
        tmp_path, mine="from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import helper", helper="A = 1"
    )
    assert beside(path) == {}


def test_what_python_and_packages_bring_counts_by_version(tmp_path: Path) -> None:
    path = write(tmp_path, mine="import os, json, numpy\nimport PIL.Image\nimport nothing_of_this_name")
    found = sources_in(user_module(path))
    assert list(found.files) == [""]
    assert set(found.versions) == {"numpy", "PIL"}


def test_a_file_of_ones_own_depends_on_what_it_imports_of_the_package(tmp_path: Path) -> None:
    path = write(tmp_path, mine="from sshbench import apply_lut\nfrom sshbench.colour.srgb import decode")
    found = sources_in(user_module(path)).files
    assert {"sshbench.lut.apply", "sshbench.colour.srgb", "kernels/trilinear.h"} <= set(found)
    assert "sshbench.triplets.engine" not in found
    everything = sources_in(user_module(write(tmp_path / "all", mine="import sshbench"))).files
    assert {"sshbench.triplets.stream", "sshbench.compositing.harmonize"} <= set(everything)


@pytest.mark.parametrize(
    "text",
    ["from sshbench.metrics import fmse", "from sshbench import metrics", "import sshbench.metrics", "import sshbench"],
)
def test_names_that_packages_load_on_first_use_lead_to_their_modules(tmp_path: Path, text: str) -> None:
    assert "sshbench.metrics.foreground" in sources_in(user_module(write(tmp_path, mine=text))).files


@pytest.mark.parametrize("text", ["1 +", "\0", "# -*- coding: nothing -*-", ""])
def test_what_is_no_python_depends_on_itself_alone(tmp_path: Path, text: str) -> None:
    assert list(sources_in(user_module(write(tmp_path, mine=text))).files) == [""]
