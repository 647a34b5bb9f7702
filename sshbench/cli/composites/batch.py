"""Making many pictures, one after the other: what is there already, what fails, and what the user is told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import click

from sshbench.cli.composites.jobs import BESIDE, SOURCES, Job, check_inputs_survive
from sshbench.cli.composites.making import Made, Methods, make, small_copies
from sshbench.cli.composites.table import Row
from sshbench.cli.progress import Progress
from sshbench.cli.stopping import go_on
from sshbench.errors import SshbenchError, counted, sentence
from sshbench.whole_file import would_replace

T = TypeVar("T")


@dataclass
class Done:
    """What came of a batch: how many pictures were made and were there already, and the failures, a sentence each."""

    made: int = 0
    there: int = 0
    failures: list[str] = field(default_factory=list)

    def said(self, place: object) -> str:
        """Return the line that ends the batch."""
        notes = [f"{n} {what}" for n, what in ((self.there, "already there"), (len(self.failures), "failed")) if n]
        return f"{counted(self.made, 'picture')} in {place}" + (f" ({', '.join(notes)})" if notes else "")

    def tried(self, work: Callable[[], T], progress: Progress, *, origin: str | None = None, strict: bool) -> T | None:
        """Do the work of one picture; if it fails, say so and go on, unless `strict`."""
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
        Files are there already, or a single picture cannot be made.
    """
    kept = _kept(jobs, existing)
    todo = [job for job in jobs if not kept.issuperset(job.files)]
    methods.of(jobs[0].look)
    done = Done(there=len(jobs) - len(todo))
    if len(jobs) > 1:
        go_on("pictures that are finished are kept; the same command with --skip-existing goes on")
    with Progress("picture", len(todo), quiet=quiet) as progress:
        for job in todo:
            work = _work(job, kept, methods, max_pixels)
            made = done.tried(work, progress, strict=len(jobs) == 1 or _debug())
            _count(done, made, progress, quiet)
    if len(jobs) > 1 and not quiet:
        click.echo(done.said(output))
    return done


def make_table(
    table: Path, rows: Sequence[Row], output: str | None, methods: Methods, existing: str | None,
    max_pixels: int | None, *, quiet: bool,
) -> Done:  # fmt: skip
    """Make the pictures of a table, and a page of all of them that are there, also from an earlier run.

    Raises
    ------
    SshbenchError, OSError
        Files are there already, or rows would overwrite each other's files or what they read.
    """
    from sshbench.compositing.summary import Entry, is_summary, side_for, write_summary

    kept = _kept([row.job for row in rows if row.job], existing)
    folder = Path(output or table.parent)
    page = folder / f"{table.stem}.html"
    if page.exists() and existing != "overwrite" and not is_summary(page):
        raise SshbenchError(f"{page}: is there already and no page of sshbench; rename the table, or add --overwrite")
    side = side_for(len(rows))
    done, entries = Done(), list[Entry]()
    go_on("pictures that are finished are kept; the same command with --skip-existing goes on and makes the page")
    with Progress("picture", len(rows), quiet=quiet) as progress:
        for row in rows:
            job = row.job
            if job is None:
                done.fail(row.error or "", progress)
            elif kept.issuperset(job.files):
                done.there += 1
                pair = done.tried(
                    lambda job=job: small_copies(job, max_pixels, side),  # type: ignore[misc]
                    progress, origin=job.origin, strict=_debug(),
                )  # fmt: skip
                if pair is not None:
                    entries.append(Entry(_title(job, folder), pair, _facts(row), _links(job)))
            else:
                work = _work(job, kept, methods, max_pixels, side)
                made = done.tried(work, progress, origin=job.origin, strict=_debug())
                _count(done, made, progress, quiet)
                if made is not None and made.pair is not None:
                    facts = [*_facts(row), ("made by", made.said.split(": ", 1)[1])]
                    entries.append(Entry(_title(job, folder), made.pair, facts, _links(job)))
                continue
            progress.step()
    page.parent.mkdir(parents=True, exist_ok=True)
    write_summary(page, f"Composites of {table.name}", entries, done.failures)
    if not quiet:
        way = "; mend what failed and run the same command with --skip-existing" if done.failures else ""
        click.echo(f"{done.said(folder)}; before and after: {page}{way}")
    return done


def _kept(jobs: Sequence[Job], existing: str | None) -> set[Path]:
    """Return the files that are there and stay.

    Raises
    ------
    SshbenchError
        Files are there and nothing was said of them, or a job would overwrite what another reads or writes.
    """
    check_inputs_survive(jobs)
    there = {path for job in jobs for path in job.files if would_replace(path)}
    if there and existing is None:
        others = f" and {len(there) - 1} more" if len(there) > 1 else ""
        raise SshbenchError(f"{min(there)}{others} already there; add --overwrite or --skip-existing")
    return there if existing == "skip" else set()


def _work(
    job: Job, kept: set[Path], methods: Methods, max_pixels: int | None, side: int | None = None
) -> Callable[[], Made]:
    return lambda: make(job, kept, methods.of(job.look), max_pixels, side)


def _count(done: Done, made: Made | None, progress: Progress, quiet: bool) -> None:
    if made is not None:
        done.made += 1
        if not quiet:
            progress.say(made.said)
    progress.step()


def _debug() -> bool:
    return bool(click.get_current_context().find_root().params.get("debug"))


def _title(job: Job, folder: Path) -> str:
    return str(job.output.relative_to(folder) if job.output.is_relative_to(folder) else job.output)


def _facts(row: Row) -> list[tuple[str, str]]:
    """Return what a row says, as the page shows it: the names of its files, then its options in one line."""
    files = [(name, Path(row.cells[name]).name) for name in SOURCES if name in row.cells]
    left_out = {*SOURCES, "output", *(name.replace("_", "-") for name in BESIDE)}
    options = " · ".join(f"{name} {cell}" for name, cell in row.cells.items() if name not in left_out)
    return [*files, *([("options", options)] if options else []), ("line", str(row.line))]


def _links(job: Job) -> list[tuple[str, Path]]:
    return [("picture", job.output), *((name.replace("export_lut", "LUT"), path) for name, path in job.beside.items())]
