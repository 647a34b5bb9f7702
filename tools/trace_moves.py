"""Count how many modules a command crosses: for one image of `evaluate` and for one triplet of `generate-triplets`.

    python tools/trace_moves.py
    python tools/trace_moves.py evaluate --pairs 20

A module is crossed if one of its functions runs. A move is a call from one module of sshbench to another one, also
through a library in between. The command runs once before it is traced, so that imports do not count.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
import tempfile
import threading
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any

import sshbench
from sshbench.cli.main import cli

ROOT = str(Path(sshbench.__file__).parent) + "/"
COMMANDS = {
    "evaluate": "evaluate -m dc --metrics psnr,mse,ssim,fmse,ciede2000 --limit 1 -w 1 --device cpu --overwrite",
    "generate-triplets": "generate-triplets --limit 1 --draws 1 --quiet",
}


class Moves:
    """The calls between modules of sshbench, counted while the object is entered."""

    def __init__(self) -> None:
        self.modules: set[str] = set()
        self.pairs: Counter[tuple[str, str]] = Counter()

    def __enter__(self) -> Moves:
        threading.setprofile(self._heard)
        sys.setprofile(self._heard)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)
        threading.setprofile(None)  # type: ignore[arg-type]  # typeshed lacks None

    def _heard(self, frame: FrameType, event: str, _: Any) -> None:
        if event != "call" or (module := module_of(frame)) is None:
            return
        self.modules.add(module)
        caller = frame.f_back
        while caller is not None and (before := module_of(caller)) is None:
            caller = caller.f_back
        if caller is not None and before is not None and before != module:
            self.pairs[before, module] += 1


def module_of(frame: FrameType) -> str | None:
    """Return the module of sshbench whose function a frame runs, or None if the frame runs a module or other code."""
    code = frame.f_code
    if not code.co_filename.startswith(ROOT) or code.co_name == "<module>":
        return None
    return code.co_filename[len(ROOT) :].removesuffix(".py").replace("/", ".")


def traced(command: str) -> Moves:
    """Return the moves of a command that has run once before."""
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        for name in ("first", "second"):
            arguments = [*command.split(), "-o", f"{folder}/{name}"]
            with contextlib.redirect_stderr(io.StringIO()), Moves() as moves:
                cli.main(arguments, standalone_mode=False)
    return moves


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("commands", nargs="*", metavar="COMMAND", help=f"{' or '.join(COMMANDS)}; by default both")
    parser.add_argument("--pairs", type=int, default=0, metavar="N", help="list the N most frequent moves")
    given = parser.parse_args()
    for name in given.commands or COMMANDS:
        moves = traced(COMMANDS[name])
        print(f"sshbench {COMMANDS[name]}: {len(moves.modules)} modules, {moves.pairs.total()} moves")
        for (before, after), count in moves.pairs.most_common(given.pairs):
            print(f"{count:6d}  {before} -> {after}")


if __name__ == "__main__":
    main()
