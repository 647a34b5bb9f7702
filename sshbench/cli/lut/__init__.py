"""`sshbench lut`: inspect, apply and convert colour look-up tables, with one module for each subcommand."""

from __future__ import annotations

import click

from sshbench.cli.groups import LazyGroup

COMMANDS = {
    "apply": ("sshbench.cli.lut.apply:apply", "Put images through a LUT."),
    "bake": ("sshbench.cli.lut.bake:bake", "Write the hundred looks as .cube files."),
    "convert": ("sshbench.cli.lut.convert:convert", "Turn .cube into Hald and back, change the size."),
    "info": ("sshbench.cli.lut.info:info", "Say what is in LUT files."),
    "preview": ("sshbench.cli.lut.preview:preview", "Show what LUTs do, on one contact sheet."),
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
