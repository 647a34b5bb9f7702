"""`sshbench studio`."""

from __future__ import annotations

from pathlib import Path

import click

from sshbench.cli.options import megapixels
from sshbench.cli.stopping import go_on


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=8760, show_default=True,
              help="The port of the server; 0 for any free port.")  # fmt: skip
@click.option("--host", default="127.0.0.1", show_default=True,
              help="The address of the server; outside loopback, the page needs a secret token.")  # fmt: skip
@click.option("--folder", type=click.Path(path_type=Path, file_okay=False), metavar="DIR",
              help="Keep the sessions in this folder.  [default: a temporary folder]")  # fmt: skip
@click.option("--browser/--no-browser", default=True, show_default=True, help="Open the page in the browser.")
@megapixels("120")
def studio(port: int, host: str, folder: Path | None, browser: bool, max_pixels: int | None) -> None:
    """Open a page to composite two photographs by eye.

    On the page, drop a foreground and a background, move, scale and mask the object, and compare methods side by side.
    Save the picture at full size, the look-up table, or the command line that makes the same picture. The page needs
    no network and sends no data to other machines. The command runs until you press Ctrl-C.

    \b
    sshbench studio
    sshbench studio --no-browser --port 0
    sshbench studio --folder my-composites
    """
    from sshbench.studio.serving import serve

    go_on("downloads and sessions in --folder are kept; the same command opens the studio again")
    serve(host=host, port=port, folder=folder, browser=browser, max_pixels=max_pixels, say=click.echo)
