"""Run tasks in other processes. A process that crashes or hangs is replaced, and the other processes continue.

A worker process starts as a program of its own, and not by fork or `multiprocessing`, so that it does not run the
user's script again. cloudpickle sends objects to it, including classes of a script or a notebook.
"""

from __future__ import annotations

import multiprocessing.connection
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from sshbench.devices import processors
from sshbench.errors import SshbenchError
from sshbench.results.worker_main import CUT_OFF

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_HOME = str(Path(__file__).parents[2])
# A changed sys.path could lead to another copy of the package, whose methods would have other hashes.
_MAIN = (
    "import sys; sys.path[:] = [{home!r}, *{path!r}]; import sshbench; del sys.path[0]; "
    "from sshbench.results.worker_main import main; main({connection}, {alive})"
)
_MOST = 4  # the default limit of processes, since each holds its own network in memory
_IDLE_DEATHS = 3
_UNSENDABLE = "an object cannot be sent to worker processes ({}); use --workers 1, or workers=1 in Python"
_TO_END = 1.0  # seconds that a process has to end after a request


def default_count(device: str) -> int:
    """Return the default number of processes: one with a GPU, or else one per processor, up to four."""
    return min(processors(), _MOST) if device == "cpu" else 1


class Unsendable(SshbenchError):
    """An object cannot be sent to another process."""


