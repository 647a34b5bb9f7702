"""Start worker processes without this process's threads, as if spawned, and as fast as forked.

They are forked from a separate process that has loaded their modules. Loading takes a quarter of a second and goes on
while this process prepares the run. This module itself loads nothing.
"""

from __future__ import annotations

import multiprocessing
import multiprocessing.forkserver
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_MODULES = ["sshbench.triplets.local_engine", "pyarrow.parquet", "simplejpeg", "fpng"]  # those that are installed


def worker_context() -> Any:
    """Return the context of `multiprocessing` that starts workers."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_MODULES)
    return context


@contextmanager
def without_main() -> Iterator[None]:
    """Start processes that do not import the user's script.

    A spawned process imports the script first. Without `if __name__ == "__main__":`, the script would start processes
    itself, and so on without end. Data that is sent to such processes must not need the script's classes.
    """
    main: Any = sys.modules["__main__"]
    names = ("__spec__", "__file__")  # where `multiprocessing.spawn.get_preparation_data` looks for the script
    before = {name: getattr(main, name) for name in names if hasattr(main, name)}
    for name in before:
        setattr(main, name, None)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(main, name, value)


def prepare_workers() -> None:
    """Start loading the modules that workers need; call this as soon as it is known that there will be workers."""
    if worker_context().get_start_method() == "forkserver":
        multiprocessing.forkserver.ensure_running()
