"""Running the studio's server on a socket until it is stopped."""

from __future__ import annotations

import errno
import ipaddress
import secrets
import socket
import webbrowser
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from sshbench.studio.server import MOST_PIXELS, make_app
from sshbench.studio.wish import StudioError
from sshbench.web import check_extra, serve_until_stopped
from sshbench.whole_file import folder_for_a_while

LOOPBACK = ("127.0.0.1", "localhost", "[::1]", "::1")  # Starlette gives the last one with or without brackets


def is_loopback(host: str) -> bool:
    """Return whether a host can be reached only from this machine."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def serve(
    *, host: str, port: int, folder: Path | None, browser: bool, max_pixels: int | None, say: Callable[[str], None]
) -> None:
    """Serve the studio until the process is stopped.

    Parameters
    ----------
    host, port
        The address of the server; port 0 takes any free port.
    folder
        The folder of the sessions; None for a temporary folder that is removed at the end.
    browser
        Whether to open the page.
    max_pixels
        The largest number of pixels of a photograph; None for the default.
    say
        Prints a line.

    Raises
    ------
    StudioError
        Packages are missing, or the port cannot be used.
    """
    check_extra("the studio", "studio", StudioError)
    import uvicorn

    token = None if is_loopback(host) else secrets.token_urlsafe(16)
    names = LOOPBACK if token is None else (*LOOPBACK, *((host,) if host not in ("0.0.0.0", "::") else ("*",)))
    with ExitStack() as stack:
        listening = stack.enter_context(_listen(host, port))
        if folder is None:
            folder = stack.enter_context(folder_for_a_while())
        folder.mkdir(parents=True, exist_ok=True)
        app = make_app(folder.resolve(), hosts=names, token=token, max_pixels=max_pixels or MOST_PIXELS)
        seen = {"0.0.0.0": socket.gethostname(), "::": socket.gethostname()}.get(host, host)
        seen = f"[{seen}]" if ":" in seen else seen
        address = f"http://{seen}:{listening.getsockname()[1]}/" + (f"?token={token}" if token else "")
        say(f"The studio is at {address} until you press Ctrl-C.")
        if browser:
            webbrowser.open(address)
        config = uvicorn.Config(
            app, log_level="warning", access_log=False, server_header=False, limit_concurrency=200,
            timeout_keep_alive=30, timeout_graceful_shutdown=3,
        )  # fmt: skip
        serve_until_stopped(config, [listening])


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, _, _, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        one = socket.socket(family)
        try:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            one.bind(place)
            one.listen(128)
        except BaseException:
            one.close()
            raise
        return one
    except OSError as error:
        way = "; choose another with --port, or 0 for any free port" if error.errno == errno.EADDRINUSE else ""
        raise StudioError(
            f"the server cannot listen on port {port} of {host} ({error.strerror or error}){way}"
        ) from error
