"""Making many pictures one after another: existing files, failures, and the messages to the user."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from sshbench.cli.composites.jobs import BESIDE, SOURCES, Job, check_inputs_survive
from sshbench.cli.composites.making import Methods, make, small_copies
from sshbench.cli.composites.origins import Origins
from sshbench.cli.composites.table import Row
from sshbench.cli.progress import Progress
from sshbench.cli.stopping import go_on
from sshbench.errors import SshbenchError, counted, sentence
from sshbench.outputs import would_replace

if TYPE_CHECKING:
    from sshbench.compositing.summary import Pair

T = TypeVar("T")


@dataclass
class Done:
    """The outcome of a batch: the number of new and of existing pictures, and one sentence for each failure."""

    made: int = 0
    there: int = 0
    failures: list[str] = field(default_factory=list)

    def said(self, place: object) -> str:
        """Return the line that ends the batch."""
        notes = [f"{n} {what}" for n, what in ((self.there, "already there"), (len(self.failures), "failed")) if n]
        return f"{counted(self.made, 'picture')} in {place}" + (f" ({', '.join(notes)})" if notes else "")

    def tried(self, work: Callable[[], T], progress: Progress, *, origin: str | None = None, strict: bool) -> T | None:
        """Do the work of one picture; report a failure and return None, or raise it if `strict`."""
        try:
            return work()
        except (SshbenchError, OSError) as error:
            if strict:
                raise
            self.fail(f"{origin}: {sentence(error)}" if origin else sentence(error), progress)
            return None

    def fail(self, reason: str, progress: Progress) -> None:
        """Count a failure and report its reason."""
        self.failures.append(reason)
        progress.say(f"sshbench: {reason}", err=True)


def make_all(
    jobs: Sequence[Job], output: str, methods: Methods, existing: str | None, max_pixels: int | None, *, quiet: bool
) -> Done:
    """Make the pictures of files or folders.

    Parameters
    ----------
    existing
        What to do with files that already exist: `"overwrite"`, `"skip"`, or None to refuse.

    Raises
    ------
    SshbenchError, OSError
        Files already exist, or the only picture cannot be made.
    """
    kept = _kept(jobs, existing)
    todo = [job for job in jobs if not kept.issuperset(job.files)]
    methods.of(jobs[0].look)
    done = Done(there=len(jobs) - len(todo))
    if len(jobs) > 1:
        go_on("finished pictures are kept; the same command with --skip-existing continues")
    with Progress("picture", len(todo), quiet=quiet) as progress:
        for job in todo:
            work = partial(make, job, kept, methods.of(job.look), max_pixels)
            made = done.tried(work, progress, strict=len(jobs) == 1 or _debug())
            if made is not None:
                done.made += 1
                if not quiet:
                    progress.say(made.said)
            progress.step()
    if len(jobs) > 1 and not quiet:
        click.echo(done.said(output))
    return done


def make_table(
    table: Path, rows: Sequence[Row], output: str | None, methods: Methods, existing: str | None,
    max_pixels: int | None, *, quiet: bool,
) -> Done:  # fmt: skip
    """Make the pictures of a table, and a page of all pictures that exist, including those of an earlier run.

    Raises
    ------
    SshbenchError, OSError
        Files already exist, or a row would overwrite an input or the output of another row.
    """
    from sshbench.compositing.summary import Entry, is_summary, side_for, write_summary

    kept = _kept([row.job for row in rows if row.job], existing)
    folder = Path(output or table.parent)
    page = folder / f"{table.stem}.html"
    if page.exists() and existing != "overwrite" and not is_summary(page):
        raise SshbenchError(f"{page}: exists and is not a page of sshbench; rename the table, or add --overwrite")
    side, origins = side_for(len(rows)), Origins(folder)
    done, entries = Done(), list[Entry]()
    folder.mkdir(parents=True, exist_ok=True)
    go_on("finished pictures are kept; the same command with --skip-existing continues and makes the page")

    def enter(row: Row, job: Job, progress: Progress) -> None:
        method, stays = methods.of(job.look), kept.intersection(job.files)
        origin = origins.of(job, method)
        if stays and (changed := origins.changed(job, origin)):
            stays = set()
            if not quiet and job.output in kept:
                progress.say(changed)
        facts = _facts(row)
        if stays.issuperset(job.files):
            pair: Pair | None = small_copies(job, max_pixels, side)
            done.there += 1
        else:
            if not stays:
                origins.forget(job)  # a killed process may leave files of the old and of the new row
            made = make(job, stays, method, max_pixels, side)
            origins.note(job, origin)
            done.made += 1
            if not quiet:
                progress.say(made.said)
            pair = made.pair
            facts.append(("made by", made.said.split(": ", 1)[1]))
        assert pair is not None
        entries.append(Entry(_title(job, folder), pair, facts, _links(job)))

    with Progress("picture", len(rows), quiet=quiet) as progress:
        for row in rows:
            if row.job is None:
                done.fail(row.error or "", progress)
            else:
                work = partial(_at_fault, row, partial(enter, row, row.job, progress))
                done.tried(work, progress, origin=row.job.origin, strict=_debug())
            progress.step()
    write_summary(page, f"Composites of {table.name}", entries, done.failures)
    if not quiet:
        way = "; correct the failed rows and run the same command with --skip-existing" if done.failures else ""
        click.echo(f"{done.said(folder)}; before and after: {page}{way}")
    return done


def _kept(jobs: Sequence[Job], existing: str | None) -> set[Path]:
    """Return the existing files that stay unchanged.

    Raises
    ------
    SshbenchError
        Files exist and no option says what to do with them, or a job would overwrite a file that another reads or
        writes.
    """
    check_inputs_survive(jobs)
    there = {path for job in jobs for path in job.files if would_replace(path)}
    if there and existing is None:
        others = f" and {len(there) - 1} more" if len(there) > 1 else ""
        raise SshbenchError(
            f"{min(there)}{others} already exist{'' if others else 's'}; add --overwrite or --skip-existing"
        )
    return there if existing == "skip" else set()


def _at_fault(row: Row, work: Callable[[], T]) -> T:
    """Do the work of a row; if a file or the mask of a cell is at fault, put its column in front of the error."""
    from sshbench.compositing.masking import MaskError

    try:
        return work()
    except (SshbenchError, OSError) as error:
        said, job = sentence(error), row.job
        assert job is not None
        first = "foreground" if job.background else "composite"
        files = {first: job.foreground, "background": job.background, "mask": job.mask}
        if isinstance(error, MaskError) or (said.startswith("the mask ") and job.mask):
            raise SshbenchError(f"mask: {said}") from error
        for column, file in files.items():
            if file and said.startswith(str(file)):
                raise SshbenchError(f"{column}: {said}") from error
        raise


def _debug() -> bool:
    return bool(click.get_current_context().find_root().params.get("debug"))


def _title(job: Job, folder: Path) -> str:
    return str(job.output.relative_to(folder) if job.output.is_relative_to(folder) else job.output)


def _facts(row: Row) -> list[tuple[str, str]]:
    """Return the values of a row for the page: the names of its files, then its options in one line."""
    files = [(name, Path(row.cells[name]).name) for name in SOURCES if name in row.cells]
    left_out = {*SOURCES, "output", *(name.replace("_", "-") for name in BESIDE)}
    options = " · ".join(f"{name} {cell}" for name, cell in row.cells.items() if name not in left_out)
    return [*files, *([("options", options)] if options else []), ("line", str(row.line))]


def _links(job: Job) -> list[tuple[str, Path]]:
    return [("picture", job.output), *((name.replace("export_lut", "LUT"), path) for name, path in job.beside.items())]
