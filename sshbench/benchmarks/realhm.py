"""RealHM: 216 high-resolution composites with ground truth edited by hand, in the layout its authors distribute.

The files of a tuple lie at any depth below `vendor_testing_1`, `_2` and `_3`, and share a name X: `X_small.jpg` is the
foreground photograph, `X.jpg` the foreground on the canvas, `X_mask.jpg` the soft mask, `X_fore.jpg` the background
(despite its name) and `X_gt.jpg` the ground truth. Names repeat across folders, so an id is the path of `X`.
"""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from sshbench.benchmarks.composite import BenchmarkError, check_mask
from sshbench.benchmarks.files import FileBenchmark, images_below, read_attributes
from sshbench.devices import processors
from sshbench.errors import SshbenchError, listed
from sshbench.file_names import same_names
from sshbench.images.masks import Beside, as_share, read_mask
from sshbench.images.reading import open_image

EXPECTED = 216
VENDORS = ("vendor_testing_1", "vendor_testing_2", "vendor_testing_3")
SUFFIXES = {
    "foreground_photo": "_small",
    "foreground": "",
    "mask": "_mask",
    "background": "_fore",
    "target": "_gt",
}
"""The end of the file name of each role, before the suffix."""
ATTRIBUTES = "composites.csv"
"""The name of an optional file beside the vendor folders with further attributes of each id."""

Tuples = dict[str, dict[str, Path]]


@dataclass(frozen=True)
class Problem:
    """A fault of one tuple or file."""

    id: str
    text: str


@dataclass(frozen=True)
class Listing:
    """The tuples and the faults of a root.

    Parameters
    ----------
    tuples
        The files of each id that has all roles, in order of path.
    problems
        The faults that were found.
    """

    root: Path
    tuples: Tuples
    problems: list[Problem] = field(default_factory=list)


def list_tuples(root: str | os.PathLike[str], expected: int | None = EXPECTED) -> Listing:
    """Return the tuples and the faults that file names show, without decoding a file.

    Parameters
    ----------
    expected
        The expected number of tuples; None accepts any number.

    Raises
    ------
    BenchmarkError
        The folder is missing, or does not have the layout of RealHM.
    """
    root = Path(root)
    vendors = [name for name in VENDORS if (root / name).is_dir()]
    if not vendors:
        raise BenchmarkError(_why_not(root))
    found: dict[str, dict[str, list[Path]]] = defaultdict(lambda: defaultdict(list))
    paths = [path for vendor in vendors for path in images_below(root / vendor)]
    parts = [_role(path.stem) for path in paths]
    names = [path.relative_to(root).with_name(stem).as_posix() for path, (stem, _) in zip(paths, parts, strict=True)]
    for id, path, (_, role) in zip(same_names(names), paths, parts, strict=True):
        found[id][role].append(path)

    tuples: Tuples = {}
    problems = []
    if expected is not None:
        problems += [Problem(name, f"the folder {name} is missing") for name in VENDORS if name not in vendors]
    for id, roles in sorted(found.items()):
        missing = [f"{id.rpartition('/')[2]}{end}.jpg" for role, end in SUFFIXES.items() if role not in roles]
        for role, files in roles.items():
            if len(files) > 1:
                problems.append(Problem(id, f"the {role} exists twice: {listed([path.name for path in files])}"))
        if missing:
            problems.append(Problem(id, f"lacks {listed(missing, 5)}"))
        else:
            tuples[id] = {role: roles[role][0] for role in SUFFIXES}
    if expected is not None and len(tuples) != expected:
        problems.insert(0, Problem("", f"there are {len(tuples)} complete tuples of {expected}"))
    return Listing(root, tuples, problems)


def _role(stem: str) -> tuple[str, str]:
    for role, end in SUFFIXES.items():
        if end and stem.lower().endswith(end) and len(stem) > len(end):
            return stem[: -len(end)], role
    return stem, "foreground"


