"""`sshbench studio`."""

from __future__ import annotations

from pathlib import Path

import click

from sshbench.cli.options import megapixels
from sshbench.cli.stopping import go_on


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=8760, show_default=True,
              help="The port to listen at; 0 for any that is free.")  # fmt: skip
@click.option("--host", default="127.0.0.1", show_default=True,
              help="The address to listen at; others than loopback need the token of the address.")  # fmt: skip
@click.option("--folder", type=click.Path(path_type=Path, file_okay=False), metavar="DIR",
              help="Keep sessions here, to go on with them later.  [default: until the end]")  # fmt: skip
@click.option("--browser/--no-browser", default=True, show_default=True, help="Open the page in the browser.")
@megapixels("120")
def studio(port: int, host: str, folder: Path | None, browser: bool, max_pixels: int | None) -> None:
    """Open a page to composite two photographs by eye.

    Drop a foreground and a background, move, scale and mask the object, compare methods side by side, and save the
    picture at full size, the look-up table, and the command line that makes the same picture. The page needs no
    network and sends nothing anywhere. The command serves it until you press Ctrl-C.

    \b
    sshbench studio
    sshbench studio --no-browser --port 0
    sshbench studio --folder my-composites
    """
    from sshbench.studio.serving import serve

    go_on("what was saved to --folder or downloaded is kept; the same command opens the studio again")
    serve(host=host, port=port, folder=folder, browser=browser, max_pixels=max_pixels, say=click.echo)
