"""Judge images: load an image, predict with every method, and score the predictions under every protocol."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from sshbench.benchmarks.composite import Benchmark, Composite
from sshbench.benchmarks.prediction import Pixels
from sshbench.benchmarks.protocol import Protocol
from sshbench.errors import SshbenchError
from sshbench.methods.base import Broken, Method, MethodBroken, MethodFailed, MissingWeights, WithoutWeights, as_name
from sshbench.methods.calling import by_user, reason, traceback_of
from sshbench.methods.identity import Identity, Origin, has_arrived, identity, is_of_user, origin_of
from sshbench.methods.named_options import split_options
from sshbench.methods.registry import AnyMethod, get_method, listed_name
from sshbench.metrics import suite
from sshbench.results.folder import prediction_file
from sshbench.results.predict import Stored, input_hash, pixels_hash, predict, prediction_key, store, stored
from sshbench.results.records import Record
from sshbench.results.workers import Unsendable
from sshbench.threads import torch_in_one_thread

LPIPS = ("lpips", "lpips_squeeze", "lpips_vgg")


class Step(NamedTuple):
    """The present activity of a process: to make a method, or to load, predict or score some images."""

    what: Literal["make", "load", "predict", "score"]
    method: str = ""
    ids: tuple[str, ...] = ()


Report = Callable[[Step], None]


class Unlike(Unsendable):
    """An object would do something else in a worker process than in the process of the user's script."""


@dataclass(frozen=True, eq=False)
class EvaluationJob:
    """The definition of an evaluation. It is sent to worker processes.

    Parameters
    ----------
    methods
        Methods in any form that `get_method` accepts.
    metrics
        The names of the metrics; None for the default metrics of each protocol.
    out
        The folder of results.
    keep
        Whether to use valid predictions and scores of earlier runs.
    weights
        The weights for `get_method`, by the name of the method in `methods`.
    broken
        The reason why a method cannot be made, by the index in `methods`: the process that made the method ended.
    origins
        The origins of methods that are not given by name, by the index in `methods`, and, at `len(methods)`, of a
        benchmark whose class a user wrote.
    """

    benchmark: Benchmark
    methods: tuple[AnyMethod, ...]
    protocols: tuple[Protocol, ...]
    metrics: tuple[str, ...] | None
    out: Path
    device: str = "cpu"
    keep: bool = True
    weights: Mapping[str, str | Path] = field(default_factory=dict)
    broken: Mapping[int, str] = field(default_factory=dict)
    origins: Mapping[int, Origin] = field(default_factory=dict)

    def with_origins(self) -> EvaluationJob:
        """Return the job with the origins of its objects, in the process that defines them."""
        objects: dict[int, Any] = {place: one for place, one in enumerate(self.methods) if not isinstance(one, str)}
        if is_of_user(self.benchmark):
            objects[len(self.methods)] = self.benchmark
        found = {place: origin_of(one) for place, one in objects.items()}
        return replace(self, origins={place: one for place, one in found.items() if one is not None})

    def check_arrival(self) -> None:
        """Check that the objects do the same in this process as in the process that defines them.

        Raises
        ------
        Unlike
            An object would do something else here.
        """
        for place, origin in self.origins.items():
            asked = self.methods[place] if place < len(self.methods) else self.benchmark
            if not has_arrived(asked, origin):
                called = getattr(asked, "__name__", type(asked).__name__)
                raise Unlike(
                    f"{called} would not give the same in a worker process: its state, or a value that this script has "
                    "set in a module that it imports, does not reach the process"
                )

    def make_entries(self, report: Report = lambda step: None) -> list[MethodOfRun]:
        """Return the methods, ready to run.

        A method that cannot run is replaced by a placeholder that fails on each image with the reason.

        Raises
        ------
        MethodError
            No method has a given name, or the only method cannot run.
        """
        entries: list[MethodOfRun] = []
        for place, asked in enumerate(self.methods):
            report(Step("make", str(place)))
            try:
                if place in self.broken:
                    raise MethodBroken(self.broken[place])
                origin = self.origins.get(place)
                entries.append(self._make(asked, origin.sources if origin else None))
            except MissingWeights as error:
                if len(self.methods) == 1:
                    raise
                entries.append(_standin(WithoutWeights(listed_name(str(asked)), str(error))))
            except MethodBroken as error:
                if len(self.methods) == 1:
                    raise
                called = str(getattr(asked, "__name__", type(asked).__name__)).lower()
                name = listed_name(asked) if isinstance(asked, str) else as_name(called)
                cause = error.__cause__
                entries.append(_standin(Broken(name, str(error), traceback_of(cause) if cause else "")))
        return entries

    def _make(self, asked: AnyMethod, sources: str | None) -> MethodOfRun:
        if isinstance(asked, str):
            weights = self.weights.get(asked)
            method = get_method(asked, device=self.device, weights=weights)
            options = split_options(asked)[1] | ({"weights": str(weights)} if weights is not None else {})
        else:
            method, options = get_method(asked, device=self.device), {}
        try:
            return MethodOfRun(method, identity(method, options, sources))
        except SshbenchError:
            raise
        except BaseException as error:
            if by_user(error):
                raise
            raise MethodBroken(f"{method.name}: it cannot be told from other methods ({reason(error)})") from error


