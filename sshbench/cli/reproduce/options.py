"""Options that several commands of `sshbench reproduce` share."""

from __future__ import annotations

from pathlib import Path

import click

from sshbench.cli.options import OutFolder

WEIGHTS = click.option(
    "--weights",
    multiple=True,
    metavar="METHOD=FILE",
    help="The weights of a method, as for evaluate. May be repeated.  [default: the imported weights, or those that "
    "ship]",
)
LIMIT = click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Take the first N images.")
OUT = click.option(
    "--out",
    "-o",
    type=OutFolder(path_type=Path),
    default=Path("runs/reproduce"),
    show_default=True,
    help="The folder of the output.",
)
WORKERS = click.option(
    "--workers", "-w", type=click.IntRange(min=1), metavar="N", help="The number of processes, as for evaluate."
)
DEVICE = click.option("--device", metavar="NAME", default="auto", show_default=True, help="auto, cpu, cuda or cuda:1.")
QUIET = click.option("--quiet", "-q", is_flag=True, help="Show no progress.")
