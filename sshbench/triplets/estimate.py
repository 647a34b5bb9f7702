"""Estimate the output, the size and the time of a run from a few of its photographs."""

from __future__ import annotations

import time
from dataclasses import dataclass

from sshbench.lut.bank import LutBank
from sshbench.threads import kernels_in_one_thread
from sshbench.triplets.manifest import Run
from sshbench.triplets.shard_file import ParquetShard
from sshbench.triplets.source import Source
from sshbench.triplets.storage import Storage
from sshbench.triplets.writer import ShardJob, outcomes, partners_of
from sshbench.whole_file import folder_for_a_while

_SAMPLES = {"pixels": 8, "recipes": 10_000}


@dataclass(frozen=True)
class ExpectedOutput:
    """The expected output of a run.

    Parameters
    ----------
    photos, rows, shards
        The total numbers of the run; None if the source is a stream.
    row_bytes, photo_seconds
        The mean size of a row in bytes, and the mean time of a photograph on one processor in seconds.
    """

    photos: int | None
    rows: int | None
    shards: int | None
    row_bytes: float
    photo_seconds: float
    samples: int


def estimate(run: Run, source: Source, bank: LutBank | None) -> ExpectedOutput:
    """Estimate a run from a few photographs, evenly spread over the source; from a stream, take its first ones."""
    count = _SAMPLES[run.store]
    if run.photos is None or run.store == "recipes":
        spans = [(0, count)]
    else:
        spans = [(i, i + 1) for i in sorted({k * run.photos // count for k in range(count)} if run.photos else ())]
    job = ShardJob(run, source, bank, Storage("."), partners_of(run, source))
    photos = 0
    with folder_for_a_while() as folder, kernels_in_one_thread():
        begun = time.perf_counter()
        with ParquetShard(folder / "sample", run) as shard:
            for span in spans:
                for rows, _ in outcomes(job, *span):
                    photos += 1
                    for row in rows:
                        shard.add(row)
        seconds = time.perf_counter() - begun
    rows_in_all = None if run.photos is None else run.photos * run.settings.draws
    return ExpectedOutput(
        run.photos,
        rows_in_all,
        run.shards,
        shard.file.bytes / max(1, shard.rows),
        seconds / max(1, photos),
        photos,
    )
