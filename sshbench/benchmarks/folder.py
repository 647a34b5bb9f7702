"""Any folder as a benchmark. Patterns assign roles to its files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from sshbench.benchmarks.composite import BenchmarkError
from sshbench.benchmarks.files import ROLES, FileBenchmark, is_image, read_attributes
from sshbench.errors import listed
from sshbench.file_names import as_on_disk, same_name

ATTRIBUTES = "attributes.csv"


class Folder(FileBenchmark):
    """A folder as a benchmark. A pattern for each role finds the files of the role.

    Parameters
    ----------
    root
        The folder. If it holds `attributes.csv`, the columns other than `id` become attributes of the samples.
    columns
        For each role (`composite`, `foreground`, `background`, `mask`, `target`, `foreground_photo`), a pattern
        relative to `root` with one `*`. The `*` stands for the id, which may contain `/`. The file suffix may be left
        out. The default is `ROLE/*` for each role that has a folder.
    allow_incomplete
        Whether to leave out ids that lack the file of a role, instead of raising an error.

    Raises
    ------
    BenchmarkError
        The folder is missing, a pattern does not have exactly one `*`, or files are missing.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        columns: Mapping[str, str] | None = None,
        *,
        allow_incomplete: bool = False,
        name: str = "folder",
    ) -> None:
        root = Path(root)
        if not root.is_dir():
            raise BenchmarkError(f"{root}: there is no such folder")
        if not columns:
            columns = {role: f"{role}/*" for role in ROLES if (root / role).is_dir()}
        check_roles(str(root), columns)
        by_role = {role: _matches(root, role, pattern) for role, pattern in columns.items()}
        ids = sorted(set().union(*by_role.values()))
        missing = [f"{role} of {id}" for id in ids for role in by_role if id not in by_role[role]]
        if missing and not allow_incomplete:
            raise BenchmarkError(f"{root}: files are missing: {listed(missing)}; or continue with --allow-incomplete")
        files = {id: {role: found[id] for role, found in by_role.items()} for id in ids if _whole(id, by_role)}
        if not files:
            raise BenchmarkError(f"{root}: no file matches the patterns {', '.join(columns.values())}")
        attributes = read_attributes(root / ATTRIBUTES) if (root / ATTRIBUTES).is_file() else {}
        super().__init__(name, files, attributes)


def _whole(id: str, by_role: Mapping[str, Mapping[str, Path]]) -> bool:
    return all(id in found for found in by_role.values())


def check_roles(where: str, columns: Mapping[str, str]) -> None:
    """Check that the roles are known and sufficient for a sample.

    Raises
    ------
    BenchmarkError
        A role is not in `ROLES`, the mask is missing, or there are no images to make a composite from.
    """
    for role in columns:
        if role not in ROLES:
            raise BenchmarkError(f"{where}: there is no role {role!r}; there are {', '.join(ROLES)}")
    if "mask" not in columns or not ("composite" in columns or {"foreground", "background"} <= set(columns)):
        raise BenchmarkError(
            f"{where}: say which files or columns are the mask, and the composite or foreground and background, "
            "such as composite=images/* mask=masks/*"
        )


def _matches(root: Path, role: str, pattern: str) -> dict[str, Path]:
    """Return the files that match a pattern, by the text in place of its `*`."""
    if pattern.count("*") != 1:
        raise BenchmarkError(f"the pattern of {role}, {pattern!r}, must have exactly one '*' for the id")
    if Path(pattern).is_absolute() or ".." in Path(pattern).parts:
        raise BenchmarkError(f"the pattern of {role}, {pattern!r}, leads out of the folder")
    start, end = same_name(pattern).split("*")
    below = Path(as_on_disk(os.path.join(root, start)))
    found: dict[str, Path] = {}
    for path in sorted((below if start.endswith("/") or not start else below.parent).rglob("*")):
        name = same_name(path.relative_to(root).as_posix())
        bare = name[: -len(path.suffix)] if path.suffix else name
        for candidate in (name, bare):
            id = candidate[len(start) : len(candidate) - len(end)]
            if is_image(path) and candidate.startswith(start) and candidate.endswith(end) and id:
                id = bare[len(start) :] if not end else id
                if id in found:
                    raise BenchmarkError(f"{root}: {found[id].name} and {path.name} are both the {role} of {id}")
                found[id] = path
                break
    return found