def _why_not(root: Path) -> str:
    if not root.is_dir():
        return f"{root}: there is no such folder; give the folder that contains vendor_testing_1 to vendor_testing_3"
    inside = sorted(path.name for path in root.iterdir() if path.is_dir())
    if any(name in inside for name in ("HCOCO", "HAdobe5k", "HFlickr", "Hday2night")):
        return f"{root}: is an iHarmony4 root, not RealHM; evaluate it with the split iharmony4"
    if "composite_images" in inside:
        return f"{root}: is a subset of iHarmony4, not RealHM; give its parent folder with the split iharmony4"
    if root.name in VENDORS:
        return f"{root}: is one of RealHM's three folders; give its parent, {root.parent}"
    for name in inside:
        if any((root / name / vendor).is_dir() for vendor in VENDORS):
            return f"{root}: RealHM is one folder further in; give {root / name}"
    return f"{root}: is not RealHM, which contains the folders vendor_testing_1 to vendor_testing_3"


def check(
    root: str | os.PathLike[str],
    expected: int | None = EXPECTED,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Listing:
    """Decode every file, and return the tuples and all faults.

    In addition to the faults of `list_tuples`, the faults are unreadable files, sizes that differ between roles, masks
    without foreground or background, and tuples whose foreground, background and ground truth equal those of another
    tuple.

    Parameters
    ----------
    expected
        The expected number of tuples; None accepts any number.
    progress
        A function that receives the number of finished tuples and the total number.
    """
    listing = list_tuples(root, expected)
    problems = list(listing.problems)
    seen: dict[str, str] = {}
    with ThreadPoolExecutor(processors()) as pool:
        for done, (id, texts, digest) in enumerate(pool.map(_examined, listing.tuples.items()), 1):
            problems += [Problem(id, text) for text in texts]
            if digest in seen:
                problems.append(Problem(id, f"has the same images as {seen[digest]}"))
            seen.setdefault(digest, id)
            progress(done, len(listing.tuples))
    return Listing(listing.root, listing.tuples, problems)


def _examined(item: tuple[str, Mapping[str, Path]]) -> tuple[str, list[str], str]:
    id, files = item
    texts = []
    sizes: dict[str, tuple[int, int]] = {}
    digest = hashlib.sha256()
    beside = None
    # The mask comes last, because reading it needs a photograph of the tuple (`beside`).
    for role, path in sorted(files.items(), key=lambda item: item[0] == "mask"):
        try:
            if role == "mask":
                mask = as_share(read_mask(path, role, beside))
                sizes[role] = mask.shape[1], mask.shape[0]
                check_mask(path.name, mask)
                continue
            stored = open_image(path, role)
            height, width = stored.upright().pixels.shape[:2]
            if role != "foreground_photo":
                sizes[role] = width, height
            if role == "foreground":
                beside = Beside(height, width, stored.orientation, f"the {role}")
            if role in ("foreground", "background", "target"):
                digest.update(hashlib.sha256(path.read_bytes()).digest())
        except (SshbenchError, OSError) as error:
            texts.append(str(error))
    if len(set(sizes.values())) > 1:
        said = [f"{role} {' x '.join(map(str, sizes[role]))}" for role in files if role in sizes]
        texts.append(f"sizes differ: {', '.join(said)}")
    return id, texts, digest.hexdigest()


class RealHM(FileBenchmark):
    """RealHM, or any folder in its layout.

    Parameters
    ----------
    root
        The folder that holds `vendor_testing_1` to `vendor_testing_3`.
    allow_incomplete
        Whether to accept missing tuples, and to leave out tuples that lack a role.
    expected
        The expected number of tuples; None accepts any number.

    Raises
    ------
    BenchmarkError
        The folder does not have the layout of RealHM, or tuples are missing.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        *,
        allow_incomplete: bool = False,
        expected: int | None = EXPECTED,
        name: str = "realhm",
    ) -> None:
        listing = list_tuples(root, expected)
        if not listing.tuples:
            raise BenchmarkError(f"{root}: holds no complete tuple; run 'sshbench realhm check {root}'")
        if listing.problems and not allow_incomplete:
            first = listing.problems[0]
            more = f" (and {len(listing.problems) - 1} more)" if len(listing.problems) > 1 else ""
            raise BenchmarkError(
                f"{root}: {first.id}{': ' if first.id else ''}{first.text}{more}; see 'sshbench realhm check', "
                "or continue with --allow-incomplete"
            )
        attributes: dict[str, dict[str, str | float]] = {id: {"subset": id.partition("/")[0]} for id in listing.tuples}
        if (listing.root / ATTRIBUTES).is_file():
            for id, more_ in read_attributes(listing.root / ATTRIBUTES).items():
                attributes.setdefault(id, {}).update(more_)
        super().__init__(name, listing.tuples, attributes)
