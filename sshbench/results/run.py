"""Predict, then score: run methods on a benchmark under protocols, image by image, so that a killed run can continue.

The folder of results keeps `predictions/<method>/<id>.png`, `records/<method>-<protocol>.parquet` and `run.json`. A
method predicts an image again only if the method or its input has changed. An image is scored again only if the
prediction, the protocol or the metrics have changed, or a metric is new. Several runs may work in one folder at once.
"""

from __future__ import annotations

import json
import math
import os
import platform
import time
import warnings
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from sshbench.benchmarks.composite import Benchmark
from sshbench.benchmarks.ids import check_ids
from sshbench.benchmarks.protocol import Protocol
from sshbench.errors import SshbenchError
from sshbench.lut.kernels import cpu
from sshbench.methods.identity import Identity, sources_hash
from sshbench.methods.registry import AnyMethod, check_name, is_foreign
from sshbench.methods.source_code import digest_of, sources_of
from sshbench.metrics import perceptual, suite
from sshbench.results import machine
from sshbench.results.journal import Journal
from sshbench.results.judge import EvaluationJob, MethodOfRun, Report, Step, Task, judge
from sshbench.results.records import Record, RecordsError
from sshbench.results.weighting import Shares
from sshbench.results.workers import Unsendable, Workers, default_count
from sshbench.whole_file import whole_file

Progress = Callable[[int, int], None]


class MethodWarning(UserWarning):
    """A method cannot be used; its row says why."""


GIVE_UP = 5  # times in a row that a method may end or hold up its process before a run goes on without it
_TO_MAKE = 10  # times as long as an image may take, making a method may take

_NETS: dict[str, perceptual.Net] = {"lpips": "alex", "lpips_squeeze": "squeeze", "lpips_vgg": "vgg"}


def evaluate(
    benchmark: Benchmark,
    methods: Sequence[AnyMethod],
    protocols: Sequence[Protocol],
    out: Path,
    *,
    metrics: Sequence[str] | None = None,
    device: str = "cpu",
    workers: int | None = None,
    batch_size: int = 1,
    limit: int | None = None,
    overwrite: bool = False,
    weights: Mapping[str, str | Path] | None = None,
    weight_to: Shares | None = None,
    time_limit: float | None = None,
    progress: Progress | None = None,
) -> list[Record]:
    """Run and score methods on a benchmark, and keep the results.

    Parameters
    ----------
    methods
        Names as for `get_method`, or what it accepts in place of a name: objects, classes and functions.
    out
        The folder of results, which holds one benchmark. What an earlier run left there is used.
    metrics
        Names of metrics; by default those of each protocol. Metrics of earlier runs are kept.
    workers
        The number of processes that take images from one queue; by default the number of processors, up to 4, and one
        with a GPU. With 1, this process does the work, unless a named method is not part of sshbench, since it could
        end this process.
    batch_size
        The number of images that a method receives at a time.
    limit
        The number of images to evaluate, from the first on.
    overwrite
        Whether to predict and score again, whatever exists.
    weights
        By name as in `methods`, the weights of methods that take weights, as for `load_weights`.
    weight_to
        The set of images that tables will estimate means for, which `run.json` keeps.
    time_limit
        The seconds after which a method on an image is given up; None waits for ever.
    progress
        Called with the number of finished images and the total number.

    Returns
    -------
    list of Record
        The records of these images, by method, protocol and image. If an image failed at any stage, its record has the
        reason in `failed`. A failure never ends the run, even if the method crashes or hangs in a process of its own.

    Raises
    ------
    SshbenchError
        A name has no method, two methods have one name, no method can be made, no file can have an id as its name, or
        the folder holds the results of another benchmark; or a number of images or processes is below 1, or a time
        limit is not above 0.
    """
    _check_counts(limit=limit, workers=workers, batch_size=batch_size)
    if time_limit is not None and not 0 < time_limit < math.inf:
        raise SshbenchError(f"time_limit is a number of seconds above 0, not {time_limit!r}")
    if isinstance(metrics, str):
        raise SshbenchError(f"metrics is a list of names, such as [{metrics!r}], not a text")
    chosen = tuple(metrics) if metrics else None
    for name in methods:
        if isinstance(name, str):
            check_name(name)
    check_ids(benchmark.name, benchmark.ids())
    asked = list(dict.fromkeys(name for protocol in protocols for name in suite.chosen(protocol, chosen)))
    job = EvaluationJob(
        benchmark, tuple(methods), tuple(protocols), chosen, out.resolve(), device, not overwrite, weights or {},
        sources={place: sources_hash(one) for place, one in enumerate(methods) if not isinstance(one, str)},
    )  # fmt: skip
    plan = _Plan(job, limit=time_limit, one_thread=workers != 1)
    with _team(plan, workers, device) as team:
        nets = _nets(asked)
        ids = benchmark.ids()[:limit]
        owns: list[Identity] = team.ready()
        for own in owns:
            if own.broken:
                warnings.warn(f"{own.broken}; the others go on", MethodWarning, stacklevel=2)
        names = [own.name for own in owns]
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise SshbenchError(f"two methods are called {twice!r}; give one of them another name")
        journal = Journal(out)
        run = _Run(
            journal, benchmark.name, owns, protocols, metrics, weight_to, team.count, batch_size, device, time_limit
        )
        pairs = [(name, protocol.name) for name in names for protocol in protocols]
        if overwrite:
            for pair in pairs:
                journal.drop(*pair)
        known = {record.key: record for pair in pairs for record in journal.read(*pair)}
        scorers = {protocol.name: _scorer_hash(protocol) for protocol in protocols}
        for i in range(0, len(ids), batch_size):
            chunk = tuple(ids[i : i + batch_size])
            records = tuple(known[key] for key in _keys(chunk, pairs) if key in known)
            plan.tasks.append(Task(chunk, records, scorers, nets))
        done: set[str] = set()
        for found in team.results():
            journal.append([record for record in found if known.get(record.key) != record])
            known.update((record.key, record) for record in found)
            plan.hear(found)
            done |= {record.id for record in found}
            if progress:
                progress(len(done), len(ids))

    order = {id: number for number, id in enumerate(benchmark.ids())}
    for own, protocol in product(owns, protocols):
        basis = (own.name, protocol.name, str(protocol.version), scorers[protocol.name], own.code, own.weights_hash)

        def belongs(record: Record, basis: tuple[str, ...] = basis) -> bool:
            """Of other images, or of another run: what the same method left under the same protocol."""
            return _made_by(record) == basis and record.id in order

        rows = [known[own.name, protocol.name, id] for id in ids]
        journal.finish(
            own.name, protocol.name, rows, machine.versions(), also=belongs, order=lambda record: order[record.id]
        )
    run.finish()
    return [known[key] for key in _keys(ids, pairs)]


