"""`generate`: make a folder of triplets from a source of photographs, in any number of processes and calls.

A shard is the unit of work, and a pure function of the run and the shard's number. Local processes, Ray tasks and
`shard=(i, n)` slices can therefore all continue the same output, after any number of interruptions.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any, Literal

from sshbench.errors import SshbenchError
from sshbench.lut.bank import LutBank
from sshbench.triplets.card import card
from sshbench.triplets.codecs import Codec
from sshbench.triplets.held_out import Part
from sshbench.triplets.local_engine import run_here, run_processes
from sshbench.triplets.luts import Places, places_of
from sshbench.triplets.manifest import (
    Manifest,
    Run,
    ShardRecord,
    Skipped,
    StoreKind,
    begin,
    finish,
    lut_hashes,
    read_manifest,
)
from sshbench.triplets.progress import Bar
from sshbench.triplets.settings import COMPUTED, Settings
from sshbench.triplets.source import Source
from sshbench.triplets.storage import Storage
from sshbench.triplets.writer import Made, ShardJob, Tick, Todo, partners_of

Engine = Literal["local", "ray"]

ROWS_PER_SHARD: dict[StoreKind, int] = {"pixels": 500, "recipes": 200_000}


class EngineError(SshbenchError):
    """A run cannot start or continue; finished shards are kept."""


@dataclass(frozen=True, repr=False)
class Summary:
    """The result of a call of `generate`, and the state of the output.

    Parameters
    ----------
    manifest, output
        The manifest of the output, and its path or URL.
    photos, made, kept
        The number of photographs that this call read, of shards that it made, and of whole shards that existed before.
    missing
        The number of shards that no call has made yet; None for an unfinished stream.
    seconds
        The duration of the call.

    Examples
    --------
    >>> import sshbench
    >>> from sshbench.triplets import Settings
    >>> made = sshbench.generate_triplets("sample", "triplets", Settings(crop=64), limit=3)
    >>> made.photos, made.skipped, made.manifest.complete
    (3, [], True)
    """

    manifest: Manifest
    output: str
    photos: int
    made: int
    kept: int
    missing: int | None
    seconds: float

    def __repr__(self) -> str:
        run, of = self.manifest.run, self.manifest.run.shards
        shards = f"{len(self.manifest.shards)} of {'an unknown number of' if of is None else of} shards"
        return (
            f"<Summary of {run.settings.kind} in {shards}; {self.photos} photographs read, {len(self.skipped)} skipped>"
        )

    @property
    def skipped(self) -> list[Skipped]:
        """The photographs that could not be used, each with its `row` id and the `reason`."""
        return self.manifest.skipped

    @property
    def lost_share(self) -> float:
        """The share of the run's rows that could not be made, 0 to 1.

        The share refers to all rows of the run, so that it does not depend on the order in which parts of the run end.
        For an unfinished stream, it refers to the rows of the finished shards.
        """
        draws = self.manifest.run.settings.draws
        tried = sum(r.photos for r in self.manifest.shards.values())
        lost = tried * draws - self.manifest.rows
        expected = (self.manifest.run.photos or tried) * draws
        return lost / expected if expected else 0.0


def plan(
    settings: Settings,
    source: Source,
    bank: LutBank | None,
    *,
    store: StoreKind = "pixels",
    codec: Codec | None = None,
    views: int = 3,
    rows_per_shard: int | None = None,
    asked: dict[str, Any] | None = None,
    luts_from: Places | None = None,
    lut_part: Part = "all",
    license: str | None = None,
) -> Run:
    """Plan a run without making anything; `sshbench.generate_triplets` plans and makes in one call.

    Parameters
    ----------
    settings, source
        The settings of the triplets, and the photographs that `open_source` returns.
    bank
        The LUTs that `sshbench.triplets.luts.bank_of` returns; None if `settings.appearance` needs no LUTs.
    store, codec
        `"pixels"` or `"recipes"`, and the encoding of images.
    views
        3, or 4 to also store `reference_alpha`, which the reconstruction loss needs.
    rows_per_shard
        The number of triplets in a shard; by default 500 with pixels (about 150 MB) and 200,000 with recipes.
    asked
        The arguments of `open_source` that open the source again; by default the source's description.
    luts_from, lut_part
        The places from which the bank was read, and the part of their looks in the bank.
    license
        The licence of the photographs, for the data set's card.

    Returns
    -------
    Run
        The plan, for `generate`.

    Raises
    ------
    SshbenchError
        The arguments contradict each other.

    Examples
    --------
    >>> from sshbench.triplets import Settings, open_source, plan
    >>> from sshbench.triplets.luts import open_bank
    >>> run = plan(Settings(), open_source("sample"), open_bank())
    >>> run.photos, run.shards, run.store
    (12, 1, 'pixels')
    """
    if rows_per_shard is not None and rows_per_shard < 1:
        raise EngineError(f"a shard has at least 1 row, not {rows_per_shard}")
    if views not in (3, 4):
        raise EngineError(f"views is 3 (the triplet) or 4 (with reference_alpha), not {views}")
    if views == 4 and settings.kind != "triplets":
        raise EngineError("only triplets have 4 views; leave --views out, or choose --kind triplets")
    if source.streaming and settings.appearance == "color-transfer":
        raise EngineError(
            "color transfer takes its colours from other photographs, which a stream cannot reach; "
            "leave --streaming out or take another --appearance"
        )
    return Run(
        settings=settings,
        store=store,
        codec=codec or Codec.choose(),
        views=views,
        rows_per_shard=rows_per_shard or ROWS_PER_SHARD[store],
        luts=lut_hashes(bank),
        lut_size=bank.size if bank is not None else 0,
        luts_from=() if settings.appearance in COMPUTED else places_of(luts_from),
        lut_part=lut_part,
        source=asked if asked is not None else dict(source.description),
        fingerprint=source.fingerprint,
        found=dict(source.description),
        photos=None if source.streaming else len(source),
        license=license or source.description.get("license"),
    )


def generate(
    run: Run,
    source: Source,
    bank: LutBank | None,
    output: str | os.PathLike[str],
    *,
    engine: Engine = "local",
    workers: int = 1,
    address: str | None = None,
    shard: tuple[int, int] | None = None,
    verify: Literal["hash", "size"] = "hash",
    retry_skipped: bool = False,
    progress: bool = False,
) -> Summary:
    """Make the missing shards of a run in `output`.

    A script that calls this function needs no `if __name__ == "__main__":`, since workers do not import the script.

    Parameters
    ----------
    run
        The plan that `plan` returned.
    source, bank
        The photographs and the LUTs with which the run was planned.
    output
        A folder, or an fsspec URL such as `s3://bucket/triplets`.
    engine, workers, address
        `"local"` uses `workers` processes (1 uses this process). `"ray"` runs tasks on the cluster at `address`, or on
        this machine with `workers` processors.
    shard
        `(i, n)` makes only the shards whose number is i modulo n, with i from 0. Other machines make the others.
    verify
        Whether existing shards are checked by their `"hash"` or only by their `"size"`.
    retry_skipped
        Whether to make shards with skipped photographs again, after the cause was removed.
    progress
        Whether to show photographs per second, the remaining time, and the failures so far on the standard error.

    Returns
    -------
    Summary
        The result of this call, and the state of the output.

    Raises
    ------
    EngineError
        An argument is out of range, or another run replaced the output.
    ManifestError
        The folder belongs to another run.
    StorageError
        The folder cannot be written; finished shards are kept.

    Examples
    --------
    >>> from sshbench.triplets import Settings, generate, open_source, plan
    >>> from sshbench.triplets.luts import open_bank
    >>> source, bank = open_source("sample", limit=2), open_bank()
    >>> generate(plan(Settings(crop=64), source, bank), source, bank, "triplets").photos
    2
    """
    storage = Storage(os.fspath(output))
    i, n = shard or (0, 1)
    if not 0 <= i < n:
        raise EngineError(f"--shard {i}/{n}: the first is 0/{n} and the last {n - 1}/{n}")
    if workers < 1:
        raise EngineError(f"at least one worker is needed, not {workers}")
    if storage.scheme == "memory" and (workers > 1 or engine == "ray"):
        raise EngineError("memory:// exists in one process only; use --workers 1, or another --output")
    storage.clear_scratch()
    before = begin(storage, run)
    run = replace(before.run, versions=run.versions)
    job = ShardJob(run, source, bank, storage, partners_of(run, source), verify, retry_skipped)

    begun = time.monotonic()
    shards = _Shards(before, i, n)
    made = kept = photos = 0
    try:
        with (
            Bar(shards.photos, progress) as bar,
            closing(_run(job, iter(shards), engine, workers, address, bar.tick)) as run_,
        ):
            for record, new in run_:
                shards.add(record)
                made += new and record.photos > 0
                kept += not new
                photos += record.photos if new else 0
                bar.finished(record, new)
        manifest, missing = _conclude(job, shards)
    finally:
        storage.clear_scratch()
    return Summary(manifest, storage.url, photos, made, kept, missing, time.monotonic() - begun)


class _Shards:
    """The shards of one slice, finished or not. A shard that is not full marks the end of a stream."""

    def __init__(self, before: Manifest, i: int, n: int) -> None:
        self.run = before.run
        self.records = dict(before.shards)
        self.slice = i, n

    @property
    def count(self) -> int | None:
        """The number of shards of the run; for a stream, an upper limit, or None while no end is known."""
        if self.run.photos is not None:
            return self.run.shards
        full = self.run.photos_per_shard
        return min((r.number + (r.photos > 0) for r in self.records.values() if r.photos < full), default=None)

    @property
    def photos(self) -> int | None:
        """The number of photographs in this slice; None for a stream."""
        if self.run.photos is None:
            return None
        full, (i, n) = self.run.photos_per_shard, self.slice
        return sum(min(full, self.run.photos - k * full) for k in range(i, self.run.shards or 0, n))

    def __iter__(self) -> Iterator[tuple[int, ShardRecord | None]]:
        i, n = self.slice
        for number in itertools.count(i, n):
            count = self.count
            if count is not None and number >= count:
                return
            yield number, self.records.get(number)

    def add(self, record: ShardRecord) -> None:
        self.records[record.number] = record


def _conclude(job: ShardJob, shards: _Shards) -> tuple[Manifest, int | None]:
    """Finish the output if all shards exist, and return the manifest and the number of missing shards."""
    latest = read_manifest(job.output)
    if different := latest.run.differences(shards.run):
        raise EngineError(
            f"{job.output.url} was taken over by another run meanwhile ({'; '.join(different)}); give each run an "
            "--output of its own"
        )
    shards.records = latest.shards | shards.records
    count = shards.count
    records = {k: r for k, r in shards.records.items() if r.photos}
    if count is None or len(records) < count:
        if (latest := read_manifest(job.output)).complete:  # another part of the run has just finished it
            return latest, 0
        return Manifest(shards.run, records), None if count is None else count - len(records)
    total = sum(record.photos for record in records.values())
    manifest = Manifest(replace(shards.run, photos=total), records, complete=True)
    finish(job.output, manifest, card(manifest))
    return manifest, 0


def _run(
    job: ShardJob, todo: Todo, engine: Engine, workers: int, address: str | None, tick: Tick
) -> Generator[Made, None, None]:
    if engine == "ray":
        from sshbench.triplets.ray_engine import run_ray

        return run_ray(job, todo, workers, address, tick)
    return run_processes(job, todo, workers, tick) if workers > 1 else run_here(job, todo, tick)
