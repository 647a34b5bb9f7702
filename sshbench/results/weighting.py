"""Weight means to another set of images: estimate the means for composites of the same difficulty as in this set.

The composites of a small benchmark may be more difficult than those of a large benchmark. The images are divided into
parts by the fMSE of the unchanged composite, and the mean of each part is weighted by the share of the part in the
other set. The result is an estimate.
"""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from sshbench.errors import SshbenchError
from sshbench.regular_file import read_regular_text
from sshbench.results.records import Record, RecordsError

UNTOUCHED, METRIC = "dc", "fmse"
_MOST_BYTES = 1 << 20  # of a file
_COLUMNS = ["fmse_from", "fmse_to", "share"]


class SharesError(SshbenchError):
    """The shares for weighting a table cannot be read, or do not fit the records."""


@dataclass(frozen=True)
class Shares:
    """The distribution of a set of images over the fMSE of their unchanged composites.

    Parameters
    ----------
    name
        The name of the set in tables.
    lower
        The lower bounds of the parts in fMSE, ascending from 0. The upper bound of a part is the lower bound of the
        next part; the last part has no upper bound.
    shares
        The share of the images in each part, with the sum 1.
    source
        The origin of the shares, such as a paper.
    """

    name: str
    lower: tuple[float, ...]
    shares: tuple[float, ...]
    source: str = ""

    @property
    def parts(self) -> tuple[str, ...]:
        """The ranges of fMSE of the parts as text."""
        ends = (*self.lower[1:], math.inf)
        return tuple(
            f"{low:,g} and above" if high == math.inf else f"under {high:,g}" if low == 0 else f"{low:,g} to {high:,g}"
            for low, high in zip(self.lower, ends, strict=True)
        )

    def part_of(self, fmse: float) -> int:
        """Return the index of the part to which a composite of this fMSE belongs."""
        return sum(fmse >= low for low in self.lower[1:])


def known_shares() -> dict[str, str]:
    """Return the text of each file of shares that ships with sshbench, by name."""
    folder = files(__package__).joinpath("shares")
    return {
        entry.name.removesuffix(".csv"): entry.read_text("utf-8")
        for entry in sorted(folder.iterdir(), key=lambda entry: entry.name)
        if entry.name.endswith(".csv")
    }


def read_shares(where: str | os.PathLike[str]) -> Shares:
    """Return the shares with a known name, such as `iharmony4`, or the shares in a CSV file.

    The file has the columns `fmse_from`, `fmse_to` and `share` (in percent, or any other unit), and one line for each
    part. The first part starts at 0, each further part starts at the end of the part before, and the last part has no
    end. Lines that start with `#` state the source of the shares.

    Raises
    ------
    SharesError
        No shares have this name, the file does not exist, or a line is invalid.
    """
    known = known_shares()
    if str(where) in known:
        return _parsed(str(where), str(where), known[str(where)])
    path = Path(where).expanduser()
    if path.suffix.lower() != ".csv":
        raise SharesError(f"there are no shares called {where}; there are {', '.join(known)}, or give a .csv file")
    try:
        text = read_regular_text(path, _MOST_BYTES)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise SharesError(f"{path}: the shares cannot be read ({reason})") from error
    return _parsed(path.stem, str(path), text)


def _parsed(name: str, where: str, text: str) -> Shares:
    numbered = [(number, line.strip()) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]
    source = " ".join(line.lstrip("# ") for _, line in numbered if line.startswith("#"))
    try:
        lines = [(number, next(csv.reader([line]))) for number, line in numbered if not line.startswith("#")]
    except csv.Error as error:
        raise SharesError(f"{where}: is no CSV file ({error})") from error
    if not lines or lines[0][1] != _COLUMNS:
        raise SharesError(f"{where}: shares have the columns {','.join(_COLUMNS)} in their first line")
    lower, shares, end = [], [], 0.0
    for number, cells in lines[1:]:
        place = f"{where}, line {number}"
        if end == math.inf:
            raise SharesError(f"{place}: the part before has no end, so it is the last one")
        if len(cells) != len(_COLUMNS):
            raise SharesError(f"{place}: there are {len(cells)} cells instead of {len(_COLUMNS)}")
        begin, end_here, share = (_number(cell, place, column) for cell, column in zip(cells, _COLUMNS, strict=True))
        if begin != end:
            raise SharesError(f"{place}: the part begins at {begin:g} and should begin at {end:g}, without a gap")
        if end_here <= begin:
            raise SharesError(f"{place}: the part ends at {end_here:g}, which is not above {begin:g}")
        if not 0 <= share < math.inf:
            raise SharesError(f"{place}: the share is {share:g}, and should be 0 or more")
        lower.append(begin)
        shares.append(share)
        end = end_here
    if end != math.inf:
        raise SharesError(f"{where}: the last part has no end, so leave its fmse_to empty")
    if not sum(shares) > 0:
        raise SharesError(f"{where}: the shares are all 0")
    return Shares(name, tuple(lower), tuple(share / sum(shares) for share in shares), source)


def _number(cell: str, place: str, column: str) -> float:
    if column == "fmse_to" and not cell.strip():
        return math.inf
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise SharesError(f"{place}: {column} is a number, not {cell!r}")
    return value


def strata(records: Sequence[Record], shares: Shares) -> list[list[str]]:
    """Divide the images of records by the fMSE of their unchanged composites, which is the fMSE of the method `dc`.

    Parameters
    ----------
    records
        Records of one benchmark under one protocol.

    Returns
    -------
    list of list of str
        The ids of the images in each part of `shares`. An image without an fMSE of its composite is in no part.

    Raises
    ------
    RecordsError
        The fMSE of no composite is known, or a part with a share has no image.
    """
    found: list[list[str]] = [[] for _ in shares.lower]
    for record in records:
        fmse = record.metrics.get(METRIC, math.nan) if record.method == UNTOUCHED else math.nan
        if not math.isnan(fmse):
            found[shares.part_of(fmse)].append(record.id)
    if not any(found):
        raise RecordsError(
            f"weights to {shares.name} go by the {METRIC} of untouched composites, which these records lack; evaluate "
            f"{UNTOUCHED} with the metric {METRIC} under the same protocol"
        )
    for part, ids, share in zip(shares.parts, found, shares.shares, strict=True):
        if share and not ids:
            raise RecordsError(
                f"there is no estimate for {shares.name}: no image has an untouched composite with a fMSE of {part}, "
                f"as {share:.1%} of its images have; evaluate more images, or give shares without that part"
            )
    return found
