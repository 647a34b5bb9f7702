"""iHarmony4 (Cong et al., CVPR 2020): four subsets of composites made from photographs, with lists of train and test.

A line of a list is the path of a composite, such as `HAdobe5k/composite_images/a0041_1_3.jpg`, and is its id. The name
of the mask lacks the last part of the composite's name (`masks/a0041_1.png`); the name of the real image lacks the last
two parts (`real_images/a0041.jpg`).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from sshbench.benchmarks.composite import BenchmarkError
from sshbench.benchmarks.files import FileBenchmark
from sshbench.benchmarks.realhm import VENDORS
from sshbench.errors import listed
from sshbench.file_names import relative_parts, same_name, same_names
from sshbench.regular_file import read_regular_text

_MOST_BYTES = 1 << 26  # of a list

SUBSETS = ("HCOCO", "HAdobe5k", "HFlickr", "Hday2night")

ListName = Literal["test", "train"]


class IHarmony4(FileBenchmark):
    """iHarmony4, or one of its subsets.

    Parameters
    ----------
    root
        The folder that holds the subsets and `IHD_test.txt`.
    subset
        One of `SUBSETS`; None means all.
    part
        The list, `"test"` or `"train"`. If the root has no list, the subset's own list is read
        (`HAdobe5k/HAdobe5k_test.txt`).
    allow_incomplete
        Whether to leave out samples that lack a file, instead of raising an error.

    Raises
    ------
    BenchmarkError
        The folder is not a folder of iHarmony4, a list is missing, leads out of the root or repeats a sample, or files
        are missing.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        *,
        subset: str | None = None,
        part: ListName = "test",
        allow_incomplete: bool = False,
        name: str = "iharmony4",
    ) -> None:
        root = Path(root)
        ids = [id for id in _lines(root, subset, part) if subset is None or id.startswith(f"{subset}/")]
        files = {id: _files(root, id) for id in ids}
        there: dict[Path, dict[str, str]] = {}
        missing = []
        for id, roles in files.items():
            for role, path in roles.items():
                on_disk = _names(path, there).get(path.name)
                if on_disk is None:
                    missing.append((id, path))
                else:
                    roles[role] = path.with_name(on_disk)
        if missing and not allow_incomplete:
            raise BenchmarkError(
                f"{root}: {len(missing)} listed files are missing, such as {missing[0][1].relative_to(root)}; "
                "add them, or continue with --allow-incomplete"
            )
        for id, _ in missing:
            files.pop(id, None)
        if not files:
            raise BenchmarkError(f"{root}: none of the listed samples of {subset or 'iHarmony4'} is there")
        super().__init__(name, files, {id: {"subset": id.partition("/")[0]} for id in files})


def _lines(root: Path, subset: str | None, part: ListName) -> list[str]:
    lists = [root / f"IHD_{part}.txt"]
    if not lists[0].is_file():
        names = SUBSETS if subset is None else (subset,)
        lists = [path for name in names if (path := root / name / f"{name}_{part}.txt").is_file()]
    if not lists:
        raise BenchmarkError(_why_not(root, part))
    ids: dict[str, None] = {}
    for path in lists:
        try:
            text = read_regular_text(path, _MOST_BYTES)
        except UnicodeDecodeError as error:
            raise BenchmarkError(f"{path}: is not UTF-8 text; save it as UTF-8") from error
        for number, line in enumerate(text.splitlines(), 1):
            if not (line := line.strip()):
                continue
            id = _id(root, path, number, line)
            if id in ids:
                raise BenchmarkError(f"{path}: line {number}: {id} occurs twice")
            ids[id] = None
    return list(ids)


def _id(root: Path, path: Path, number: int, line: str) -> str:
    """Return the id of a line: a path with slashes or backslashes, absolute or relative to the root, or a file name."""
    parts = relative_parts(same_name(line.removeprefix(f"{root.absolute()}/")))
    if parts is None:
        raise BenchmarkError(f"{path}: line {number}: {line!r} leads out of the root")
    if len(parts) == 1:
        parts = (path.parent.name, "composite_images", *parts)
    if len(parts) != 3 or parts[0] not in SUBSETS or parts[1] != "composite_images" or parts[2].count("_") < 2:
        raise BenchmarkError(
            f"{path}: line {number}: {line!r} is not of the form SUBSET/composite_images/IMAGE_MASK_VARIANT.jpg with "
            f"one of {', '.join(SUBSETS)}"
        )
    return "/".join(parts)


def _files(root: Path, id: str) -> dict[str, Path]:
    subset, _, name = id.split("/")
    mask, _, _ = name.rpartition("_")
    real, _, _ = mask.rpartition("_")
    return {
        "composite": root / id,
        "mask": root / subset / "masks" / f"{mask}.png",
        "target": root / subset / "real_images" / f"{real}.jpg",
    }


def _names(path: Path, there: dict[Path, dict[str, str]]) -> dict[str, str]:
    """Return the names in the folder of a file: the name on the disk by its normalised form.

    One listing of a folder is faster than thousands of queries.
    """
    folder = path.parent
    if folder not in there:
        names = os.listdir(folder) if folder.is_dir() else []
        there[folder] = dict(zip(same_names(names), names, strict=True))
    return there[folder]


def _why_not(root: Path, part: ListName) -> str:
    if not root.is_dir():
        return f"{root}: there is no such folder; give the folder that contains {listed(SUBSETS, 4)} and IHD_{part}.txt"
    if any((root / vendor).is_dir() for vendor in VENDORS):
        return f"{root}: is a RealHM root, not iHarmony4; evaluate it with the split realhm"
    if (root / "composite_images").is_dir():
        return f"{root}: is one subset of iHarmony4; give its parent, {root.resolve().parent}"
    return f"{root}: has neither IHD_{part}.txt nor the list of a subset, such as HCOCO/HCOCO_{part}.txt"