@dataclass(frozen=True, eq=False)
class MethodOfRun:
    """A method in a run, and its identity for records."""

    method: Method
    own: Identity


def _standin(method: Method) -> MethodOfRun:
    broken = method.why if isinstance(method, Broken) else ""
    return MethodOfRun(method, Identity(method.name, False, "", "", method.trained_by or "", broken))


@dataclass(frozen=True)
class Task:
    """Some images to judge.

    Parameters
    ----------
    known
        The records of earlier runs on these images.
    scorers
        The hash of the scorer by protocol. Scores of other scorers are not used.
    nets
        The hash of the LPIPS weights by metric. LPIPS metrics without an entry cannot be computed.
    lost
        The reason why a step is not tried again, by the step: it ended or blocked its process.
    """

    ids: tuple[str, ...]
    known: tuple[Record, ...] = ()
    scorers: Mapping[str, str] = field(default_factory=dict)
    nets: Mapping[str, str] = field(default_factory=dict)
    lost: Mapping[Step, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class _Loaded:
    composite: Composite
    inputs: str
    target: str


def judge(
    job: EvaluationJob, entries: Sequence[MethodOfRun], task: Task, report: Report = lambda step: None
) -> list[Record]:
    """Predict and score some images, and return their records. Valid scores in `task.known` are used again.

    Parameters
    ----------
    report
        A function that receives each step before it begins.
    """
    earlier = {record.key: record for record in task.known if record.failed is None} if job.keep else {}
    loaded, records = [], []
    for id in task.ids:
        step = Step("load", "", (id,))
        try:
            if step in task.lost:
                raise SshbenchError(task.lost[step])
            report(step)
            composite = job.benchmark[id]
        except Exception as error:
            why = reason(error)
            records += [_record(job, one.own, p, id, task, failed=why) for one in entries for p in job.protocols]
            continue
        _protect(composite)
        loaded.append(_Loaded(composite, input_hash(composite), pixels_hash(composite.target)))
    for entry in entries:
        for one, prediction in zip(loaded, _predicted(job, entry, loaded, task, report), strict=True):
            step = Step("score", entry.own.name, (one.composite.id,))
            if step in task.lost:
                prediction = _Found(failed=task.lost[step])
            report(step)
            records += [_scored(job, entry.own, protocol, one, prediction, earlier, task) for protocol in job.protocols]
    return records


def _protect(composite: Composite) -> None:
    """Make the pixels read-only, so that no method can change the input of the next method."""
    for pixels in vars(composite).values():
        if isinstance(pixels, np.ndarray):
            pixels.flags.writeable = False


class _Found:
    """A prediction, whose pixels are read on first use; or the reason and the traceback of a failure."""

    def __init__(
        self, stored: Stored | None = None, pixels: Pixels | None = None, failed: str | None = None, traceback: str = ""
    ) -> None:
        self.stored, self.failed, self.traceback, self._pixels = stored, failed, traceback, pixels

    def pixels(self) -> Pixels:
        if self._pixels is None:
            assert self.stored is not None
            self._pixels = self.stored.pixels()
        return self._pixels


def _predicted(
    job: EvaluationJob, entry: MethodOfRun, loaded: Sequence[_Loaded], task: Task, report: Report
) -> list[_Found]:
    found: dict[str, _Found] = {}
    keys: dict[str, str] = {}
    missing = []
    for one in loaded:
        id = one.composite.id
        lost = task.lost.get(Step("predict", entry.own.name, (id,)))
        try:
            keys[id] = prediction_key(entry.method, entry.own, one.composite, one.inputs, one.target)
        except Exception as error:  # the method's own function `key` may raise any error
            lost = lost or reason(error)
        kept = None
        if lost is None and job.keep:
            kept = stored(prediction_file(job.out, entry.own.name, id), keys[id])
        if lost is not None:
            found[id] = _Found(failed=lost)
        elif kept is not None:
            found[id] = _Found(kept)
        else:
            missing.append(one.composite)
    for composite, outcome in zip(missing, _made(entry, missing, report), strict=True):
        id, path = composite.id, prediction_file(job.out, entry.own.name, composite.id)
        if isinstance(outcome, MethodFailed):
            if not isinstance(entry.method, WithoutWeights):  # missing weights do not invalidate an earlier prediction
                path.unlink(missing_ok=True)
            found[id] = _Found(failed=str(outcome), traceback=outcome.traceback)
        else:
            pixels, costs = outcome
            found[id] = _Found(store(path, pixels, keys[id], costs), pixels)
    return [found[one.composite.id] for one in loaded]


def _made(entry: MethodOfRun, batch: Sequence[Composite], report: Report) -> list[Any]:
    """Return the pixels and costs, or the error, of each composite. If a batch fails, its images are tried singly."""
    if not batch:
        return []
    report(Step("predict", entry.own.name, tuple(composite.id for composite in batch)))
    try:
        pixels, costs = predict(entry.method, batch)
        return [(image, costs) for image in pixels]
    except MethodFailed as error:
        if len(batch) == 1:
            return [error]
        return [outcome for composite in batch for outcome in _made(entry, [composite], report)]


def _record(job: EvaluationJob, own: Identity, protocol: Protocol, id: str, task: Task, **more: Any) -> Record:
    return Record(
        id=id,
        benchmark=job.benchmark.name,
        method=own.name,
        protocol=protocol.name,
        protocol_version=str(protocol.version),
        sees_target=own.sees_target,
        method_hash=own.code,
        weights_hash=own.weights_hash,
        trained_by=own.trained_by,
        scorer_hash=task.scorers.get(protocol.name, ""),
        **more,
    )


def _scored(
    job: EvaluationJob,
    own: Identity,
    protocol: Protocol,
    one: _Loaded,
    found: _Found,
    earlier: dict[Any, Record],
    task: Task,
) -> Record:
    composite = one.composite
    record = _record(
        job,
        own,
        protocol,
        composite.id,
        task,
        attributes=dict(composite.attributes),
        input_hash=_hash_of(one),
        failed=found.failed,
        traceback=found.traceback,
    )
    if found.stored is None:
        return record
    record = replace(
        record,
        seconds=found.stored.costs.seconds,
        peak_memory=found.stored.costs.peak_memory,
        prediction=prediction_file("", own.name, composite.id).as_posix(),
        prediction_hash=found.stored.hash,
    )
    metrics, nets = _still_holding(earlier.get(record.key), record, task)
    chosen = suite.chosen(protocol, job.metrics)
    missing = [name for name in chosen if name not in metrics and (name not in LPIPS or name in task.nets)]
    if missing:
        try:
            with torch_in_one_thread():
                metrics |= suite.score(found.pixels(), composite, protocol, missing, device=job.device)
        except Exception as error:
            return replace(record, failed=reason(error))
    metrics = {name: metrics[name] for name in protocol.metrics if name in metrics}
    nets |= task.nets
    used = " ".join(f"{name}={nets[name]}" for name in LPIPS if name in metrics and name in nets)
    return replace(record, metrics=metrics, lpips_hash=used)


def _still_holding(old: Record | None, record: Record, task: Task) -> tuple[dict[str, float], dict[str, str]]:
    """Return the scores of an earlier record that are valid for the new record, and the hashes of its LPIPS weights.

    An LPIPS score is invalid if the present weights differ from its weights. If no weights are available, the earlier
    score is kept.
    """
    if old is None or _basis(old) != _basis(record):
        return {}, {}
    nets = dict(part.split("=", 1) for part in old.lpips_hash.split() if "=" in part)
    holds = {name: name not in LPIPS or task.nets.get(name, nets.get(name)) == nets.get(name) for name in old.metrics}
    return {name: value for name, value in old.metrics.items() if holds[name]}, nets


def _hash_of(one: _Loaded) -> str:
    """Return the hash of a composite and its ground truth."""
    return f"{one.inputs[:16]}{one.target[:16]}"


def _basis(record: Record) -> tuple[str, ...]:
    """Return the values that determine the scores of a record, except the LPIPS weights."""
    return record.protocol_version, record.scorer_hash, record.input_hash, record.prediction_hash
