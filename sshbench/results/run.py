"""Run methods on a benchmark and score their predictions, image by image, so that a killed run can continue.

The folder of results keeps `predictions/<method>/<id>.png`, `records/<method>-<protocol>.parquet` and `run.json`. A
method predicts an image again only if the method or its input has changed. An image is scored again only if the
prediction, the protocol or the metrics have changed, or a metric is new. Several runs may use one folder at the same
time.
"""

from __future__ import annotations

import math
import warnings
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from sshbench.benchmarks.composite import Benchmark
from sshbench.benchmarks.ids import check_files, check_ids
from sshbench.benchmarks.protocol import Protocol
from sshbench.errors import SshbenchError
from sshbench.lut.kernels import cpu
from sshbench.methods.identity import Identity
from sshbench.methods.registry import AnyMethod, check_name, is_foreign
from sshbench.methods.source_code import digest_of, sources_of
from sshbench.metrics import perceptual, suite
from sshbench.results import machine
from sshbench.results.journal import Journal
from sshbench.results.judge import EvaluationJob, MethodOfRun, Report, Step, Task, Unlike, judge
from sshbench.results.records import Record
from sshbench.results.run_file import RunFile
from sshbench.results.run_file import refuse_another as refuse_another
from sshbench.results.run_file import run_of as run_of
from sshbench.results.weighting import Shares
from sshbench.results.workers import Unsendable, Workers, default_count

Progress = Callable[[int, int], None]


class MethodWarning(UserWarning):
    """A method cannot be used; its row in the table has the reason."""


