"""Arguments and options that several commands of `sshbench study` share."""

from __future__ import annotations

from pathlib import Path

import click

from sshbench.cli.options import OutFolder

PLACE = click.Path(path_type=Path)
OUT = OutFolder(path_type=Path)
STUDY = click.argument("study_folder", metavar="STUDY", type=PLACE)
QUIET = click.option("--quiet", "-q", is_flag=True, help="Show no progress.")
SIMULATED = click.option("--simulated", is_flag=True, help="Use the answers of `study simulate`, not those of people.")
