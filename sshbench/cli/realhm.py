"""`sshbench realhm`: check and pack the benchmark RealHM, or a folder in its layout."""

from __future__ import annotations

from pathlib import Path

import click

from sshbench.cli.options import OutFile
from sshbench.cli.progress import Progress
from sshbench.cli.stopping import go_on


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def realhm() -> None:
    """Check and pack RealHM, which its authors distribute.

    \b
    sshbench realhm check RealHM/
    sshbench realhm pack RealHM/ -o realhm.parquet
    sshbench evaluate --split realhm --root realhm.parquet
    """


_EXPECT = click.option(
    "--expect",
    type=click.IntRange(1),
    help="The expected number of tuples; by default 216, or any number with --allow-incomplete.",
)
_INCOMPLETE = click.option("--allow-incomplete", is_flag=True, help="Accept missing tuples, and use the complete ones.")
_QUIET = click.option("--quiet", "-q", is_flag=True, help="Show no progress.")


@realhm.command()
@click.argument("folder", type=click.Path(path_type=Path))
@_EXPECT
@_INCOMPLETE
@_QUIET
@click.pass_context
def check(ctx: click.Context, folder: Path, expect: int | None, allow_incomplete: bool, quiet: bool) -> None:
    """Decode every file of FOLDER and report all faults.

    Faults are missing roles, roles that exist twice, files that cannot be read, sizes that differ between roles, masks
    that are empty or full, tuples with the same images, and an unexpected number of tuples. The exit code is 2 if there
    is any fault.
    """
    from sshbench.benchmarks.realhm import EXPECTED, check

    expected = expect or (None if allow_incomplete else EXPECTED)
    go_on("nothing was changed")
    with Progress("tuple", quiet=quiet) as progress:
        listing = check(folder, expected, progress)
    for problem in listing.problems:
        click.echo(f"{problem.id}: {problem.text}" if problem.id else problem.text)
    bad = {problem.id for problem in listing.problems}
    whole = sum(id not in bad for id in listing.tuples)
    by_folder = ", ".join(
        f"{name}: {sum(id.startswith(f'{name}/') for id in listing.tuples)}"
        for name in sorted({id.partition("/")[0] for id in listing.tuples})
    )
    count = len(listing.problems)
    verdict = "nothing is wrong" if not count else f"{count} problem{'s' if count > 1 else ''}"
    click.echo(f"{folder}: {whole} sound tuples ({by_folder or 'none'}); {verdict}")
    if bad:
        ctx.exit(2)


@realhm.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("-o", "--output", required=True, type=OutFile(path_type=Path), help="The Parquet file to write.")
@_EXPECT
@_INCOMPLETE
@_QUIET
def pack(folder: Path, output: Path, expect: int | None, allow_incomplete: bool, quiet: bool) -> None:
    """Pack FOLDER into one Parquet file with one row for each tuple.

    The files are stored byte for byte, as image columns that datasets.load_dataset("parquet", data_files=...) decodes.
    Every file is decoded once as a check, so the packed benchmark can be evaluated.
    """
    from sshbench.benchmarks.pack import pack
    from sshbench.benchmarks.realhm import EXPECTED, RealHM

    benchmark = RealHM(folder, allow_incomplete=allow_incomplete, expected=expect or EXPECTED)
    go_on("nothing was written")
    with Progress("tuple", quiet=quiet) as progress:
        pack(benchmark, output, progress)
    click.echo(f"{output}: {len(benchmark)} tuples, {output.stat().st_size / 1e6:.1f} MB")