class Work(Protocol):
    """A plan of tasks that adapts to the events of a run."""

    def begin(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        """Return a function `start` and its arguments. Each process calls `start(*args, report)` once.

        `start` returns a pair: the state of the process for its tasks, and a message to this process.
        """
        ...

    def next(self) -> Any | None:
        """Return the next task; None if no task is available at the moment."""
        ...

    def allowed(self, step: Any) -> float | None:
        """Return the time limit of a reported step in seconds; None for no limit."""
        ...

    def lost(self, task: Any | None, step: Any | None, why: str) -> None:
        """Handle a process that ended or was ended during a step of a task.

        `task` is None if the process was still starting. `next` then returns the tasks that replace the lost task.
        """
        ...


class Workers:
    """A team of worker processes. At least one process is ready when the constructor returns.

    Parameters
    ----------
    plan
        The source of the tasks.
    work
        A function `work(state, task, report)` that returns the result of a task. It calls `report(step)` before each
        step.
    count
        The number of processes.
    one_thread
        Whether the numeric libraries of each process use one thread.

    Raises
    ------
    Unsendable
        The data for a process cannot be sent, or the process cannot read them.
    """

    def __init__(self, plan: Work, work: Callable[..., Any], count: int, *, one_thread: bool) -> None:
        self._plan, self._work, self._one_thread = plan, work, one_thread
        self._workers: list[_Worker] = []
        self.count = count
        self._deaths = 0
        self._told: list[Any] = []
        try:
            for _ in range(count):
                self._workers.append(self._new())
            self.ready()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the processes."""
        for worker in self._workers:
            worker.ask_to_end()
        for worker in self._workers:
            worker.end()
        self._workers = []

    def ready(self) -> Any:
        """Wait for the first process that has started, and return its message."""
        while not self._told:
            self._listen()
        return self._told[0]

    def results(self) -> Iterator[Any]:
        """Yield the result of each task of the plan when it is finished.

        Raises
        ------
        SshbenchError
            A process raised this error, or processes died repeatedly before they began a step.
        """
        while True:
            for worker in self._workers:
                if worker.is_ready and worker.task is None and (task := self._plan.next()) is not None:
                    worker.give(task)
            if all(worker.task is None for worker in self._workers):
                if (task := self._plan.next()) is None:
                    return
                while not any(worker.is_ready for worker in self._workers):
                    yield from self._listen()
                next(worker for worker in self._workers if worker.is_ready).give(task)
            yield from self._listen()

    def _new(self) -> _Worker:
        return _Worker(self._plan.begin(), self._work, self._one_thread)

    def _listen(self) -> list[Any]:
        """Wait for messages of processes or for the end of a time limit, and return the results."""
        busy = [worker for worker in self._workers if worker.task is not None or not worker.is_ready]
        deadlines = [worker.deadline for worker in busy if worker.deadline is not None]
        timeout = max(0.0, min(deadlines) - time.monotonic()) if deadlines else None
        heard = multiprocessing.connection.wait([worker.connection for worker in busy], timeout)
        found = []
        for worker in busy:
            if worker.connection in heard:
                try:
                    kind, said = worker.connection.recv()
                except Exception:  # the process has ended, or its method wrote to the connection
                    self._replace(worker, worker.how_it_ended())
                    continue
                if kind == "step":
                    worker.begin(said, self._plan.allowed(said))
                elif kind == "told":
                    self._told.append(said)
                    worker.is_ready = True
                    worker.begin(None, None)
                elif kind == "unread":
                    raise Unsendable(_UNSENDABLE.format(said))
                elif kind == "done":
                    found.append(said)
                    worker.task = None
                    worker.begin(None, None)
                    self._deaths = 0
                else:
                    raise said
            elif worker.deadline is not None and time.monotonic() >= worker.deadline:
                seconds = worker.allowed
                worker.end()
                self._replace(worker, f"it took longer than {seconds:g} s")
        return found

    def _replace(self, worker: _Worker, why: str) -> None:
        worker.end()
        if worker.step is None:
            self._deaths += 1
            if self._deaths >= _IDLE_DEATHS:
                raise SshbenchError(
                    f"a worker process fails again and again ({why}), most often because memory is short; what is "
                    "finished is kept: run the same command again with fewer --workers"
                )
        self._plan.lost(worker.task, worker.step, why)
        self._workers[self._workers.index(worker)] = self._new()


class _Worker:
    """One worker process, with its present step and deadline."""

    def __init__(self, begin: tuple[Any, ...], work: Callable[..., Any], one_thread: bool) -> None:
        self.task: Any | None = None
        self.step: Any | None = None
        self.is_ready = False
        self.deadline: float | None = None
        self.allowed: float | None = None
        first = _packed((*begin, work))
        self.connection, theirs = multiprocessing.Pipe()
        listens, self._alive = os.pipe()
        environment = dict(os.environ)
        if one_thread:
            environment |= {name: os.environ.get(name, "1") for name in _THREADS}
        command = _MAIN.format(home=_HOME, path=sys.path, connection=theirs.fileno(), alive=listens)
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-c", command],
                stdin=subprocess.DEVNULL,
                env=environment,
                pass_fds=(theirs.fileno(), listens),
                start_new_session=True,  # only this process receives Ctrl-C, and ends the others
            )
        finally:
            theirs.close()
            os.close(listens)
        self._send(first)

    def give(self, task: Any) -> None:
        self.task = task
        self.begin(None, None)
        self._send(_packed(task))

    def begin(self, step: Any, allowed: float | None) -> None:
        self.step, self.allowed = step, allowed
        self.deadline = None if allowed is None else time.monotonic() + allowed

    def _send(self, data: bytes) -> None:
        with suppress(OSError):  # the process has ended, which the next read reports
            self.connection.send_bytes(data)

    def how_it_ended(self) -> str:
        """Return the reason for the end of a process whose connection is closed."""
        try:
            code = self._process.wait(1)
        except subprocess.TimeoutExpired:
            code = CUT_OFF
        if code == CUT_OFF:
            return "it closed the connection of its process"
        if code == -signal.SIGKILL:
            return "its process was killed, most often because memory is short; run again with fewer --workers"
        if code < 0:
            return f"its process crashed ({_signal(-code)})"
        return f"it ended its process (exit code {code})"

    def ask_to_end(self) -> None:
        """Ask the process to remove its unfinished files and to end. A hanging process does not react."""
        if self._alive >= 0:
            self._process.terminate()

    def end(self) -> None:
        """End the process, and the processes that it started."""
        if self._alive < 0:
            return
        self.ask_to_end()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_TO_END)
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            self._process.kill()
        self._process.wait()
        self.connection.close()
        os.close(self._alive)
        self._alive = -1


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _packed(value: Any) -> bytes:
    import cloudpickle

    from sshbench.methods.user_file import PREFIX

    for name, module in list(sys.modules.items()):
        if name.startswith(PREFIX):  # other processes cannot import the module by this name
            cloudpickle.register_pickle_by_value(module)
    try:
        return bytes(cloudpickle.dumps(value, pickle.HIGHEST_PROTOCOL))
    except Exception as error:
        raise Unsendable(_UNSENDABLE.format(f"{type(error).__name__}: {error}")) from error
