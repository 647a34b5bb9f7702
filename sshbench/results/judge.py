"""What a run does to one image: load, predict with every method, score under every protocol."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from sshbench.benchmarks.composite import Benchmark, Composite
from sshbench.benchmarks.prediction import Pixels
from sshbench.benchmarks.protocol import Protocol
from sshbench.errors import SshbenchError
from sshbench.methods.base import Method, MissingWeights, WithoutWeights, code_hash
from sshbench.methods.calling import MethodFailed
from sshbench.methods.registry import get_method, listed_name
from sshbench.metrics import suite
from sshbench.results.predict import (
    Stored,
    input_hash,
    pixels_hash,
    predict,
    prediction_key,
    store,
    stored,
)
from sshbench.results.records import Record, prediction_file


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
    weights
        By name as in `methods`, what to hand to `get_method`.
    """

    benchmark: Benchmark
    methods: tuple[str | Method, ...]
    protocols: tuple[Protocol, ...]
    metrics: tuple[str, ...] | None
    out: Path
    device: str = "cpu"
    keep: bool = True
    unavailable: frozenset[str] = frozenset()
    weights: Mapping[str, str | Path] = field(default_factory=dict)

    def make_methods(self) -> list[Method]:
        """The methods, ready to run; in place of one that lacks weights one whose every prediction says so.

        Raises
        ------
        MethodError
            One cannot be made, or the only one lacks weights.
        """
        made: list[Method] = []
        for method in self.methods:
            try:
                made.append(self._make(method) if isinstance(method, str) else method)
            except MissingWeights as error:
                if len(self.methods) == 1:
                    raise
                made.append(WithoutWeights(listed_name(str(method)), str(error)))
        return made

    def _make(self, name: str) -> Method:
        return get_method(name, device=self.device, weights=self.weights.get(name))


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
        _protect(composite)
        loaded.append(_Loaded(composite, input_hash(composite), pixels_hash(composite.target)))
    for method in methods:
        for one, prediction in zip(loaded, _predicted(job, method, loaded), strict=True):
            records += [_scored(job, method, protocol, one, prediction, earlier) for protocol in job.protocols]
    return records


def _protect(composite: Composite) -> None:
    """Make the pixels read-only, so that no method changes what the next one sees."""
    for pixels in vars(composite).values():
        if isinstance(pixels, np.ndarray):
            pixels.flags.writeable = False


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
        if isinstance(outcome, MethodFailed):
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
    except MethodFailed as error:
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
        trained_by=getattr(method, "trained_by", None) or "",
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
        input_hash=_hash_of(one),
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
            return replace(record, failed=why)
    return replace(record, metrics={name: metrics[name] for name in protocol.metrics if name in metrics})


def _hash_of(one: _Loaded) -> str:
    """The hash of a composite and its ground truth."""
    return f"{one.inputs[:16]}{one.target[:16]}"


def _basis(record: Record) -> tuple[str, ...]:
    """What the scores of a record depend on."""
    return record.protocol_version, record.input_hash, record.prediction_hash


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
