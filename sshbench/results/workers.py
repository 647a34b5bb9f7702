"""Tasks in processes of their own, which end with their parent even if it is killed."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from sshbench.errors import SshbenchError
from sshbench.whole_file import end_at_once

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def in_processes(
    start: Callable[..., Any],
    args: tuple[Any, ...],
    work: Callable[[Any, Any], Any],
    tasks: Sequence[Any],
    workers: int,
) -> Iterator[Any]:
    """Give the results of `work(start(*args), task)` as they come; `start` runs once in each process.

    Raises
    ------
    SshbenchError
        A process was killed, or something cannot be sent to one.
    """
    pool = ProcessPoolExecutor(
        workers, multiprocessing.get_context("spawn"), initializer=_begin, initargs=(start, args)
    )
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update({name: os.environ.get(name, "1") for name in _THREADS})  # read when a worker's libraries load
    try:
        for future in as_completed([pool.submit(_do, work, task) for task in tasks]):
            yield future.result()
    except BrokenProcessPool as error:
        raise SshbenchError(
            "a worker process was killed, most often because memory is short; what is finished is kept: run the same "
            "command again with fewer --workers"
        ) from error
    except (AttributeError, TypeError) as error:
        if "pickle" not in str(error):
            raise
        raise SshbenchError(f"something cannot be sent to worker processes ({error}); use --workers 1") from error
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
        processes = list((pool._processes or {}).values())
        pool.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.terminate()
        for process in processes:
            process.join()


# In a worker

_state: Any = None


def _begin(start: Callable[..., Any], args: tuple[Any, ...]) -> None:
    global _state
    from sshbench.lut.kernels import cpu

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears of Ctrl-C and ends its workers
    signal.signal(signal.SIGTERM, end_at_once)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    cpu.set_threads(1)
    _state = start(*args)


def _end_with_parent() -> None:
    # A worker waits for work on a pipe that it holds itself, so it would outlive a parent that is killed.
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    end_at_once()


def _do(work: Callable[[Any, Any], Any], task: Any) -> Any:
    return work(_state, task)
