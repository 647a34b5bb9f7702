"""`sshbench lut bake`."""

from __future__ import annotations

import click

from sshbench.cli.options import OutFolder


@click.command()
@click.option(
    "-o",
    "--output",
    default="luts",
    show_default=True,
    type=OutFolder(),
    help="The folder of the files.",
)
def bake(output: str) -> None:
    """Write the hundred looks as .cube files.

    The same version of sshbench writes the same bytes. Files of the same names are replaced. Each look is a small
    function in sshbench/lut/looks; editors and sshbench itself read the files.

    \b
    sshbench lut bake -o my_luts
    sshbench lut preview my_luts -o looks.png
    """
    from sshbench.errors import counted
    from sshbench.lut.looks import bake as bake_looks

    paths = bake_looks(output)
    click.echo(f"{counted(len(paths), 'look')} written to {output}")
