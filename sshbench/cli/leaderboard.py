"""`sshbench leaderboard`: merge the records of several runs into one table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sshbench.cli.names import METHOD, METRICS, PROTOCOL, SPLIT
from sshbench.cli.options import OutFile

if TYPE_CHECKING:
    from sshbench.results.tables import Table

FORMATS = ("text", "csv", "markdown", "latex", "html")
TABLES = ("all", "means", "subset", "foreground")


@click.command(
    epilog="In Python: sshbench.results.leaderboard(path) and sshbench.results.field_table(path) are pandas frames."
)
@click.argument("results", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--split", type=SPLIT, metavar="NAME", help="The benchmark, if there are records of several.")
@click.option(
    "--protocol",
    type=PROTOCOL,
    metavar="NAME",
    help="The protocol, if there are records of several; no table mixes protocols.",
)
@click.option(
    "--table", "which", type=click.Choice(TABLES), default="all", show_default=True,
    help="all: all tables; means: methods by metrics; subset: the usual table of the field, methods by "
    "subsets and metrics; foreground: methods by ranges of foreground ratio and metrics.",
)  # fmt: skip
@click.option(
    "--method", "-m", "methods", type=METHOD, multiple=True, metavar="NAME[=TITLE]",
    help="Show this method, under this title. May be repeated; the rows keep this order unless --sort is given. The "
    "other methods take no part in comparisons.  [default: all, the best first]",
)  # fmt: skip
@click.option(
    "--metrics", type=METRICS, multiple=True, metavar="NAMES",
    help="The metrics to show, such as psnr,ssim.  [default: all; with --table subset or foreground: mse,psnr,fmse]",
)  # fmt: skip
@click.option(
    "--sort",
    type=METRICS,
    metavar="METRIC",
    help="The metric to sort by and to compare in detail.  [default: the first]",
)
@click.option(
    "--ceilings/--no-ceilings", default=True, show_default=True, help="Show the methods that see the ground truth."
)
@click.option("--intervals/--no-intervals", default=True, show_default=True, help="Show the 95% intervals.")
@click.option("--published/--no-published", default=True, show_default=True, help="Add the table of printed numbers.")
@click.option(
    "--weight-to", metavar="NAME|CSV", help="Estimate means for another set of images, as evaluate --weight-to does."
)
@click.option("--format", "format_", type=click.Choice(FORMATS), default="text", show_default=True,
              help="The format of the tables.")  # fmt: skip
@click.option("--out", "-o", type=OutFile(path_type=Path), help="The file to write.  [default: print]")
def leaderboard(
    results: tuple[Path, ...],
    split: str | None,
    protocol: str | None,
    which: str,
    methods: tuple[str, ...],
    metrics: tuple[str, ...],
    sort: str | None,
    ceilings: bool,
    intervals: bool,
    published: bool,
    weight_to: str | None,
    format_: str,
    out: Path | None,
) -> None:
    """Merge the records of RESULTS, folders that evaluate wrote, into one table.

    \b
      sshbench leaderboard results/realhm
      sshbench leaderboard results/* --split realhm --format latex -o table.tex
      sshbench leaderboard results/iharmony4 --table subset -m dc -m ssh-lut=Ours --format latex -o table.tex

    A table has one benchmark under one protocol. Numbers that papers print have a separate table with their
    sources. The best value of a column is bold if its lead is beyond chance. LaTeX needs the package booktabs.
    """
    from sshbench.cli.evaluate import parted as parts
    from sshbench.cli.tables import echo_table_list
    from sshbench.errors import SshbenchError
    from sshbench.results.folder import check_output
    from sshbench.results.formats import WRITERS, csv_parts, csv_text
    from sshbench.results.parts import parts_table, summarise_parts
    from sshbench.results.records import read_records
    from sshbench.results.summary import one_of, summarise
    from sshbench.results.tables import means_table, tables
    from sshbench.results.weighting import read_shares
    from sshbench.whole_file import whole_file

    if out is not None:
        check_output(out, results)
    records: list[Any] = one_of(read_records(results), benchmark=split, protocol=protocol)
    chosen = {name: title for name, _, title in (text.partition("=") for text in methods)} or None
    shown: list[Table]
    if which in ("all", "means"):
        shares = None if weight_to is None else read_shares(weight_to)
        summary = summarise(
            records, metrics=parts(metrics) or None, sort=sort, weight_to=shares, methods=chosen, ceilings=ceilings
        )
        if which == "means":
            shown = [means_table(summary, intervals=intervals, alone=True)]
        else:
            shown = tables(summary, published=published, intervals=intervals)
        numbers = csv_text(summary, intervals=intervals) if format_ == "csv" else ""
    elif weight_to is not None:
        raise SshbenchError(
            f"--weight-to estimates means over all images, but --table {which} divides the images; leave one of the "
            f"two out"
        )
    else:
        found = summarise_parts(
            records, which, metrics=parts(metrics) or None, sort=sort, methods=chosen, ceilings=ceilings
        )
        shown = [parts_table(found, which, intervals=intervals)]
        numbers = csv_parts(found, intervals=intervals) if format_ == "csv" else ""
    if out is None and format_ == "text":
        echo_table_list(shown)
        return
    text = numbers if format_ == "csv" else WRITERS[format_](shown)
    if out is None:
        click.echo(text, nl=False)
    else:
        with whole_file(out) as temporary:
            temporary.write_text(text, encoding="utf-8")
        click.echo(f"Wrote {out}.", err=True)
