"""Make shards on this machine: in this process, or in other processes."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any

import cloudpickle

from sshbench.errors import SshbenchError
from sshbench.threads import keep_to_one_thread, kernels_in_one_thread
from sshbench.triplets.manifest import ShardRecord
from sshbench.triplets.worker_start import without_main, worker_context
from sshbench.triplets.writer import Made, ShardJob, Tick, Todo, make_shard

_DEATHS = 3


class WorkersDied(SshbenchError):
    """Worker processes died repeatedly before they finished a shard."""


def run_here(job: ShardJob, todo: Todo, tick: Tick) -> Generator[Made, None, None]:
    """Make the shards one after the other in this process, and yield the record of each."""
    with kernels_in_one_thread():
        for number, record in todo:
            yield make_shard(job, number, record, tick)


def run_processes(job: ShardJob, todo: Todo, workers: int, tick: Tick) -> Generator[Made, None, None]:
    """Make the shards in `workers` processes, and yield the record of each. Shards of a process that dies are redone.

    Raises
    ------
    WorkersDied
        Processes died three times while no shard was finished.
    """
    context = worker_context()
    slots = 2 * workers  # shards handed out at a time; each has two numbers in `counts`, written by one process
    counts = context.RawArray("q", 2 * slots)
    waiting: deque[tuple[int, ShardRecord | None]] = deque()
    deaths = 0
    while deaths < _DEATHS:
        begin = (cloudpickle.dumps(job), counts, dict(os.environ))  # cloudpickle also sends classes of the script
        pool = ProcessPoolExecutor(workers, context, initializer=_start, initargs=begin)
        pending: dict[Future[Made], tuple[int, tuple[int, ShardRecord | None]]] = {}
        free = list(range(slots))
        try:
            while True:
                while free:
                    if not waiting and (shard := next(todo, None)):
                        waiting.append(shard)
                    if not waiting:
                        break
                    slot = free.pop()
                    counts[2 * slot] = counts[2 * slot + 1] = 0
                    with _deaf(), without_main():
                        future = pool.submit(_make, slot, *waiting[0])
                    pending[future] = slot, waiting.popleft()
                if not pending:
                    return
                for future in wait(pending, timeout=0.2, return_when=FIRST_COMPLETED).done:
                    made = future.result()
                    slot, _ = pending.pop(future)
                    free.append(slot)
                    counts[2 * slot] = counts[2 * slot + 1] = 0
                    deaths = 0
                    yield made
                tick(sum(counts[0::2]), sum(counts[1::2]))
        except BrokenProcessPool:
            deaths += 1
            waiting.extend(shard for _, shard in pending.values())
        finally:
            _end(pool)
    raise WorkersDied(
        "the worker processes keep being killed, most often because memory is short; what is finished is kept: "
        "run the same command again with fewer --workers"
    )


@contextmanager
def _deaf() -> Iterator[None]:
    """Start processes that ignore Ctrl-C; the parent process receives the interrupt and ends its workers.

    A signal that would end the parent is delayed until the processes have started. If the parent ended while a process
    reads its start data, that process would print a traceback.
    """
    masked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    heard: list[int] = []
    handlers = {}
    if threading.current_thread() is threading.main_thread():  # Python lets only the main thread set and run handlers
        for number in (signal.SIGTERM, signal.SIGHUP):
            if callable(signal.getsignal(number)):  # otherwise the signal ends this process at once, or is ignored
                handlers[number] = signal.signal(number, lambda number, frame: heard.append(number))
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, masked)
        for one in heard:
            signal.raise_signal(one)


def _end(pool: ProcessPoolExecutor) -> None:
    processes = list((pool._processes or {}).values())
    pool.shutdown(wait=False, cancel_futures=True)
    for process in processes:
        process.terminate()
    for process in processes:
        process.join()


# In a worker

_worker: tuple[ShardJob, Any] | None = None


def _start(job: bytes, counts: Any, environment: dict[str, str]) -> None:
    global _worker
    os.environ.update(environment)  # the fork server started with an older environment
    _worker = pickle.loads(job), counts
    keep_to_one_thread()
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    # A worker waits for work on a pipe that it holds itself, so it would outlive a parent that is killed.
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _make(slot: int, number: int, record: ShardRecord | None) -> Made:
    assert _worker is not None
    job, counts = _worker

    def report(photos: int, lost: int) -> None:
        counts[2 * slot], counts[2 * slot + 1] = photos, lost

    return make_shard(job, number, record, report)
