"""The pictures of `sshbench harmonize`: a `Job` for each, with its input files, output files and options."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sshbench.cli.lut.arguments import images_below
from sshbench.cli.options import settings_from
from sshbench.compositing.finishing import Finish
from sshbench.compositing.place import Place
from sshbench.errors import SshbenchError
from sshbench.outputs import one_file_of_two

if TYPE_CHECKING:
    from sshbench.colour.strength import Amount
    from sshbench.compositing.harmonize import LutSpace, MapChoice

SOURCES = ("foreground", "background", "composite", "mask")
"""The options that name input files."""
BESIDE = {"layer": ".png", "psd": ".psd", "export_lut": ".cube", "preview": ".png"}
"""The options that name further output files, and the suffix of these files in a folder."""


@dataclass(frozen=True)
class Look:
    """The options that decide how a picture is made."""

    place: Place
    finish: Finish
    method: str | None
    weights: str | None
    kind: MapChoice
    reference: str
    amount: Amount
    lut_space: LutSpace
    quality: int | None

    @classmethod
    def taken(cls, values: dict[str, Any]) -> Look:
        """Remove the options of a picture from the values of the command, and return them as a look.

        Raises
        ------
        SshbenchError
            The values contradict each other.
        """
        from sshbench.colour.strength import Amount
        from sshbench.compositing.painting import check_amount

        amount = Amount.of(*(values.pop(name) for name in ("strength", "lightness", "colour")))
        check_amount(values["kind"], amount)
        plain = {name: values.pop(name) for name in ("method", "weights", "kind", "reference", "lut_space", "quality")}
        return cls(settings_from(Place, values), settings_from(Finish, values), amount=amount, **plain)


@dataclass(frozen=True)
class Job:
    """One picture to make, with its input files and its output files.

    Parameters
    ----------
    beside
        The files that are written beside the picture, by the option that requests each file.
    origin
        The row of the job in a table, for messages: `jobs.csv, line 3`.
    """

    foreground: Path
    background: Path | None
    mask: Path | None
    output: Path
    look: Look
    beside: Mapping[str, Path] = field(default_factory=dict)
    origin: str | None = None

    @property
    def files(self) -> list[Path]:
        """Return the files to write, with the picture itself last."""
        return [*self.beside.values(), self.output]


def plan(
    look: Look,
    sources: Mapping[str, str | None],
    output: str,
    beside: Mapping[str, str | None] = {},
    origin: str | None = None,
) -> list[Job]:
    """Plan the pictures of one file or of a folder of files.

    Parameters
    ----------
    sources
        The files or folders of `SOURCES`.
    output, beside
        Files, or folders if the first source is a folder.

    Raises
    ------
    SshbenchError
        The options contradict each other, a folder has no image, or a file has no partner of the same name.
    """
    foreground, background, composite, mask = (sources.get(name) for name in SOURCES)
    if composite is not None and (foreground is not None or background is not None):
        raise SshbenchError("give --composite, or --foreground and --background, not both")
    if composite is None and (foreground is None or background is None):
        lacking = "--foreground" if foreground is None else "--background"
        raise SshbenchError(f"{lacking} is missing; give --foreground and --background, or --composite with --mask")
    if composite is not None and mask is None:
        raise SshbenchError("--composite needs --mask, an image that is white where the foreground is")
    first = composite if composite is not None else foreground
    assert first is not None
    written = {name: text for name, text in beside.items() if text is not None}
    if "export_lut" in written and look.kind == "none":
        raise SshbenchError("--map none pastes a picture, so there is no LUT to export; choose lut or polynomial")
    given = {"--background": background, "--mask": mask}
    if Path(first).is_dir():
        return _pairs(look, Path(first), given, output, written)
    for option, text in given.items():
        if text is not None and Path(text).is_dir():
            raise SshbenchError(f"{option} {text} is a folder, but {first} is one file; give two files or two folders")
    _check_names(output, written)
    behind, cut = (None if text is None else Path(text) for text in (background, mask))
    extra = {name: Path(text) for name, text in written.items()}
    return [Job(Path(first), behind, cut, Path(output), look, extra, origin)]


def _check_names(output: str, beside: Mapping[str, str]) -> None:
    """Refuse output files whose suffix belongs to another format."""
    from sshbench.compositing.layers import check_holds_alpha
    from sshbench.images.files import format_of
    from sshbench.images.psd import check_psd

    format_of(output)
    if "layer" in beside:
        check_holds_alpha(beside["layer"])
    if "psd" in beside:
        check_psd(beside["psd"])
    if "preview" in beside and format_of(beside["preview"]) != "PNG":
        raise SshbenchError(f"--preview {beside['preview']} must be a PNG file; give it the suffix .png")
    if "export_lut" in beside and Path(beside["export_lut"]).suffix.lower() != ".cube":
        raise SshbenchError(f"--export-lut {beside['export_lut']} must be a .cube file; give it the suffix .cube")


def _pairs(
    look: Look, first: Path, given: Mapping[str, str | None], output: str, beside: Mapping[str, str]
) -> list[Job]:
    """Return the jobs of a folder: files whose names below each folder are equal up to the suffix belong together."""
    from sshbench.images.files import SUFFIXES

    sources = _by_name(first, output)
    partners: dict[str, Mapping[str, Path] | Path | None] = {}
    for option, text in given.items():
        if text is None or not Path(text).is_dir():
            partners[option] = None if text is None else Path(text)
            continue
        partners[option] = found = _by_name(Path(text), output)
        missing = sorted(set(sources) - set(found))
        if missing:
            more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
            raise SshbenchError(f"{text} has no image named {missing[0]}{more}, which {first} has")
    jobs = []
    for name, source in sources.items():
        background, mask = (p.get(name) if isinstance(p, Mapping) else p for p in partners.values())
        extra = {option: Path(folder) / f"{name}{BESIDE[option]}" for option, folder in beside.items()}
        suffix = (background or source).suffix
        suffix = suffix if suffix.lower() in SUFFIXES else ".png"  # a format that sshbench only reads
        jobs.append(Job(source, background, mask, Path(output) / f"{name}{suffix}", look, extra))
    return jobs


def _by_name(folder: Path, output: str) -> dict[str, Path]:
    from sshbench.file_names import same_name
    from sshbench.images.beyond_pillow import READ_ALONE
    from sshbench.images.files import SUFFIXES

    found: dict[str, Path] = {}
    for path in images_below(folder, [*SUFFIXES, *READ_ALONE], without=Path(output)):
        name = same_name(path.relative_to(folder).with_suffix("").as_posix())
        if name in found:
            raise SshbenchError(
                f"{found[name]} and {path} have the same name up to the suffix; keep one of them in the folder"
            )
        found[name] = path
    if not found:
        raise SshbenchError(f"{folder}: contains no image that sshbench reads")
    return found


def check_inputs_survive(jobs: Sequence[Job]) -> None:
    """Refuse jobs that would overwrite an input, or write the same file twice.

    Raises
    ------
    SshbenchError
        A job would overwrite an input, or two jobs would write the same file.
    """
    inputs = {
        os.path.realpath(path): path for job in jobs for path in (job.foreground, job.background, job.mask) if path
    }
    targets: dict[str, Job] = {}
    for job in jobs:
        start = f"{job.origin}: " if job.origin else ""
        for target in job.files:
            place = os.path.realpath(target)
            if place in inputs:
                raise SshbenchError(f"{start}{target} would overwrite the input {inputs[place]}")
            if place in targets:
                other = targets[place].origin
                way = f"{other} writes it, too" if other and other != job.origin else "give each output its own file"
                raise SshbenchError(f"{start}{target} would be written twice; {way}")
            targets[place] = job
    if both := one_file_of_two(os.path.commonpath(targets) if targets else ".", targets):
        raise SshbenchError(
            f"{both[0]} and {both[1]} would be one file, as their disk does not distinguish capital letters; rename one"
        )
