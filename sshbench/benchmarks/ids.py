"""What the id of a sample may be: it is the path of its prediction in a folder of results, and the key of every join.

Ids come from file names, from cells of tables and from lists that anybody can have written. One that leads out of the
folder is refused together with all that came with it. One that no file can be named by gets a name in its place, and
its sample fails with the reason; the others are evaluated.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Sequence

from sshbench.benchmarks.composite import BenchmarkError
from sshbench.errors import printable

ENDINGS = (".png", ".npy")
"""Of the files that are kept of a prediction, behind its id."""

_LONGEST_PART = 240  # bytes between two slashes; file systems allow 255, and a file's ending belongs to that
_LONGEST = 1000  # bytes in all, so that the path stays below 4096 in any folder
_DRIVE = re.compile(r"[A-Za-z]:([/\\]|$)")


def leads_out(id: str) -> bool:
    """Return whether a path leads out of the folder that it is put into, as `../a`, `/a` or `C:/a` do."""
    return id.startswith(("/", "\\")) or ".." in re.split(r"[/\\]", id) or bool(_DRIVE.match(id))


def fault_of(id: str) -> str | None:
    """Say why no file can be named by an id; None where one can."""
    try:
        parts = [part.encode() for part in _parts(id)]
    except UnicodeEncodeError:
        return "is not UTF-8"
    if any(unicodedata.category(letter) == "Cc" for letter in id):
        return "has control characters"
    if not parts:
        return "is empty"
    if max(map(len, parts)) > _LONGEST_PART or len(id.encode()) > _LONGEST:
        return "is too long for the name of a file"
    return None


def usable_ids(where: str, given: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Return the ids to list, and why those of them fail that stand for ones that cannot be used.

    Parameters
    ----------
    where
        What errors call the benchmark.
    given
        All ids, no two of them equal.

    Raises
    ------
    BenchmarkError
        An id leads out of a folder of results.
    """
    for id in given:
        if leads_out(id):
            raise BenchmarkError(
                f"{where}: the id {id!r} leads out of a folder of results; rename it, or do not use it"
            )
    paths = {id: "/".join(_parts(id)) for id in given}
    files = {f"{path}{ending}": id for id, path in paths.items() for ending in ENDINGS}
    listed, faults, taken = [], {}, set()
    for id, path in paths.items():
        steps = path.split("/")
        above = next((files[up] for n in range(1, len(steps)) if (up := "/".join(steps[:n])) in files), None)
        fault = fault_of(id)
        if fault is None and path in taken:
            fault = "is the path of another one too"
        if fault is None and above is not None:
            fault = f"is in a folder that has the name of a file of {above!r}"
        if fault is not None:
            faults[stand_in := _stand_in(id)] = f"the id {id!r} {fault}; rename it"
        taken.add(path)
        listed.append(id if fault is None else stand_in)
    return listed, faults


def check_ids(where: str, ids: Sequence[str]) -> None:
    """Refuse ids that cannot be used.

    Raises
    ------
    BenchmarkError
        One leads out of a folder of results, or no file can be named by it.
    """
    _, faults = usable_ids(where, list(dict.fromkeys(ids)))
    if faults:
        raise BenchmarkError(f"{where}: {next(iter(faults.values()))}")


def _parts(id: str) -> list[str]:
    """The parts of a path, of which `.` and empty ones change nothing."""
    return [part for part in id.split("/") if part not in ("", ".")]


def _stand_in(id: str) -> str:
    """A name that can be read and that is no other id's."""
    readable = re.sub(r"[^\w.+-]+", "_", printable(id))[:80]
    return f"{readable}~{hashlib.sha256(id.encode('utf-8', 'surrogatepass')).hexdigest()[:12]}"
