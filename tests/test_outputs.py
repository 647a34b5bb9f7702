"""Functions say that an output cannot be written before they do the work for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import sshbench
from sshbench.benchmarks.pack import pack
from sshbench.outputs import OutputError, check_file, check_folder
from sshbench.results.report import write_report
from tests.results.standin import Standin


def must_not_run(*_: Any) -> Any:
    raise AssertionError("the work has begun")


class Untouched(Standin):
    __getitem__ = must_not_run


FOLDERS: dict[str, Callable[[Any], Any]] = {
    "evaluate": lambda out: sshbench.evaluate(Untouched(2), must_not_run, out=out, workers=1),
    "generate_triplets": lambda out: sshbench.generate_triplets("no such source", out),
    "train": lambda out: sshbench.train(must_not_run, "no such source", out, recipe="no such recipe"),
}
FILES: dict[str, Callable[[Any], Any]] = {
    "write_report": lambda out: write_report(out, [], Untouched(2)),
    "pack": lambda out: pack(Untouched(2), out),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("call", FOLDERS.values(), ids=FOLDERS)
def test_no_folder_can_be_made(call: Callable[[Any], Any], tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("kept")
    for out in (file, file / "below", str(file), "", "a\0b", "x" * 300):
        with pytest.raises(OutputError, match=r"no folder|empty|no name|cannot be written"):
            call(out)
    with pytest.raises(TypeError, match="an output is named by"):
        call(3)
    assert file.read_text() == "kept"
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("call", FILES.values(), ids=FILES)
def test_no_file_can_be_written(call: Callable[[Any], Any], tmp_path: Path) -> None:
    for out in (tmp_path, tmp_path / "no/page.html", "", "a\0b"):
        with pytest.raises(OutputError, match=r"is a folder|does not exist|empty|no name"):
            call(out)


def test_other_outputs_pass(tmp_path: Path) -> None:
    check_folder("s3://bucket/folder")
    check_folder(tmp_path / "new/folder")
    check_file(tmp_path / "new.html")
    check_file("/dev/null")