def _check_counts(**given: int | None) -> None:
    for name, count in given.items():
        if count is not None and (isinstance(count, bool) or not isinstance(count, int | np.integer) or count < 1):
            raise SshbenchError(f"{name} is a whole number of at least 1, not {count!r}")


def _nets(names: Iterable[str]) -> dict[str, str]:
    """Return the hashes of the weights of the LPIPS metrics among these, if available; warn about missing weights."""
    found = {}
    for name in names:
        if name in _NETS:
            try:
                found[name] = perceptual.weights_hash(_NETS[name])
            except perceptual.LpipsError as error:
                warnings.warn(f"{error}; its column stays empty", suite.MetricWarning, stacklevel=3)
    return found


def _scorer_hash(protocol: Protocol) -> str:
    """Return a hash of what scores depend on beside the images: the protocol, and all source of the metrics."""
    return digest_of([repr(protocol), sources_of(suite).digest()])


def _made_by(record: Record) -> tuple[str, ...]:
    own = record.method, record.protocol, record.protocol_version
    return *own, record.scorer_hash, record.method_hash, record.weights_hash


def _keys(ids: Sequence[str], pairs: Sequence[tuple[str, str]]) -> list[tuple[str, str, str]]:
    return [(*pair, id) for pair in pairs for id in ids]


