"""Start worker processes that are as independent of this process's threads as spawned ones, and as fast as forked ones.

Workers are forked from a separate process that has imported their modules. The imports take a quarter of a second and
run while this process prepares the run. This module itself imports no heavy modules.
"""

from __future__ import annotations

import multiprocessing
import multiprocessing.forkserver
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_MODULES = ["sshbench.triplets.local_engine", "pyarrow.parquet", "simplejpeg", "fpng"]  # if installed


def worker_context() -> Any:
    """Return the `multiprocessing` context that starts workers."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_MODULES)
    return context


@contextmanager
def without_main() -> Iterator[None]:
    """Keep the processes that start in this block from importing the user's script.

    A spawned process first imports the script. Without `if __name__ == "__main__":`, the script would start processes
    again, without end. The data for these processes must not contain classes of the script.
    """
    main: Any = sys.modules["__main__"]
    names = ("__spec__", "__file__")  # `multiprocessing.spawn.get_preparation_data` reads them
    before = {name: getattr(main, name) for name in names if hasattr(main, name)}
    for name in before:
        setattr(main, name, None)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(main, name, value)


def prepare_workers() -> None:
    """Start importing the modules of workers in the background. Call this as early as possible."""
    if worker_context().get_start_method() == "forkserver":
        multiprocessing.forkserver.ensure_running()
