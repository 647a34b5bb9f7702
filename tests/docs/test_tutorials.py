"""Every code block of the tutorials runs, in order, in an empty folder, and prints what the page says."""

from __future__ import annotations

import contextlib
import doctest
import io
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

TUTORIALS = sorted((Path(__file__).parents[2] / "docs/tutorials").glob("*.md"))
FENCE = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


class Block(NamedTuple):
    """A block of code; `file` is where it is written rather than run, and `output` what it is to print, if said."""

    line: int
    language: str
    file: str
    code: str
    output: str | None


def blocks(page: Path) -> Iterator[Block]:
    text = page.read_text(encoding="utf-8")
    assert len(re.findall(r"^```", text, re.MULTILINE)) == 2 * len(FENCE.findall(text)), (
        "a fence that is not understood"
    )
    found = list(FENCE.finditer(text))
    for block, after in zip(found, [*found[1:], None], strict=True):
        language, file, code = block.groups()
        if language == "text":
            continue
        follows = after is not None and after[1] == "text" and not text[block.end() : after.start()].strip()
        line = text.count("\n", 0, block.start()) + 1
        yield Block(line, language, file or "", code, after[3] if after is not None and follows else None)


def shell(code: str) -> str:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "COLUMNS": "120"}
    words = ["bash", "-euo", "pipefail", "-c", code]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("page", TUTORIALS, ids=lambda page: page.stem)
def test_the_code_of_a_tutorial_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", *sys.path])  # as of a script or a notebook in this folder
    modules, names = set(sys.modules), {"__name__": "tutorial"}
    ran = 0
    try:
        for block in blocks(page):
            where = f"{page.name}, line {block.line}"
            if block.file:
                monkeypatch.delitem(sys.modules, Path(block.file).stem, raising=False)  # of another test's folder
                Path(block.file).parent.mkdir(parents=True, exist_ok=True)
                Path(block.file).write_text(block.code)
                continue
            printed = io.StringIO()
            if block.language == "python":
                # Other tests import colour-science, which switches numpy to an older way of printing.
                with contextlib.redirect_stdout(printed), np.printoptions(legacy=False):
                    exec(compile(block.code, where, "exec"), names)
            else:
                assert block.language == "sh", where
                printed.write(shell(block.code))
            ran += 1
            if block.output is not None:
                found = printed.getvalue()
                assert doctest.OutputChecker().check_output(block.output, found, FLAGS), f"{where} prints:\n{found}"
    finally:
        for name in set(sys.modules) - modules:  # modules of this folder, whose names another page may use
            if Path(getattr(sys.modules[name], "__file__", None) or "/").is_relative_to(tmp_path):
                del sys.modules[name]
    assert ran >= 2
