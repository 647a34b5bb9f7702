"""Commands that are killed with kill -9 at random instants of their work.

Each runs in a process that is forked from one which has loaded torch, so that a kill costs a second and not ten.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

_LOADED = ["torch", "numpy", "PIL.Image", "click", "tqdm", "pydantic", "safetensors.torch"]
_PATIENCE = 300.0


def start(words: Sequence[str], folder: Path) -> Any:
    """Run the command in a folder; what it says goes to `said.txt` beside that."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_LOADED)
    process = context.Process(target=_command, args=(list(words), str(folder)))
    process.start()
    return process


def _command(words: list[str], folder: str) -> None:
    os.setpgrp()
    os.chdir(folder)
    said = os.open(f"{folder}.said.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(said, 1)
    os.dup2(said, 2)
    from sshbench.cli.main import main

    main(words)


def finish(words: Sequence[str], folder: Path) -> str:
    """Run the command to its end, and return what it said."""
    process = start(words, folder)
    process.join(_PATIENCE)
    said = Path(f"{folder}.said.txt").read_text()
    assert process.exitcode == 0, said
    return said


def kill_at_random(
    words: Sequence[str],
    folder: Path,
    done: Callable[[], int],
    *,
    most: int,
    times: int,
    check: Callable[[], None],
    seed: int = 0,
) -> int:
    """Run the command again and again, and kill it when something of its work is done; return how often it was killed.

    Parameters
    ----------
    done, most
        How much of the work is done, and how much there is. A run is killed a moment after a random part of what was
        left to do when it began.
    times
        How often it is killed; fewer times if it is done before.
    check
        Called after each kill.
    """
    chance, kills = random.Random(seed), 0
    while kills < times and (before := done()) < most:
        wanted = before + chance.randint(1, max(1, (most - before) // 2))
        process = start(words, folder)
        deadline = time.monotonic() + _PATIENCE
        while done() < wanted and process.is_alive():
            assert time.monotonic() < deadline, "the command does not get on"
            time.sleep(0.002)
        time.sleep(chance.uniform(0.0, 0.05))
        if process.exitcode is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.join()
        if process.exitcode != -signal.SIGKILL:
            assert process.exitcode == 0, Path(f"{folder}.said.txt").read_text()
            break
        kills += 1
        check()
    return kills


def names(folder: Path) -> list[str]:
    """The files below a folder that have their names, while others may be at work there."""
    return [f"{at}/{name}" for at, _, files in os.walk(folder) for name in files if not name.startswith(".")]


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, hidden ones too."""
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def visible(folder: Path) -> dict[str, bytes]:
    """Every file below a folder that has its name."""
    return {name: data for name, data in contents(folder).items() if not Path(name).name.startswith(".")}
