"""The rules for ids of samples: an id is the path of a prediction in a folder of results, and the key of every join.

Ids come from untrusted file names, table cells and lists. If an id leads out of the folder, the whole benchmark is
refused. If no file can have the id as its name, the sample gets a substitute id and fails with a reason; the other
samples are evaluated.
"""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from collections.abc import Sequence
from pathlib import PurePosixPath

from sshbench.benchmarks.composite import BenchmarkError
from sshbench.errors import printable
from sshbench.file_names import same_name
from sshbench.outputs import one_file_of_two

ENDINGS = (".png", ".npy")
"""The suffixes that follow the id in the file names of a prediction."""

_LONGEST_PART = 240  # bytes between two slashes; file systems allow 255, including the suffix
_LONGEST = 1000  # bytes in total, so that the whole path stays below the limit of 4,096
_DRIVE = re.compile(r"[A-Za-z]:([/\\]|$)")


def leads_out(id: str) -> bool:
    """Return whether a relative path leads out of its folder, such as `../a`, `/a` or `C:/a`."""
    return id.startswith(("/", "\\")) or ".." in re.split(r"[/\\]", id) or bool(_DRIVE.match(id))


def fault_of(id: str) -> str | None:
    """Return the reason why no file can have the id as its name; None if a file can."""
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
    """Return the ids of all samples, and for each substitute id the reason why its sample fails.

    Parameters
    ----------
    where
        The name of the benchmark in errors.
    given
        All ids, without repetition.

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
            fault = "is also the path of another one"
        if fault is None and above is not None:
            fault = f"is in a folder that has the name of a file of {above!r}"
        if fault is not None:
            faults[stand_in := _stand_in(id)] = f"the id {id!r} {fault}; rename it"
        taken.add(path)
        listed.append(id if fault is None else stand_in)
    return listed, faults


def check_ids(where: str, ids: Sequence[str]) -> None:
    """Check that all ids can be used.

    Raises
    ------
    BenchmarkError
        An id leads out of a folder of results, or no file can have it as its name.
    """
    _, faults = usable_ids(where, list(dict.fromkeys(ids)))
    if faults:
        raise BenchmarkError(f"{where}: {next(iter(faults.values()))}")


def check_files(where: str, names: Sequence[str], folder: str | os.PathLike[str]) -> None:
    """Refuse names, of ids or of methods, whose files in a folder would be one file on the folder's disk.

    Raises
    ------
    BenchmarkError
        Two names differ only in capital letters, or one lies in a folder of another one's file name in other capital
        letters (`A.png/b` beside `a`), and the disk does not tell them apart.
    """
    paths = ["/".join(_parts(name)) for name in names]
    owners = {path: path for path in paths}
    above = {
        str(parent): path
        for path in paths
        if any(f"{ending}/" in path.casefold() for ending in ENDINGS)
        for parent in PurePosixPath(path).parents
    }
    if above:
        files = {f"{path}{ending}": path for path in paths for ending in ENDINGS}
        folded = {same_name(file).casefold() for file in files}
        owners = files | {parent: path for parent, path in above.items() if same_name(parent).casefold() in folded}
    if both := one_file_of_two(folder, owners):
        first, second = (owners[file] for file in both)
        raise BenchmarkError(
            f"{where}: {first!r} and {second!r} would be one file in {os.fspath(folder)}, as its disk does not tell "
            "capital letters apart; choose a folder on another disk, or rename one"
        )


def _parts(id: str) -> list[str]:
    """Return the components of a path without `.` and empty components, which have no effect."""
    return [part for part in id.split("/") if part not in ("", ".")]


def _stand_in(id: str) -> str:
    """Return a readable substitute name that is no other sample's id."""
    readable = re.sub(r"[^\w.+-]+", "_", printable(id))[:80]
    return f"{readable}~{hashlib.sha256(id.encode('utf-8', 'surrogatepass')).hexdigest()[:12]}"
