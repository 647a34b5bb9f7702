"""`sshbench report` and `sshbench figure`: make pages and figures about results."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from sshbench.cli.names import METHOD, METRICS, PROTOCOL, SPLIT
from sshbench.cli.options import OutFile
from sshbench.cli.progress import Progress
from sshbench.cli.stopping import go_on
from sshbench.errors import SshbenchError

if TYPE_CHECKING:
    from sshbench.benchmarks.composite import Benchmark
    from sshbench.results.records import Record

RESULTS = Path("results/sample")  # the default output of `sshbench evaluate`

Command = TypeVar("Command", bound=Callable[..., Any])


def _which(command: Command) -> Command:
    for option in (
        click.option(
            "--sort",
            type=METRICS,
            metavar="METRIC",
            help="The metric to sort by.  [default: the first of the protocol]",
        ),
        click.option("--root", metavar="DIR", help="The folder of the benchmark, for the pictures."),
        click.option(
            "--protocol", type=PROTOCOL, metavar="NAME", help="The protocol, if there are records of several."
        ),
        click.option("--split", type=SPLIT, metavar="NAME", help="The benchmark, if there are records of several."),
        click.argument("results", nargs=-1, type=click.Path(path_type=Path)),
    ):
        command = option(command)
    return command


@click.command()
@_which
@click.option("--out", "-o", type=OutFile(path_type=Path), default="report.html", show_default=True, metavar="FILE",
              help="The page to write.")  # fmt: skip
@click.option(
    "--weight-to", metavar="NAME|CSV", help="Estimate means for another set of images, as evaluate --weight-to does."
)
@click.option(
    "--pictures", type=click.IntRange(0), default=48, show_default=True, metavar="N",
    help="Show the N images on which methods differ most.",
)  # fmt: skip
@click.option(
    "--side", type=click.IntRange(32, 4096), default=384, show_default=True, metavar="PIXELS",
    help="The long side of a picture.",
)  # fmt: skip
@click.option("--quiet", "-q", is_flag=True, help="Show no progress.")
def report(
    results: tuple[Path, ...],
    split: str | None,
    protocol: str | None,
    root: str | None,
    sort: str | None,
    out: Path,
    weight_to: str | None,
    pictures: int,
    side: int,
    quiet: bool,
) -> None:
    """Make one HTML page of RESULTS, folders that evaluate wrote (results/sample if none is given).

    The page has the tables, the distribution of every metric, the images on which methods differ most, and all pictures
    under a slider between composite, methods, ground truth and error maps. The page is one file that loads nothing
    else.

    \b
      sshbench evaluate && sshbench report
      sshbench report results/realhm --root ~/RealHM --sort ssim -o realhm.html
    """
    from sshbench.results.folder import check_output
    from sshbench.results.pictures import results_folders
    from sshbench.results.report import write_report
    from sshbench.results.weighting import read_shares

    shares = None if weight_to is None else read_shares(weight_to)
    results = results or (RESULTS,)
    check_output(out, results)
    records = _records(results, split, protocol)
    benchmark = None
    if pictures:
        try:
            benchmark = _benchmark(records, root)
        except SshbenchError as error:
            if root is not None:
                raise
            click.echo(f"sshbench: warning: the page has no pictures, because {error}", err=True)
    folders = results_folders(results)
    go_on("nothing was written")
    with Progress("image", quiet=quiet) as progress:
        write_report(
            out, records, benchmark, folders, sort=sort, weight_to=shares, pictures=pictures, side=side,
            progress=progress,
        )  # fmt: skip
    click.echo(f"Wrote {out} ({out.stat().st_size / 1e6:.1f} MB); open it in a browser.", err=True)


@click.command()
@_which
@click.option("--out", "-o", type=OutFile(path_type=Path), default="figure.png", show_default=True, metavar="FILE",
              help="The figure to write, a .png or a .pdf file.")  # fmt: skip
@click.option("--image", "ids", multiple=True, metavar="ID", help="The id of an image to show. May be repeated.")
@click.option("--rows", type=click.IntRange(1, 100), default=5, show_default=True, metavar="N",
              help="Without --image: show the N images on which methods differ most.")  # fmt: skip
@click.option("--method", "-m", "methods", type=METHOD, multiple=True, metavar="NAME[=TITLE]",
              help="A method to show, under this title. May be repeated; the columns keep this order.  [default: all "
              "except ceilings, the best last]")  # fmt: skip
@click.option("--cell", type=click.IntRange(32, 4096), default=384, show_default=True, metavar="PIXELS",
              help="The width of a cell; in a PDF, the largest long side of its pictures.")  # fmt: skip
@click.option("--values/--no-values", default=True, show_default=True, help="Write the metric below each picture.")
def figure(
    results: tuple[Path, ...],
    split: str | None,
    protocol: str | None,
    root: str | None,
    sort: str | None,
    out: Path,
    ids: tuple[str, ...],
    rows: int,
    methods: tuple[str, ...],
    cell: int,
    values: bool,
) -> None:
    """Draw a comparison grid of RESULTS as papers print it: composite, methods and ground truth side by side.

    \b
      sshbench figure
      sshbench figure results/realhm --root ~/RealHM -m dc=Composite -m ssh=Ours --rows 4 -o figure5.pdf

    A PDF file has its fonts embedded as TrueType and stays below 2 MB if possible, as submission systems require; it
    needs pip install 'sshbench[figures]'.
    """
    from sshbench.results.figure import check_format, grid, write_figure
    from sshbench.results.folder import check_output
    from sshbench.results.pdf import MOST
    from sshbench.results.pictures import load_pictures, results_folders, spread
    from sshbench.results.summary import summarise

    check_format(out)
    results = results or (RESULTS,)
    check_output(out, results)
    records = _records(results, split, protocol)
    summary = summarise(records, sort=sort)
    there = [row.method for row in summary.rows]
    titles = {_column(name): title for name, _, title in (text.partition("=") for text in methods) if title}
    columns = list(dict.fromkeys(text.partition("=")[0] for text in methods))
    columns = columns or [row.method for row in reversed(summary.rows) if not row.sees_target]
    columns = [name for name in columns if name != "dc"]  # the composite is always the first column
    _known("method", columns, there)
    _known("image", ids, [record.id for record in records])
    chosen = list(ids) or (list(spread(records, summary.metrics[0]))[:rows] if summary.metrics else [])
    if not chosen:
        raise SshbenchError(
            "these records contain no scores, so there is nothing to compare; run sshbench evaluate again"
        )
    shown = load_pictures(_benchmark(records, root), records, results_folders(results), chosen, cell)
    captions = _captions(records, summary.metrics[0]) if values and summary.metrics else {}
    write_figure(out, grid(list(shown), columns, captions, titles), cell)
    size = out.stat().st_size
    if out.suffix.lower() == ".pdf" and size > MOST:
        click.echo(
            f"sshbench: warning: {out} has {size / 1e6:.1f} MB; use fewer --rows or a smaller --cell",
            err=True,
        )
    click.echo(f"Wrote {out} ({size / 1e6:.1f} MB).", err=True)


def _records(results: tuple[Path, ...], split: str | None, protocol: str | None) -> list[Record]:
    from sshbench.results.records import read_records
    from sshbench.results.summary import one_of

    return one_of(read_records(results), benchmark=split, protocol=protocol)


def _benchmark(records: list[Record], root: str | None) -> Benchmark:
    from sshbench.benchmarks.open import open_benchmark

    return open_benchmark(records[0].benchmark, root, allow_incomplete=True)


def _known(what: str, names: tuple[str, ...] | list[str], there: list[str]) -> None:
    from sshbench.errors import suggestion

    for name in names:
        if name not in there:
            raise SshbenchError(f"these records have no {what} {name!r}{suggestion(name, there)}")


def _column(method: str) -> str:
    """Return the column of a method in a grid; that of `dc` is the composite."""
    return "composite" if method == "dc" else method


def _captions(records: list[Record], metric: str) -> dict[str, dict[str, str]]:
    from sshbench.metrics.suite import METRICS

    known = METRICS.get(metric)
    digits, unit = (known.digits, f" {known.unit}" if known.unit else "") if known else (4, "")
    found: dict[str, dict[str, str]] = {}
    for record in records:
        if metric in record.metrics:
            found.setdefault(record.id, {})[_column(record.method)] = f"{record.metrics[metric]:.{digits}f}{unit}"
    return found
