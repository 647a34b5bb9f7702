"""Numbers from papers and repositories, each with its source. Tables show them separately from measured numbers."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True)
class Published:
    """One published number.

    Parameters
    ----------
    value, n
        The published value, and the number of images.
    source
        The paper or repository that contains the number, with the table or file.
    protocol, note
        The protocol of sshbench that corresponds to the scoring, or "" if it is unknown; and remarks on the scoring.
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
    """Return the published numbers on a benchmark or on a subset of it; empty if there are none, as for `sample`."""
    return [p for p in read_published() if p.benchmark == benchmark and p.subset == subset]
