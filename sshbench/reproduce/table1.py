"""Table 1 of the paper: six methods on RealHM, each with its available weights, by the paper's protocol and ours.

Jiang et al., "SSH: A Self-Supervised Framework for Image Harmonization", ICCV 2021, section 4.2.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from sshbench.benchmarks.open import open_benchmark
from sshbench.benchmarks.protocol import get_protocol
from sshbench.methods.base import MissingWeights
from sshbench.methods.cards import read_card
from sshbench.methods.weights import load_weights
from sshbench.reproduce.beside import Line, beside
from sshbench.reproduce.judged import METRICS
from sshbench.reproduce.trained import seen
from sshbench.results.run import Progress, evaluate
from sshbench.results.summary import summarise
from sshbench.results.tables import Table

ROWS = {
    "dc": "composites as they are",
    "wct2": "style transfer, background to foreground",
    "dih": "deep image harmonization",
    "s2am": "spatial-separated attention",
    "dovenet": "domain verification",
    "ssh": "self-supervised",
}
"""The methods of the rows in the paper's order, each with a description."""

PROTOCOLS = ("ssh-iccv21", "sshbench-v1")
PAPERS = "ssh-iccv21"


def reproduce(
    out: Path,
    *,
    realhm: str | None = None,
    weights: Mapping[str, str | Path] | None = None,
    protocols: Sequence[str] = PROTOCOLS,
    device: str = "cpu",
    workers: int | None = None,
    limit: int | None = None,
    allow_incomplete: bool = False,
    progress: Progress | None = None,
) -> Iterator[Table]:
    """Measure all rows and yield one table for each protocol. Rows without weights say how to get the weights.

    Under the paper's protocol, SSH runs as in the authors' notebook, which produced the paper's row.

    Parameters
    ----------
    out
        The folder of the results; results of earlier calls are reused.
    realhm
        The root folder of RealHM. By default, the embedded sample takes its place, and the tables say so.
    weights
        The weights of each method, as for `load_weights`. The default is the authors' weights if they were imported,
        or else the weights that ship.
    limit
        The number of images to take, from the first on.
    allow_incomplete
        As for `open_benchmark`.
    progress
        As for `evaluate`, for each protocol.

    Raises
    ------
    SshbenchError
        A benchmark, a protocol or weights cannot be used.
    """
    given = dict(weights or {})
    scored_by = [get_protocol(name) for name in protocols]
    lines = [Line(name, says, _whose(name, given.get(name))) for name, says in ROWS.items()]
    if realhm is not None:
        benchmark, said = open_benchmark("realhm", realhm, allow_incomplete=allow_incomplete), "RealHM"
    else:
        benchmark, said = open_benchmark("sample"), "the embedded sample"
    for protocol in scored_by:
        names = {name: "ssh:notebook=true" if name == "ssh" and protocol.name == PAPERS else name for name in ROWS}
        records = evaluate(
            benchmark,
            list(names.values()),
            [protocol],
            out / benchmark.name,
            metrics=[metric for metric in METRICS if metric in protocol.metrics],
            device=device,
            workers=workers,
            limit=limit,
            progress=progress,
            weights={names[name]: file for name, file in given.items()},
        )
        summary = summarise([replace(record, method=record.method.partition("+")[0]) for record in records])
        table = beside(f"Table 1, on {said}, by {protocol.name}", lines, summary, said, metrics=METRICS)
        yield replace(table, notes=(*_notes(protocol.name, realhm), *table.notes))


def _whose(method: str, given: str | Path | None) -> str:
    """Return the origin of a method's available weights, or instructions to get weights."""
    if method == "dc":
        return "nothing"
    try:
        card = load_weights(method, given).card
    except MissingWeights:
        return f"no weights; sshbench weights import {read_card(method).checkpoint[0].files[0]} --method {method}"
    if card.trained_by == "authors":
        return f"weights of its authors, {card.file.partition(',')[0]}"
    return f"weights of {card.trained_by}: {seen(card)}"


def _notes(protocol: str, realhm: str | None) -> list[str]:
    notes = []
    if realhm is None:
        notes.append(
            "RealHM was not given: get it from its authors, https://github.com/VITA-Group/SSHarmonization, and run "
            "sshbench reproduce table1 --realhm DIR."
        )
    if protocol == PAPERS:
        notes.append(
            "The authors' notebook computes neither SSIM nor LPIPS, so the paper's computation of both is unknown."
        )
    return notes
