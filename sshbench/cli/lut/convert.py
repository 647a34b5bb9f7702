"""`sshbench lut convert`."""

from __future__ import annotations

from pathlib import Path

import click

from sshbench.cli.lut.arguments import LutName
from sshbench.cli.options import OutFile
from sshbench.errors import SshbenchError
from sshbench.outputs import would_replace
from sshbench.whole_file import is_stream

HALD_SUFFIXES = (".png", ".tif", ".tiff")


@click.command()
@click.argument("source", type=LutName(), metavar="IN")
@click.argument("output", type=OutFile(), metavar="OUT")
@click.option("--size", type=click.IntRange(2), help="Points on each axis of the .cube file.  [default: as in IN]")
@click.option(
    "--level",
    type=click.IntRange(2, 16),
    help="The level of the Hald image, which has level^2 points on each axis; by default the lowest lossless level, if "
    "there is one.",
)
@click.option("--bits", type=click.Choice(["8", "16"]), help="Bits for each channel of the Hald image.  [default: 16]")
@click.option("--overwrite", is_flag=True, help="Replace OUT if it exists.")
def convert(source: str, output: str, size: int | None, level: int | None, bits: str | None, overwrite: bool) -> None:
    """Convert a LUT into another file: between .cube and Hald, or to another size.

    The suffix of OUT decides the format: .cube, or .png and .tif for a Hald CLUT image. If the grid points move, values
    between them are interpolated (trilinear), and the command prints the largest difference between the two files, in
    units of the range 0..1.

    A .cube file keeps the kind of IN: 1D curves stay curves. If there are a shaper and a table, only the table is
    resized. A Hald image has only a 3D table over 0..1, so curves and shapers are merged into the table, and values
    outside 0..1 are clipped with a warning.

    \b
    sshbench lut convert film.png film.cube
    sshbench lut convert film.cube small.cube --size 17
    sshbench lut convert golden-hour golden-hour.png --level 8 --bits 8
    """
    from sshbench.lut.cube import write_cube
    from sshbench.lut.files import find_lut, read_lut
    from sshbench.lut.hald import write_hald
    from sshbench.lut.resampling import largest_difference, resized

    suffix = Path(output).suffix.lower()
    if suffix not in (".cube", *HALD_SUFFIXES):
        raise SshbenchError(f"{output}: a LUT is written as .cube, or as a Hald image {', '.join(HALD_SUFFIXES)}")
    if suffix == ".cube" and (level or bits):
        raise SshbenchError(f"{output}: --level and --bits are for Hald images; for a .cube file, use --size")
    if suffix != ".cube" and size:
        raise SshbenchError(
            f"{output}: --size is for .cube files; for a Hald image, use --level (level^2 points on each axis)"
        )
    if would_replace(output) and not overwrite:
        raise SshbenchError(f"{output} exists; add --overwrite to replace it")

    lut = read_lut(find_lut(source))
    if suffix == ".cube":
        write_cube(resized(lut, size or lut.size), output)
    else:
        write_hald(lut, output, level=level, bits=int(bits or 16))
    if is_stream(output):  # a pipe cannot be read again
        return
    written = read_lut(output)
    click.echo(f"{output}: {written.kind}, {written.size} points per axis, from {lut.kind}, {lut.size}")
    click.echo(f"largest difference: {largest_difference(lut, written):.2g}")