GIVE_UP = 5  # consecutive times that a method may end or block its process before the run continues without it
_TO_MAKE = 10  # the time limit for making a method, in time limits of an image

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
    """Run and score methods on a benchmark, keep the results in a folder, and return the records.

    Parameters
    ----------
    methods
        Methods in the forms that `get_method` accepts: names, objects, classes and functions.
    out
        The folder of results of one benchmark. Valid results of earlier runs in this folder are used again.
    metrics
        The names of the metrics; by default the metrics of each protocol. Metrics of earlier runs are kept.
    workers
        The number of processes that take images from one queue; by default one with a GPU, or else the number of
        processors, up to 4. With 1, this process does the work, unless a named method is not part of sshbench, since
        such a method could end this process. This process also does the work, with a warning, if a method would do
        something else in another process, since the script has changed a value of a module.
    batch_size
        The number of images that a method receives at a time.
    limit
        The number of images to evaluate, counted from the first.
    overwrite
        Whether to predict and score again, even if valid results exist.
    weights
        The weights for `load_weights`, by the name of the method in `methods`.
    weight_to
        The set of images for which tables will estimate means. `run.json` keeps the set.
    time_limit
        The time limit of a method on an image in seconds; None sets no limit.
    progress
        A function that receives the number of finished images and the total number.

    Returns
    -------
    list of Record
        The records of these images, ordered by method, protocol and image. If an image failed at any stage, its record
        has the reason in `failed`. A failure does not end the run, even if the method crashes or hangs in a worker
        process.

    Raises
    ------
    SshbenchError
        A method is unknown, two methods have the same name, no method can be made, an id cannot be a file name, the
        folder holds the results of another benchmark, a number of images or processes is less than 1, or the time limit
        is not positive.
    """
    _check_counts(limit=limit, workers=workers, batch_size=batch_size)
    if time_limit is not None and not 0 < time_limit < math.inf:
        raise SshbenchError(f"time_limit is a number of seconds above 0, not {time_limit!r}")
    asked = list(dict.fromkeys(name for protocol in protocols for name in suite.chosen(protocol, metrics or None)))
    chosen = tuple(metrics) if metrics else None
    for name in methods:
        if isinstance(name, str):
            check_name(name)
    all_ids = benchmark.ids()
    check_ids(benchmark.name, all_ids)
    check_files(benchmark.name, all_ids, out)
    job = EvaluationJob(
        benchmark, tuple(methods), tuple(protocols), chosen, out.resolve(), device, not overwrite, weights or {}
    ).with_origins()
    plan = _Plan(job, limit=time_limit, one_thread=workers != 1)
    with _team(plan, workers, device) as team:
        nets = _nets(asked)
        ids = all_ids[:limit]
        owns: list[Identity] = team.ready()
        for own in owns:
            if own.broken:
                warnings.warn(f"{own.broken}; the others continue", MethodWarning, stacklevel=2)
        names = [own.name for own in owns]
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise SshbenchError(f"two methods are called {twice!r}; give one of them another attribute `name`")
        check_files("the methods", names, out)
        journal = Journal(out)
        run = RunFile(
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
            """Return whether a record, also of other images or runs, is of the same method and protocol."""
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
    """Return the hash of the weights of each LPIPS metric in `names` whose weights are available; warn otherwise."""
    found = {}
    for name in names:
        if name in _NETS:
            try:
                found[name] = perceptual.weights_hash(_NETS[name])
            except perceptual.LpipsError as error:
                warnings.warn(f"{error}; its column stays empty", suite.MetricWarning, stacklevel=3)
    return found


def _scorer_hash(protocol: Protocol) -> str:
    """Return a hash of the protocol and of the source code of the metrics, which determine the scores of an image."""
    return digest_of([repr(protocol), sources_of(suite).digest()])


def _made_by(record: Record) -> tuple[str, ...]:
    own = record.method, record.protocol, record.protocol_version
    return *own, record.scorer_hash, record.method_hash, record.weights_hash


def _keys(ids: Sequence[str], pairs: Sequence[tuple[str, str]]) -> list[tuple[str, str, str]]:
    return [(*pair, id) for pair in pairs for id in ids]


class _Plan:
    """The remaining images of a run. If a method ends or blocks a process, the plan records this and continues."""

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
        elif len(step.ids) > 1:  # single images show which of them caused the loss
            by_id = {id: tuple(record for record in task.known if record.id == id) for id in task.ids}
            self.tasks.extendleft(replace(task, ids=(id,), known=records) for id, records in by_id.items())
        else:
            if step.what == "predict":
                self.losses[step.method] += 1
                if self.losses[step.method] >= GIVE_UP:
                    self.given_up[step.method] = (
                        f"not tried, because it ended or blocked its process {GIVE_UP} times in a row"
                    )
            self.tasks.appendleft(replace(task, lost={**task.lost, step: why}))

    def hear(self, records: Iterable[Record]) -> None:
        """Reset the count of consecutive losses of methods with a success among these records."""
        for method in {record.method for record in records if record.failed is None}:
            del self.losses[method]


def _team(plan: _Plan, workers: int | None, device: str) -> Workers | _Here:
    """Return the workers: this process, or other processes if there are several or a method could end this process."""
    count = workers or default_count(device)
    foreign = any(isinstance(method, str) and is_foreign(method) for method in plan.job.methods)
    if count == 1 and not foreign and plan.limit is None:
        return _Here(plan)
    plan.one_thread = count > 1
    try:
        return Workers(plan, _judge, min(count, max(1, len(plan.job.benchmark))), one_thread=count > 1)
    except Unlike as error:
        if plan.limit is not None:
            raise SshbenchError(f"{error}; run without a time limit, which needs such a process") from error
        if workers is not None and workers > 1:
            warnings.warn(f"{error}; this process does all the work", MethodWarning, stacklevel=4)
        return _Here(plan)
    except Unsendable:
        if workers is not None or plan.limit is not None:
            raise
        return _Here(plan)


class _Here:
    """A worker in this process."""

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
    job.check_arrival()
    entries = job.make_entries(report)
    return (job, entries), [entry.own for entry in entries]


def _judge(state: State, task: Task, report: Report) -> list[Record]:
    return judge(*state, task, report)
