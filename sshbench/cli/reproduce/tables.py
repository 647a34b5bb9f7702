"""`sshbench reproduce table1`, `table2` and `iharmony4`: tables of scores, which need no training."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sshbench.cli.names import METHOD, PROTOCOL
from sshbench.cli.progress import Progress
from sshbench.cli.reproduce.options import DEVICE, LIMIT, OUT, QUIET, WEIGHTS, WORKERS
from sshbench.cli.stopping import go_on

if TYPE_CHECKING:
    from sshbench.results.tables import Table


@click.command(short_help="Score six methods on RealHM, with the weights that you have.")
@click.option("--realhm", metavar="DIR", help="The folder of RealHM.  [default: the embedded sample]")
@click.option("--allow-incomplete", is_flag=True, help="Accept missing images of RealHM.")
@WEIGHTS
@click.option(
    "--protocol",
    "protocols",
    type=PROTOCOL,
    multiple=True,
    metavar="NAME",
    help="The protocol of the scores. May be repeated.  [default: ssh-iccv21 and sshbench-v1]",
)
@LIMIT
@OUT
@WORKERS
@DEVICE
@QUIET
def table1(
    realhm: str | None,
    allow_incomplete: bool,
    weights: tuple[str, ...],
    protocols: tuple[str, ...],
    limit: int | None,
    out: Path,
    workers: int | None,
    device: str,
    quiet: bool,
) -> None:
    """Score six methods on RealHM: DC, WCT2, DIH, S2AM, DoveNet and SSH.

    Each row states the origin of its weights, or how to get and import them. The command does not train.

    \b
      sshbench reproduce table1                                  on the embedded sample
      sshbench reproduce table1 --realhm RealHM/ --weights dovenet=latest_net_G.pth
    """
    from sshbench.cli.evaluate import weights_by_method
    from sshbench.devices import device_name
    from sshbench.reproduce.table1 import PROTOCOLS, ROWS
    from sshbench.reproduce.table1 import reproduce as tables_of

    progress = Progress("image", quiet=quiet)
    made = tables_of(
        out / "table1",
        realhm=realhm,
        weights=weights_by_method(weights, list(ROWS)),
        protocols=protocols or PROTOCOLS,
        device=device_name(device),
        workers=workers,
        limit=limit,
        allow_incomplete=allow_incomplete,
        progress=progress,
    )
    show(made, progress, out / "table1.md")


@click.command(short_help="Score iHarmony4 by subset, each method by its authors' protocol.")
@click.option("--root", metavar="DIR", help="The folder of iHarmony4.  [default: the embedded sample]")
@click.option("--allow-incomplete", is_flag=True, help="Accept missing images of iHarmony4.")
@click.option(
    "--method",
    "-m",
    "methods",
    type=METHOD,
    multiple=True,
    metavar="NAME",
    help="A method to score. May be repeated.  [default: all]",
)
@WEIGHTS
@LIMIT
@OUT
@WORKERS
@DEVICE
@QUIET
def iharmony4(
    root: str | None,
    allow_incomplete: bool,
    methods: tuple[str, ...],
    weights: tuple[str, ...],
    limit: int | None,
    out: Path,
    workers: int | None,
    device: str,
    quiet: bool,
) -> None:
    """Make the usual table of the field: methods by subsets and metrics, with measured beside published numbers.

    Each method is scored by the protocol of its authors, and stands in a table with the methods of the same protocol.
    Each table says what its protocol gives away, and each row states the origin of its weights. The command does not
    train.

    \b
      sshbench reproduce iharmony4 --root iHarmony4/
      sshbench reproduce iharmony4 --root iHarmony4/ -m pct-net --weights pct-net=PCTNet_CNN.pth
    """
    from sshbench.cli.evaluate import weights_by_method
    from sshbench.devices import device_name
    from sshbench.methods.named_options import split_options
    from sshbench.reproduce.iharmony4 import METHODS
    from sshbench.reproduce.iharmony4 import reproduce as tables_of

    names = methods or METHODS
    progress = Progress("image", quiet=quiet)
    made = tables_of(
        out / "iharmony4",
        root=root,
        methods=names,
        weights=weights_by_method(weights, list(dict.fromkeys(split_options(name)[0] for name in names))),
        device=device_name(device),
        workers=workers,
        limit=limit,
        allow_incomplete=allow_incomplete,
        progress=progress,
    )
    show(made, progress, out / "iharmony4.md")


@click.command(short_help="Show the scores of a human study beside the printed scores.")
@click.option(
    "--study",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="The folder of a study of sshbench study, with the design acr.",
)
@click.option("--simulated", is_flag=True, help="Use the simulated answers of the study.")
@OUT
def table2(study: Path | None, simulated: bool, out: Path) -> None:
    """Show the mean opinion scores of WCT2, DIH, S2AM, DoveNet and SSH: those of a study beside the printed scores.

    Without --study, the table names the commands that collect the missing scores.

    \b
      sshbench reproduce table2 --study my-study
    """
    from sshbench.reproduce.table2 import reproduce as table_of

    if simulated and study is None:
        raise click.UsageError("--simulated needs --study, the folder of the study with the simulated answers.")
    out.mkdir(parents=True, exist_ok=True)
    show([table_of(study, simulated=simulated)], Progress("table", quiet=True), out / "table2.md")


def show(tables: Iterable[Table], progress: Progress, path: Path) -> None:
    """Print tables as they are made, and keep them as Markdown."""
    from sshbench.results.formats import markdown_table, plain_table
    from sshbench.whole_file import whole_file

    width = max(shutil.get_terminal_size((120, 24)).columns, 80)
    kept = []
    go_on("the same command continues where it stopped")
    with progress:
        for table in tables:
            progress.say(plain_table(table, width) + "\n")
            kept.append(markdown_table(table))
    with whole_file(path) as temporary:
        temporary.write_text("\n\n".join(kept) + "\n", encoding="utf-8")
    click.echo(f"The same tables as Markdown: {path}", err=True)
