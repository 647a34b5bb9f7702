"""`sshbench harmonize`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from sshbench.cli.composites.batch import make_all, make_table
from sshbench.cli.composites.jobs import BESIDE, SOURCES, Look, plan
from sshbench.cli.composites.making import Methods
from sshbench.cli.composites.table import read_rows
from sshbench.cli.names import METHOD
from sshbench.cli.options import OutPlace, Within, max_megapixels, options_of
from sshbench.compositing.finishing import Finish
from sshbench.compositing.place import Place
from sshbench.errors import SshbenchError


@click.command()
@click.option(
    "--foreground", metavar="F", help="The photograph with the object to paste: a file, or a folder of files."
)
@click.option("--background", metavar="B", help="The background: a file, or a folder with files of the same names.")
@click.option("--composite", metavar="C", help="Instead of both: a picture with the foreground already pasted in.")
@click.option(
    "--mask", metavar="M",
    help="The mask of the foreground, white where the foreground is; by default its transparency. auto:person and "
    "grabcut:x,y,w,h (left, top, width, height of a box around the object) make a mask: pip install 'sshbench[masks]'.",
)  # fmt: skip
@click.option(
    "-o",
    "--output",
    type=OutPlace(),
    metavar="OUT",
    help="The picture to write, as PNG, TIFF, JPEG or WebP; a folder for folders and for --jobs.",
)
@click.option(
    "--jobs", metavar="CSV", type=click.Path(path_type=Path),
    help="A table with one composite in each row; its columns have the names of the options.",
)  # fmt: skip
@options_of(Place)
@click.option(
    "--method",
    type=METHOD,
    metavar="NAME",
    help="The method, any that `sshbench evaluate` knows except the ceilings, or path.py:Class. By default the first "
    "of ssh-lut, ssh and reinhard whose weights are installed.",
)
@click.option("--weights", metavar="FILE", help="The weights of the method, as for evaluate.")
@click.option(
    "--map", "kind", type=click.Choice(["lut", "polynomial", "none"]), default="lut", show_default=True,
    help="The kind of colour map that is fitted to the method's output; none pastes the output itself, enlarged.",
)  # fmt: skip
@click.option(
    "--reference", metavar="auto|full|x,y,w,h", default="auto", show_default=True,
    help="The part of the background whose light and colours count; auto takes the foreground's surroundings.",
)  # fmt: skip
@click.option(
    "--strength", type=Within(0, 2), default=1.0, show_default=True,
    help="How far the colours move: 0 only pastes, 1 applies the map, and above 1 the map is applied again, which can "
    "discolour skin.",
)  # fmt: skip
@click.option(
    "--lightness", type=Within(0, 2), default=1.0, show_default=True,
    help="The strength of the change of luminance, multiplied by --strength.",
)  # fmt: skip
@click.option(
    "--colour", type=Within(0, 2), default=1.0, show_default=True,
    help="The strength of the change of chromaticity, multiplied by --strength.",
)  # fmt: skip
@options_of(Finish)
@click.option(
    "--layer", type=OutPlace(), metavar="FILE",
    help="Write the foreground in its new colours with an alpha channel, at the size of the background; a folder for "
    "folders.",
)  # fmt: skip
@click.option(
    "--psd", type=OutPlace(), metavar="FILE",
    help="Write the layers background, foreground as it was and foreground graded as a PSD or PSB file; a folder for "
    "folders (pip install 'sshbench[psd]').",
)  # fmt: skip
@click.option(
    "--export-lut", type=OutPlace(), metavar="CUBE", help="Write the colour map as a .cube file; a folder for folders."
)
@click.option(
    "--lut-space", type=click.Choice(["working", "srgb"]), default="working", show_default=True,
    help="The colour space of the .cube file: the photograph's own (working), or sRGB.",
)  # fmt: skip
@click.option(
    "--preview",
    type=OutPlace(),
    metavar="PNG",
    help="Write the picture before and after side by side; a folder for folders.",
)
@click.option(
    "--quality",
    type=click.IntRange(1, 100),
    help="The quality of JPEG and WebP. By default 95, or that of the background if it is a JPEG of higher quality.",
)
@click.option("--device", metavar="DEVICE", help="The device on which the method runs, such as cpu or cuda:0.")
@max_megapixels
@click.option("--overwrite", "existing", flag_value="overwrite", help="Replace files that exist.")
@click.option(
    "--skip-existing", "existing", flag_value="skip",
    help="Keep the files that exist and make the missing ones, to continue after an interruption; with --jobs also "
    "make those again whose row, files or options have changed.",
)  # fmt: skip
@click.option("--quiet", "-q", is_flag=True, help="Print only errors and warnings.")
@click.pass_context
def harmonize(
    ctx: click.Context,
    /,
    output: str | None,
    jobs: Path | None,
    device: str | None,
    max_pixels: int | None,
    existing: str | None,
    quiet: bool,
    **values: Any,
) -> None:
    """Paste a foreground onto a background in the background's light and colours.

    A method looks at small copies of the pictures. A map from the foreground's old colours to its new colours is fitted
    to the method's output and applied to the foreground at full size, in 8 or 16 bits. The result has the background's
    size, bit depth, ICC profile and metadata.

    \b
    sshbench harmonize --foreground dog.png --background beach.jpg --at 800,1200 --scale 0.5 -o out.jpg
    sshbench harmonize --foreground me.png --background alps.jpg --fit height=60% --anchor bottom --at 30%,95% -o o.jpg
    sshbench harmonize --foreground cup.jpg --mask cup_mask.png --background desk.jpg -o out.png --preview both.png
    sshbench harmonize --composite pasted.jpg --mask mask.png -o out.jpg --export-lut look.cube
    sshbench harmonize --composite pasted.jpg --mask mask.png -o out.jpg --lightness 1.5 --colour 0.5
    sshbench harmonize --foreground cut/ --background rooms/ -o out/ --method reinhard --skip-existing
    sshbench harmonize --jobs jobs.csv -o out/
    """
    sources, beside = ({name: values.pop(name) for name in names} for names in (SOURCES, BESIDE))
    methods = Methods(device, quiet=quiet)
    if jobs is not None:
        rows = read_rows(jobs, ctx.command, {**values, **sources, **beside}, Path(output or jobs.parent))
        _check_lut_space(ctx, any("export_lut" in row.job.beside for row in rows if row.job))
        done = make_table(jobs, rows, output, methods, existing, max_pixels, quiet=quiet)
    elif output is None:
        raise SshbenchError("-o is missing; give the file of the picture, or a folder for folders")
    else:
        _check_lut_space(ctx, beside["export_lut"] is not None)
        look = Look.taken(values)
        planned = plan(look, sources, output, beside)
        done = make_all(planned, output, methods, existing, max_pixels, quiet=quiet)
    if done.failures:
        ctx.exit(2)


def _check_lut_space(ctx: click.Context, exports: bool) -> None:
    """Refuse `--lut-space` where nothing writes a LUT."""
    if not exports and ctx.get_parameter_source("lut_space") is ParameterSource.COMMANDLINE:
        raise SshbenchError("--lut-space needs --export-lut, the .cube file to write; or leave --lut-space out")
