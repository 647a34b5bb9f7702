"""Predict, then score: methods on a benchmark under protocols, image by image, so that a killed run can go on.

What is kept in the folder of results: `predictions/<method>/<id>.png`, `records/<method>-<protocol>.parquet` and
`run.json`. A prediction is made again only where the method or its input changed, a score only where the prediction or
the protocol's version did, or a metric is new.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any

from sshbench.benchmarks.composite import Benchmark
from sshbench.benchmarks.ids import check_ids
from sshbench.benchmarks.protocol import Protocol
from sshbench.errors import SshbenchError
from sshbench.methods.base import Method, code_hash
from sshbench.metrics import perceptual, suite
from sshbench.results import machine
from sshbench.results.judge import Job, judge
from sshbench.results.records import Journal, Record, RecordsError
from sshbench.results.weighting import Shares
from sshbench.results.workers import in_processes
from sshbench.whole_file import whole_file

Progress = Callable[[int, int], None]

_NETS: dict[str, perceptual.Net] = {"lpips": "alex", "lpips_squeeze": "squeeze", "lpips_vgg": "vgg"}


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
    weights: Mapping[str, str | Path] | None = None,
    weight_to: Shares | None = None,
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
    weights
        By name as in `methods`, the weights of those that take some, as for `load_weights`.
    weight_to
        The set of images that tables will estimate means for, which `run.json` keeps.
    progress
        Called with images done and images in all.

    Returns
    -------
    The records of these images, by method, protocol and image. One that failed, at any stage, has its reason in
    `failed`; it never ends the run.

    Raises
    ------
    SshbenchError
        A method that cannot be made, two of one name, ids that no file can have, or a folder that holds another
        benchmark's results.
    """
    chosen = tuple(metrics) if metrics else None
    job = Job(benchmark, tuple(methods), tuple(protocols), chosen, out, device, not overwrite, weights=weights or {})
    made = job.make_methods()
    names = [method.name for method in made]
    check_ids(benchmark.name, benchmark.ids())
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise SshbenchError(f"two methods are called {twice!r}; give one of them another name")
    asked = dict.fromkeys(name for protocol in protocols for name in suite.chosen(protocol, chosen))
    job = replace(job, unavailable=_unavailable(asked))
    ids = benchmark.ids()[:limit]
    if workers is None:
        workers = min(machine.processors(), 4) if device == "cpu" else 1
    run = _Run(out, benchmark.name, made, protocols, metrics, workers, batch_size, device, weight_to)
    journal = Journal(out)
    pairs = [(name, protocol.name) for name in names for protocol in protocols]
    if overwrite:
        for pair in pairs:
            journal.drop(*pair)
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
    for method, protocol in product(made, protocols):
        # Beside this run's images, those of earlier runs that the same method and protocol left.
        same = (method.name, protocol.name, str(protocol.version), code_hash(method), method.weights_hash or "")
        rows = [record for record in known.values() if _made_by(record) == same and record.id in order]
        rows.sort(key=lambda record: order[record.id])
        journal.finish(method.name, protocol.name, rows, machine.versions())
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


def _made_by(record: Record) -> tuple[str, ...]:
    return record.method, record.protocol, record.protocol_version, record.method_hash, record.weights_hash


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
        weight_to: Shares | None,
    ) -> None:
        self.path = out / "run.json"
        refuse_another(out, benchmark)
        out.mkdir(parents=True, exist_ok=True)
        self.said: dict[str, Any] = {
            "benchmark": benchmark,
            "methods": [
                {
                    "name": m.name,
                    "sees_target": m.sees_target,
                    "method_hash": code_hash(m),
                    "weights_hash": m.weights_hash,
                    "trained_by": getattr(m, "trained_by", None),
                }
                for m in methods
            ],
            "protocols": [{"name": p.name, "version": p.version} for p in protocols],
            "metrics": list(metrics) if metrics else None,
            "weight_to": asdict(weight_to) if weight_to else None,
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


def refuse_another(out: Path, benchmark: str) -> None:
    """Refuse a folder of results that holds another benchmark's.

    Raises
    ------
    RecordsError
        It does, or what it says of its benchmark is damaged.
    """
    path = out / "run.json"
    if not path.exists():
        return
    try:
        other = json.loads(path.read_text())["benchmark"]
    except (ValueError, KeyError, TypeError) as error:
        raise RecordsError(f"{path} is damaged; delete it, and what is beside it stays usable") from error
    if other != benchmark:
        raise RecordsError(f"{out} holds results on {other}; give results on {benchmark} another --out")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
