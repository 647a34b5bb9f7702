"""The standard table on iHarmony4 by subsets, with each method's measured and published numbers side by side.

Each method is scored by the protocol of its authors.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sshbench.benchmarks.iharmony4 import SUBSETS
from sshbench.benchmarks.open import open_benchmark
from sshbench.benchmarks.protocol import Protocol, get_protocol
from sshbench.errors import SshbenchError, counted
from sshbench.methods.base import MissingWeights
from sshbench.methods.cards import Card, Checkpoint, read_card
from sshbench.methods.named_options import split_options
from sshbench.methods.registry import listed_name
from sshbench.methods.weights import load_weights
from sshbench.results.published import Published, read_published
from sshbench.results.run import Progress, evaluate
from sshbench.results.summary import MethodRow, MethodsSummary, summarise
from sshbench.results.tables import MISSING, Table, failures, number, stated, title_of

BENCHMARK = "iharmony4"
METHODS = (
    "dih",
    "s2am:blend=false",
    "dovenet",
    "idih",
    "issam",
    "harmonizer",
    "pct-net",
    "hdnet:background=target",
    "hdnet",
)
"""The methods with numbers on iHarmony4 whose weights are available or can be trained, run as their authors do."""

METRICS = ("mse", "psnr", "fmse")  # the columns of published tables on iHarmony4
PARTS = ("all", *SUBSETS)

_WHOSE = {"": "needs no weights", MISSING: "no weights here"}


@dataclass(frozen=True)
class PublishedMethod:
    """A method with the options used here, and its name in `published.csv`."""

    method: str
    published_as: str

    @property
    def name(self) -> str:
        """The method's name in records."""
        return listed_name(self.method)


def reproduce(
    out: Path,
    *,
    root: str | None = None,
    methods: Sequence[str] = METHODS,
    weights: Mapping[str, str | Path] | None = None,
    device: str = "cpu",
    workers: int | None = None,
    limit: int | None = None,
    allow_incomplete: bool = False,
    progress: Progress | None = None,
) -> Iterator[Table]:
    """Measure methods, each by the protocol of its authors, and yield one table for each protocol.

    Each table also has the untouched composites.

    Parameters
    ----------
    out
        The folder of the results; results of earlier calls are reused.
    root
        The root folder of iHarmony4. By default, the embedded sample takes its place, and the tables say so.
    methods
        Names as for `get_method`; the cards of these methods must name a protocol.
    weights
        The weights of each method, as for `load_weights`. The default is the authors' weights if they were imported,
        or else the weights that ship.
    limit, allow_incomplete
        As for `evaluate` and `open_benchmark`.

    Raises
    ------
    SshbenchError
        A benchmark, a method or weights cannot be used.
    """
    given = dict(weights or {})
    by_protocol: dict[str, list[PublishedMethod]] = {}
    for method in methods:
        plain = split_options(method)[0]
        card = read_card(plain)
        if card.protocol is None:
            raise SshbenchError(
                f"the card of {plain} names no protocol of its authors, so it has no place in this table"
            )
        line = PublishedMethod(method, _release_of(card, given.get(plain)).published_as or card.published_as)
        by_protocol.setdefault(card.protocol, []).append(line)
    if root is not None:
        benchmark, said = open_benchmark(BENCHMARK, root, allow_incomplete=allow_incomplete), "iHarmony4"
    else:
        benchmark, said = open_benchmark("sample"), "the embedded sample"
    for name, lines in by_protocol.items():
        protocol = get_protocol(name)
        records = evaluate(
            benchmark,
            ["dc", *(line.method for line in lines)],
            [protocol],
            out / benchmark.name,
            metrics=[metric for metric in METRICS if metric in protocol.metrics],
            device=device,
            workers=workers,
            limit=limit,
            progress=progress,
            weights={line.method: given[plain] for line in lines if (plain := split_options(line.method)[0]) in given},
        )
        yield subsets_beside([PublishedMethod("dc", "composite"), *lines], summarise(records), protocol, said)


def subsets_beside(lines: Sequence[PublishedMethod], summary: MethodsSummary, protocol: Protocol, said: str) -> Table:
    """Return a table with one measured row and all published rows for each method, by subsets and metrics.

    Parameters
    ----------
    said
        A text that describes the images of the summary.
    """
    metrics = [metric for metric in METRICS if metric in protocol.metrics]
    cells = [(part, metric) for part in PARTS for metric in metrics]
    head = ("method", "whose", *(f"{part} {title_of(metric)}" for part, metric in cells), "n", "by")
    rows: list[tuple[str, ...]] = []
    breaks, sources = set(), list[tuple[str, str, str]]()
    by_method = {row.method: row for row in summary.rows}
    for line in lines:
        breaks.add(len(rows))
        row = by_method[line.name]
        mark = "".join(f" {sign}" for sign, is_so in (("‡", row.sees_target), ("†", bool(row.failures))) if is_so)
        measured = [_measured(row, *cell) for cell in cells]
        whose = _WHOSE.get(row.trained_by, f"weights of {row.trained_by}")
        rows.append((f"{line.name}{mark}", whose, *measured, str(row.n), protocol.name if row.n else ""))
        for origin, printed in _published(line.published_as, protocol.name).items():
            if origin not in sources:
                sources.append(origin)
            values = {(p.subset, p.metric): p for p in printed}
            count = next((p.n for p in printed if p.subset == "all"), max(p.n for p in printed))
            found = [values[cell].value if cell in values else "" for cell in cells]
            if any(found):
                by = f"{origin[1] or 'not said'} [{sources.index(origin) + 1}]"
                rows.append((line.published_as, "published", *found, f"{count}", by))
    notes = [
        f"Measured on {said}, {counted(summary.images, 'image')}. Published: printed by others, not measured here."
    ]
    notes += [f"[{i}] {source}: {note}." for i, (source, _, note) in enumerate(sources, start=1)]
    if summary.benchmark != BENCHMARK:
        notes.append(
            "Measured on other images than those of iHarmony4: compare differences between rows, not values; "
            "give its folder with --root."
        )
    if any(row.sees_target for row in summary.rows):
        notes.append("‡ sees the ground truth, so it is no rival of those that do not.")
    breaks.discard(0)
    title = f"iHarmony4 by {protocol.name}: subsets, measured beside published"
    return Table(
        title, head, tuple(rows), breaks=frozenset(breaks), notes=(*notes, *stated(summary), *failures(summary))
    )


def _measured(row: MethodRow, part: str, metric: str) -> str:
    estimates = row.estimates if part == "all" else row.strata.get(("subset", part), {})
    return number(metric, estimates[metric].mean) if metric in estimates and row.n else ""


def _published(method: str, protocol: str) -> dict[tuple[str, str, str], list[Published]]:
    """Return the published numbers of a method on iHarmony4 under a protocol, or under no stated one, by source."""
    found: dict[tuple[str, str, str], list[Published]] = {}
    for p in read_published():
        if p.benchmark == BENCHMARK and p.method == method and p.protocol in ("", protocol):
            found.setdefault((p.source, p.protocol, p.note), []).append(p)
    return found


def _release_of(card: Card, given: str | Path | None) -> Checkpoint:
    """Return the authors' release with the architecture of the available weights, or else the first release."""
    try:
        architecture = load_weights(card.method, given).card.architecture
    except MissingWeights:
        return card.checkpoint[0]
    alike = [one for one in card.checkpoint if one.architecture.items() <= architecture.items()]
    return max(alike, key=lambda one: len(one.architecture), default=card.checkpoint[0])
