"""`sshbench leaderboard`: records of any number of runs as one table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

FORMATS = ("text", "csv", "markdown", "latex", "html")


@click.command(epilog="In Python: sshbench.results.leaderboard(path) is a pandas.DataFrame.")
@click.argument("results", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--split", metavar="NAME", help="Which benchmark, where the records are of several.")
@click.option("--protocol", metavar="NAME", help="Which protocol, where the records are of several; none are mixed.")
@click.option("--metrics", multiple=True, metavar="NAMES", help="Such as psnr,ssim.  [default: all]")
@click.option("--sort", metavar="METRIC", help="Which to sort by and to compare in full.  [default: the first]")
@click.option(
    "--weight-to", metavar="NAME|CSV", help="Estimate means for another set of images, as evaluate --weight-to does."
)
@click.option("--format", "format_", type=click.Choice(FORMATS), default="text", show_default=True)
@click.option("--out", "-o", type=click.Path(path_type=Path), help="Write to this file.")
def leaderboard(
    results: tuple[Path, ...],
    split: str | None,
    protocol: str | None,
    metrics: tuple[str, ...],
    sort: str | None,
    weight_to: str | None,
    format_: str,
    out: Path | None,
) -> None:
    """Merge the records of RESULTS, folders that evaluate wrote, into one table.

    \b
      sshbench leaderboard results/realhm
      sshbench leaderboard results/* --split realhm --format latex -o table.tex

    One table holds one benchmark under one protocol. What papers print stands in a table of its own, with its source.
    """
    from sshbench.cli.evaluate import _parts as parts
    from sshbench.cli.tables import echo_tables
    from sshbench.results.formats import FORMATS as writers
    from sshbench.results.records import read_records
    from sshbench.results.summary import one_of, summarise
    from sshbench.results.weighting import read_shares
    from sshbench.whole_file import whole_file

    records: list[Any] = one_of(read_records(results), benchmark=split, protocol=protocol)
    shares = None if weight_to is None else read_shares(weight_to)
    summary = summarise(records, metrics=parts(metrics) or None, sort=sort, weight_to=shares)
    if out is None and format_ == "text":
        echo_tables(summary)
    elif out is None:
        click.echo(writers[format_](summary), nl=False)
    else:
        with whole_file(out) as temporary:
            temporary.write_text(writers[format_](summary), encoding="utf-8")
        click.echo(f"Wrote {out}.", err=True)