class _Plan:
    """The images that are left to judge. What a method did to a process is recorded, and the others go on."""

    def __init__(self, job: EvaluationJob, limit: float | None, one_thread: bool) -> None:
        self.job, self.limit, self.one_thread = job, limit, one_thread
        self.tasks: deque[Task] = deque()
        self.losses: Counter[str] = Counter()
        self.given_up: dict[str, str] = {}

    def begin(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return _start, (self.job, self.one_thread)

    def next(self) -> Task | None:
        if not self.tasks:
            return None
        task = self.tasks.popleft()
        gone = {Step("predict", name, (id,)): why for name, why in self.given_up.items() for id in task.ids}
        return replace(task, lost={**gone, **task.lost}) if gone else task

    def allowed(self, step: Step) -> float | None:
        if self.limit is None or step.what not in ("make", "predict"):
            return None
        return self.limit * (_TO_MAKE if step.what == "make" else len(step.ids))

    def lost(self, task: Task | None, step: Step | None, why: str) -> None:
        if task is None:
            if step is not None:
                method = self.job.methods[int(step.method)]
                name = method if isinstance(method, str) else type(method).__name__
                self.job = replace(self.job, broken={**self.job.broken, int(step.method): f"{name}: {why}"})
            return
        if step is None:
            self.tasks.appendleft(task)
        elif len(step.ids) > 1:  # one by one, the images show which of them did it
            by_id = {id: tuple(record for record in task.known if record.id == id) for id in task.ids}
            self.tasks.extendleft(replace(task, ids=(id,), known=records) for id, records in by_id.items())
        else:
            if step.what == "predict":
                self.losses[step.method] += 1
                if self.losses[step.method] >= GIVE_UP:
                    self.given_up[step.method] = (
                        f"not tried, as it ended or held up its process {GIVE_UP} times in a row"
                    )
            self.tasks.appendleft(replace(task, lost={**task.lost, step: why}))

    def hear(self, records: Iterable[Record]) -> None:
        """Note which methods work."""
        for method in {record.method for record in records if record.failed is None}:
            del self.losses[method]


def _team(plan: _Plan, workers: int | None, device: str) -> Workers | _Here:
    """Return the judges: this process, or other processes if there are several or if a method could end this one."""
    count = workers or default_count(device)
    foreign = any(isinstance(method, str) and is_foreign(method) for method in plan.job.methods)
    if count == 1 and not foreign and plan.limit is None:
        return _Here(plan)
    plan.one_thread = count > 1
    try:
        return Workers(plan, _judge, min(count, max(1, len(plan.job.benchmark))), one_thread=count > 1)
    except Unsendable:
        if workers is not None or plan.limit is not None:
            raise
        return _Here(plan)


class _Here:
    """Judges images in this process."""

    count = 1

    def __init__(self, plan: _Plan) -> None:
        self.plan = plan
        self.entries = plan.job.make_entries()

    def __enter__(self) -> _Here:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def ready(self) -> list[Identity]:
        return [entry.own for entry in self.entries]

    def results(self) -> Iterator[list[Record]]:
        while (task := self.plan.next()) is not None:
            yield judge(self.plan.job, self.entries, task)


State = tuple[EvaluationJob, list[MethodOfRun]]


def _start(job: EvaluationJob, one_thread: bool, report: Report) -> tuple[State, list[Identity]]:
    if one_thread:
        cpu.set_threads(1)
    entries = job.make_entries(report)
    return (job, entries), [entry.own for entry in entries]


def _judge(state: State, task: Task, report: Report) -> list[Record]:
    return judge(*state, task, report)


class _Run:
    """`run.json`: the arguments, versions, machine and times of a run."""

    def __init__(
        self,
        journal: Journal,
        benchmark: str,
        methods: Sequence[Identity],
        protocols: Sequence[Protocol],
        metrics: Sequence[str] | None,
        weight_to: Shares | None,
        workers: int,
        batch_size: int,
        device: str,
        time_limit: float | None,
    ) -> None:
        self.journal = journal
        self.path = journal.folder.parent / "run.json"
        self.said: dict[str, Any] = {
            "benchmark": benchmark,
            "methods": [
                {
                    "name": own.name,
                    "sees_target": own.sees_target,
                    "method_hash": own.code,
                    "weights_hash": own.weights_hash or None,
                    "trained_by": own.trained_by or None,
                }
                for own in methods
            ],
            "protocols": [{"name": p.name, "version": p.version} for p in protocols],
            "metrics": list(metrics) if metrics else None,
            "weight_to": asdict(weight_to) if weight_to else None,
            "device": device,
            "workers": workers,
            "batch_size": batch_size,
            "time_limit": time_limit,
            "versions": machine.versions(),
            "machine": machine.hardware(),
            "started": _now(),
            "finished": None,
            "process": f"{platform.node()} {os.getpid()} {time.time_ns()}",
        }
        with journal.locked():  # so that of two runs that begin at once, the second sees the first
            refuse_another(self.path.parent, benchmark)
            self._write()

    def finish(self) -> None:
        """Record that the run has ended, unless another one has begun in its folder since."""
        self.said["finished"] = _now()
        with self.journal.locked():
            if run_of(self.path.parent).get("process") == self.said["process"]:
                self._write()

    def _write(self) -> None:
        with whole_file(self.path) as temporary:
            temporary.write_text(json.dumps(self.said, indent=2) + "\n")


def run_of(out: Path) -> dict[str, Any]:
    """Return the content of `run.json` in a folder of results; empty if there is none.

    Raises
    ------
    RecordsError
        The file is damaged.
    """
    path = out / "run.json"
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_bytes())
        if isinstance(found, dict) and isinstance(found["benchmark"], str):
            return found
    except (OSError, ValueError, KeyError, RecursionError):
        pass
    raise RecordsError(f"{path} is damaged; delete it; the files beside it stay usable")


def refuse_another(out: Path, benchmark: str) -> None:
    """Refuse a folder of results that holds another benchmark's.

    Raises
    ------
    RecordsError
        The folder holds another benchmark's results, or its `run.json` is damaged.
    """
    other = run_of(out).get("benchmark", benchmark)
    if other != benchmark:
        raise RecordsError(f"{out} holds results on {other}; give results on {benchmark} another --out")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
