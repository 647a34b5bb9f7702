"""Numbers that papers and repositories print, each with its source; shown beside measured numbers, never among them."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True)
class Published:
    """One printed number.

    Parameters
    ----------
    value, n
        The value as printed, and the number of images.
    source
        Where the number stands.
    protocol, note
        The protocol of sshbench by which it was scored, "" if none is known; and what else is known about the scoring.
    """

    benchmark: str
    subset: str
    method: str
    metric: str
    value: str
    n: int
    source: str
    protocol: str
    note: str


@cache
def read_published() -> tuple[Published, ...]:
    """Return all published numbers, in the order of the file `published.csv` of this package."""
    text = files(__package__).joinpath("published.csv").read_text("utf-8")
    found = []
    for row in csv.DictReader(text.splitlines()):
        count, note = int(row.pop("n")), row.pop("protocol_note")
        found.append(Published(**row, n=count, note=note))
    return tuple(found)


def published_on(benchmark: str, subset: str = "all") -> list[Published]:
    """Return the numbers on a benchmark, or on a subset of it; empty if nothing is printed, as for `sample`."""
    return [p for p in read_published() if p.benchmark == benchmark and p.subset == subset]
