"""`sshbench lut`: inspect, apply and convert colour look-up tables, with one module for each subcommand."""

from __future__ import annotations

import click

from sshbench.cli.groups import LazyGroup

COMMANDS = {
    "apply": ("sshbench.cli.lut.apply:apply", "Apply a LUT to images."),
    "bake": ("sshbench.cli.lut.bake:bake", "Write the hundred looks as .cube files."),
    "convert": ("sshbench.cli.lut.convert:convert", "Convert between .cube and Hald, or change the size."),
    "info": ("sshbench.cli.lut.info:info", "Describe LUT files."),
    "preview": ("sshbench.cli.lut.preview:preview", "Show the effect of LUTs on a contact sheet."),
}


@click.group(cls=LazyGroup, lazy=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
def lut() -> None:
    """Inspect, apply, preview, convert and bake colour look-up tables.

    A LUT is a .cube file (1D, 3D, or a shaper with a 3D table), a Hald CLUT image (PNG or TIFF), or the name of one of
    the hundred looks that ship, such as golden-hour.

    \b
    sshbench lut info golden-hour
    sshbench lut apply holiday.jpg golden-hour -o warm.jpg
    sshbench lut preview luts/ -o looks.png
    """
