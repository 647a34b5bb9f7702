"""Predict, then score: methods on a benchmark under protocols, image by image, so that a killed run can go on.

What is kept in the folder of results: `predictions/<method>/<id>.png`, `records/<method>-<protocol>.parquet` and
`run.json`. A prediction is made again only where the method or its input changed, a score only where the prediction or
the protocol's version did, or a metric is new.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sshbench.benchmarks.composite import Benchmark, Composite
from sshbench.benchmarks.protocol import Protocol
from sshbench.errors import SshbenchError
from sshbench.methods.base import Method, code_hash
from sshbench.methods.registry import get_method
from sshbench.metrics import perceptual, suite
from sshbench.results import machine
from sshbench.results.predict import (
    Pixels,
    PredictionFailed,
    Stored,
    input_hash,
    pixels_hash,
    predict,
    prediction_key,
    store,
    stored,
)
from sshbench.results.records import Journal, Record, RecordsError, prediction_file
from sshbench.results.workers import in_processes
from sshbench.whole_file import whole_file

Progress = Callable[[int, int], None]

_NETS: dict[str, perceptual.Net] = {"lpips": "alex", "lpips_squeeze": "squeeze", "lpips_vgg": "vgg"}


@dataclass(frozen=True, eq=False)
class Job:
    """What a run does to each image; goes to worker processes as it is.

    Parameters
    ----------
    methods
        Names as for `get_method`, or methods.
    metrics
        Names, or None for those that each protocol scores by default.
    keep
        Whether predictions and scores that are there are used.
    unavailable
        Metrics that cannot be computed here.
    """

    benchmark: Benchmark
    methods: tuple[str | Method, ...]
    protocols: tuple[Protocol, ...]
    metrics: tuple[str, ...] | None
    out: Path
    device: str = "cpu"
    keep: bool = True
    unavailable: frozenset[str] = frozenset()

    def make_methods(self) -> list[Method]:
        """The methods, ready to run."""
        return [get_method(m, device=self.device) if isinstance(m, str) else m for m in self.methods]


def evaluate(
    benchmark: Benchmark,
    methods: Sequence[str | Method],
    protocols: Sequence[Protocol],
    out: Path,
    *,
    metrics: Sequence[str] | None = None,
    device: str = "cpu",
    workers: int | None = None,
    batch_size: int = 1,
    limit: int | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> list[Record]:
    """Judge methods on a benchmark and keep what was found.

    Parameters
    ----------
    methods
        Names as for `get_method`, or methods, which have to be picklable for more than one worker.
    out
        Folder of results; it holds one benchmark. What an earlier run left there is used.
    metrics
        Names; by default what each protocol scores. Metrics of earlier runs are kept.
    workers
        Processes that take images from one queue; by default as many as there are processors, up to 4, and one with a
        GPU.
    batch_size
        Images that a method gets at a time.
    limit
        Take the first so many images.
    overwrite
        Predict and score again, whatever is there.
    progress
        Called with images done and images in all.

    Returns
    -------
    The records of these images, by method, protocol and image. One that failed, at any stage, has its reason in
    `failed`; it never ends the run.

    Raises
    ------
    SshbenchError
        A method that cannot be made, two of one name, or a folder that holds another benchmark's results.
    """
    chosen = tuple(metrics) if metrics else None
    job = Job(benchmark, tuple(methods), tuple(protocols), chosen, out, device, not overwrite)
    made = job.make_methods()
    names = [method.name for method in made]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise SshbenchError(f"two methods are called {twice!r}; give one of them another name")
    asked = dict.fromkeys(name for protocol in protocols for name in suite.chosen(protocol, chosen))
    job = replace(job, unavailable=_unavailable(asked))
    ids = benchmark.ids()[:limit]
    if workers is None:
        workers = min(machine.processors(), 4) if device == "cpu" else 1
    run = _Run(out, benchmark.name, made, protocols, metrics, workers, batch_size, device)
    journal = Journal(out)
    pairs = [(name, protocol.name) for name in names for protocol in protocols]
    if overwrite:
        for name, protocol in pairs:
            journal.drop(name, protocol)
    known = {record.key: record for pair in pairs for record in journal.read(*pair)}

    chunks = [ids[i : i + batch_size] for i in range(0, len(ids), batch_size)]
    tasks: list[Task] = [(chunk, [known[key] for key in _keys(chunk, pairs) if key in known]) for chunk in chunks]
    done = 0
    for records in _judged(job, made, tasks, workers):
        new = [record for record in records if known.get(record.key) != record]
        journal.append(new)
        known.update((record.key, record) for record in records)
        done += len({record.id for record in records})
        if progress:
            progress(done, len(ids))

    order = {id: number for number, id in enumerate(benchmark.ids())}
    for name, protocol in pairs:
        rows = [r for r in known.values() if (r.method, r.protocol) == (name, protocol) and r.id in order]
        journal.finish(name, protocol, sorted(rows, key=lambda r: order[r.id]), machine.versions())
    run.finish()
    return [known[key] for key in _keys(ids, pairs)]


def _unavailable(names: Iterable[str]) -> frozenset[str]:
    """Of these metrics those whose weights are not here, after a warning that says what is missing."""
    found = set()
    for name in names:
        if name in _NETS:
            try:
                perceptual.load(_NETS[name])
            except perceptual.LpipsError as error:
                warnings.warn(f"{error}; its column stays empty", suite.MetricWarning, stacklevel=3)
                found.add(name)
    return frozenset(found)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Let torch sum in one order, so that scores do not depend on the number of workers."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _keys(ids: Sequence[str], pairs: Sequence[tuple[str, str]]) -> list[tuple[str, str, str]]:
    return [(*pair, id) for pair in pairs for id in ids]


Task = tuple[Sequence[str], list[Record]]


def _judged(job: Job, methods: list[Method], tasks: list[Task], workers: int) -> Iterator[list[Record]]:
    if workers == 1 or len(tasks) < 2:
        for task in tasks:
            yield _judge_here((job, methods), task)
    else:
        yield from in_processes(_start, (job,), _judge_here, tasks, min(workers, len(tasks)))


def _start(job: Job) -> tuple[Job, list[Method]]:
    return job, job.make_methods()


def _judge_here(state: tuple[Job, list[Method]], task: Task) -> list[Record]:
    return judge(*state, *task)


@dataclass(frozen=True, eq=False)
class _Loaded:
    composite: Composite
    inputs: str
    target: str


def judge(job: Job, methods: Sequence[Method], ids: Sequence[str], known: Sequence[Record]) -> list[Record]:
    """Predict and score some images; scores in `known`, records of earlier runs, are used where they still hold."""
    earlier = {record.key: record for record in known if record.failed is None} if job.keep else {}
    loaded, records = [], []
    for id in ids:
        try:
            composite = job.benchmark[id]
        except Exception as error:
            why = str(error) if isinstance(error, SshbenchError) else f"{type(error).__name__}: {error}"
            records += [_record(job, m, p, id, failed=why) for m in methods for p in job.protocols]
            continue
        loaded.append(_Loaded(composite, input_hash(composite), pixels_hash(composite.target)))
    for method in methods:
        for one, prediction in zip(loaded, _predicted(job, method, loaded), strict=True):
            records += [_scored(job, method, protocol, one, prediction, earlier) for protocol in job.protocols]
    return records


class _Found:
    """A prediction, whose pixels are read when they are needed; or why there is none."""

    def __init__(self, stored: Stored | None = None, pixels: Pixels | None = None, failed: str | None = None) -> None:
        self.stored, self.failed, self._pixels = stored, failed, pixels

    def pixels(self) -> Pixels:
        if self._pixels is None:
            assert self.stored is not None
            self._pixels = self.stored.pixels()
        return self._pixels


def _predicted(job: Job, method: Method, loaded: Sequence[_Loaded]) -> list[_Found]:
    found: dict[str, _Found] = {}
    keys = {one.composite.id: prediction_key(method, one.composite, one.inputs, one.target) for one in loaded}
    for id, key in keys.items():
        kept = stored(prediction_file(job.out, method.name, id), key) if job.keep else None
        if kept:
            found[id] = _Found(kept)
    missing = [one.composite for one in loaded if one.composite.id not in found]
    for composite, outcome in zip(missing, _made(method, missing), strict=True):
        id, path = composite.id, prediction_file(job.out, method.name, composite.id)
        if isinstance(outcome, PredictionFailed):
            path.unlink(missing_ok=True)
            found[id] = _Found(failed=str(outcome))
        else:
            pixels, costs = outcome
            found[id] = _Found(store(path, pixels, keys[id], costs), pixels)
    return [found[id] for id in keys]


def _made(method: Method, batch: Sequence[Composite]) -> list[Any]:
    """For each composite its pixels and costs, or the error: a batch that fails is tried again one by one."""
    if not batch:
        return []
    try:
        pixels, costs = predict(method, batch)
        return [(image, costs) for image in pixels]
    except PredictionFailed as error:
        if len(batch) == 1:
            return [error]
        return [outcome for composite in batch for outcome in _made(method, [composite])]


def _record(job: Job, method: Method, protocol: Protocol, id: str, **more: Any) -> Record:
    return Record(
        id=id,
        benchmark=job.benchmark.name,
        method=method.name,
        protocol=protocol.name,
        protocol_version=str(protocol.version),
        sees_target=method.sees_target,
        method_hash=code_hash(method),
        weights_hash=method.weights_hash or "",
        **more,
    )


def _scored(
    job: Job, method: Method, protocol: Protocol, one: _Loaded, found: _Found, earlier: dict[Any, Record]
) -> Record:
    composite = one.composite
    record = _record(
        job,
        method,
        protocol,
        composite.id,
        attributes=dict(composite.attributes),
        input_hash=pixels_hash_of(one),
        failed=found.failed,
    )
    if found.stored is None:
        return record
    record = replace(
        record,
        seconds=found.stored.costs.seconds,
        peak_memory=found.stored.costs.peak_memory,
        prediction=prediction_file("", method.name, composite.id).as_posix(),
        prediction_hash=found.stored.hash,
    )
    old = earlier.get(record.key)
    holds = old is not None and _basis(old) == _basis(record)
    metrics = dict(old.metrics) if old is not None and holds else {}
    chosen = suite.chosen(protocol, job.metrics)
    missing = [name for name in chosen if name not in metrics and name not in job.unavailable]
    if missing:
        try:
            with _one_thread():
                metrics |= suite.score(found.pixels(), composite, protocol, missing, device=job.device)
        except Exception as error:
            why = str(error) if isinstance(error, SshbenchError) else f"{type(error).__name__}: {error}"
            return replace(record, failed=why, prediction="" if not found.stored else record.prediction)
    return replace(record, metrics=metrics)


def pixels_hash_of(one: _Loaded) -> str:
    """The hash of a composite and its ground truth."""
    return f"{one.inputs[:16]}{one.target[:16]}"


def _basis(record: Record) -> tuple[str, ...]:
    """What the scores of a record depend on."""
    return record.protocol_version, record.input_hash, record.prediction_hash


class _Run:
    """`run.json`: what was asked, with what, where and when."""

    def __init__(
        self,
        out: Path,
        benchmark: str,
        methods: Sequence[Method],
        protocols: Sequence[Protocol],
        metrics: Sequence[str] | None,
        workers: int,
        batch_size: int,
        device: str,
    ) -> None:
        self.path = out / "run.json"
        self._refuse_another(benchmark)
        out.mkdir(parents=True, exist_ok=True)
        self.said: dict[str, Any] = {
            "benchmark": benchmark,
            "methods": [
                {
                    "name": m.name,
                    "sees_target": m.sees_target,
                    "method_hash": code_hash(m),
                    "weights_hash": m.weights_hash,
                }
                for m in methods
            ],
            "protocols": [{"name": p.name, "version": p.version} for p in protocols],
            "metrics": list(metrics) if metrics else None,
            "device": device,
            "workers": workers,
            "batch_size": batch_size,
            "versions": machine.versions(),
            "machine": machine.hardware(),
            "started": _now(),
            "finished": None,
        }
        self._write()

    def finish(self) -> None:
        self.said["finished"] = _now()
        self._write()

    def _write(self) -> None:
        with whole_file(self.path) as temporary:
            temporary.write_text(json.dumps(self.said, indent=2) + "\n")

    def _refuse_another(self, benchmark: str) -> None:
        if not self.path.exists():
            return
        try:
            other = json.loads(self.path.read_text())["benchmark"]
        except (ValueError, KeyError, TypeError) as error:
            raise RecordsError(f"{self.path} is damaged; delete it, and what is beside it stays usable") from error
        if other != benchmark:
            raise RecordsError(
                f"{self.path.parent} holds results on {other}; give results on {benchmark} another --out"
            )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
