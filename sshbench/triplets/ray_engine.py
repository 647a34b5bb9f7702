"""Make shards as tasks of a Ray cluster.

A task receives the number of a shard and returns a record of a few hundred bytes. The task reads the photographs and
writes the shard itself, so no pixels pass through the object store. Source and output must be paths or URLs that every
node can reach.
"""

from __future__ import annotations

import socket
import uuid
from collections.abc import Generator
from contextlib import suppress
from typing import Any

from sshbench.errors import SshbenchError
from sshbench.lut.kernels import cpu
from sshbench.triplets.manifest import ShardRecord
from sshbench.triplets.writer import Made, ShardJob, Tick, Todo, make_shard

_RETRIES = 5


class RayError(SshbenchError):
    """Ray is not installed, cannot be reached, or lost the same task repeatedly."""


def run_ray(job: ShardJob, todo: Todo, workers: int, address: str | None, tick: Tick) -> Generator[Made, None, None]:
    """Make the shards on the cluster at `address`, or on this machine with `workers` processors.

    If a worker or a node is lost, its tasks run again elsewhere. If Ray is already initialised in this process, that
    instance is used and left running.

    Raises
    ------
    RayError
        Ray is not installed, no cluster answers at `address`, or a task was lost six times.
    """
    try:
        import ray
    except ImportError as error:
        raise RayError("--engine ray needs Ray; install it with: pip install 'sshbench[ray]'") from error
    ours = not ray.is_initialized()
    if ours:
        try:
            if address:
                _knock(address)
                ray.init(address=address, log_to_driver=False)
            else:
                ray.init(address="local", num_cpus=workers, include_dashboard=False, log_to_driver=False)
        except (OSError, RuntimeError, ValueError) as error:
            raise RayError(f"no Ray cluster answers at {address or 'this machine'} ({_first_line(error)})") from error
    try:
        yield from _run(ray, job, todo)
    finally:
        if ours:
            ray.shutdown()


def _knock(address: str) -> None:
    """Raise an error at once if no server listens at `host:port`; Ray itself would wait for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host, int(port)), timeout=10).close()


def _run(ray: Any, job: ShardJob, todo: Todo) -> Generator[Made, None, None]:
    make = ray.remote(num_cpus=1, max_retries=_RETRIES)(_make)
    reference, key = ray.put(job), uuid.uuid4().hex
    pending: list[Any] = []
    more = True
    try:
        while True:
            # Two tasks per processor; the number of processors is read each time, since nodes come and go.
            while more and len(pending) < 2 * max(1, int(ray.cluster_resources().get("CPU", 1))):
                if (shard := next(todo, None)) is None:
                    more = False
                else:
                    pending.append(make.remote([reference], key, *shard))
            if not pending:
                return
            done, pending = ray.wait(pending, num_returns=1, timeout=1.0)
            for result in done:
                yield _result(ray, result)
    finally:
        for result in pending:
            with suppress(Exception):
                ray.cancel(result, force=True)


def _result(ray: Any, result: Any) -> Made:
    try:
        made: Made = ray.get(result)
    except ray.exceptions.RayTaskError as error:
        raise error.cause from None
    except ray.exceptions.RayError as error:
        raise RayError(
            f"a task was lost {_RETRIES + 1} times ({_first_line(error)}); what is finished is kept: run the same "
            "command again"
        ) from error
    return made


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")


_jobs: dict[str, ShardJob] = {}


def _make(reference: list[Any], key: str, number: int, record: ShardRecord | None) -> Made:
    """Make one shard in a task. The job is fetched once per process, and not once per task."""
    import ray

    if key not in _jobs:
        _jobs.clear()
        _jobs[key] = ray.get(reference[0])
        cpu.set_threads(1)
    return make_shard(_jobs[key], number, record, lambda photos, lost: None)
