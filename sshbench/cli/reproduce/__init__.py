"""`sshbench reproduce`: make tables and figures of the paper, with measured beside published numbers."""

from __future__ import annotations

import click

from sshbench.cli.groups import LazyGroup

COMMANDS = {
    "figure5": ("sshbench.cli.reproduce.figures:figure5", "Compare methods."),
    "figure6": ("sshbench.cli.reproduce.figures:figure6", "Show background occlusion."),
    "figure7": ("sshbench.cli.reproduce.figures:figure7", "Show locality."),
    "iharmony4": (
        "sshbench.cli.reproduce.tables:iharmony4",
        "Score iHarmony4 by subset, each method by its authors' protocol.",
    ),
    "table1": (
        "sshbench.cli.reproduce.tables:table1",
        "Score six methods on RealHM, with the weights that you have.",
    ),
    "table2": (
        "sshbench.cli.reproduce.tables:table2",
        "Show the scores of a human study beside the printed scores.",
    ),
    "table3": ("sshbench.cli.reproduce.ablations:table3", "Train and compare single-crop and multi-crop."),
    "table4": ("sshbench.cli.reproduce.ablations:table4", "Train and compare colour transfer, saturation and LUTs."),
    "table5": (
        "sshbench.cli.reproduce.ablations:table5",
        "Train and compare SSH without the reconstruction loss, without the disentanglement loss, and with both.",
    ),
}


@click.group(cls=LazyGroup, lazy=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
def reproduce() -> None:
    """Make a table or figure of the paper, or the table of iHarmony4, with measured beside published numbers."""
