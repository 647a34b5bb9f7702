"""Shared code of the servers of sshbench: refusals in one sentence, limits on bodies, and safe headers."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sshbench.errors import SshbenchError, printable

if TYPE_CHECKING:
    import socket
    from types import FrameType

    import uvicorn
    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

BODY_SECONDS = 10.0
"""The time limit in seconds for a JSON body."""

HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "referrer-policy": "no-referrer",  # addresses contain secrets
    "x-content-type-options": "nosniff",
    "x-robots-tag": "noindex, nofollow",
}


class Refused(Exception):
    """A refused request: the HTTP status, and a sentence for the person at the page."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


class Limits:
    """Middleware that refuses large bodies before they are read, and adds security headers.

    Parameters
    ----------
    most
        A function from the path of a request to the largest size of its body in bytes.
    log
        The log of refusals.
    """

    def __init__(self, app: ASGIApp, most: Callable[[str], int], log: logging.Logger) -> None:
        self.app, self.most, self.log = app, most, log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                there = {name.lower() for name, _ in message["headers"]}
                extra = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
                if b"cache-control" not in there:
                    extra.append((b"cache-control", b"no-store"))
                if message["status"] >= 400:  # so that the server does not wait for the rest of an unread body
                    extra.append((b"connection", b"close"))
                message = {**message, "headers": [*message["headers"], *extra]}
            await send(message)

        length = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        if not length.isdigit() or len(length) > 12 or int(length) > self.most(scope["path"]):
            self.log.warning("a body of %s bytes refused with 413", printable(length[:20].decode("latin-1")))
            await send_refusal(with_headers, 413, "The request is too large.")
            return
        await self.app(scope, receive, with_headers)


async def send_refusal(send: Send, status: int, text: str) -> None:
    """Answer with `{"error": text}`."""
    body = json.dumps({"error": text}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def read_json(request: Request, most: int) -> dict[str, Any]:
    """Read a small JSON object; a body without a stated length is read no further than `most` bytes.

    Raises
    ------
    Refused
        The body is too large, too slow, or no JSON object.
    """
    data = b""

    async def read() -> None:
        nonlocal data
        async for part in request.stream():
            data += part
            if len(data) > most:
                raise Refused(413, "The request is too large.")

    try:
        await asyncio.wait_for(read(), BODY_SECONDS)
        found = json.loads(data)
    except TimeoutError as error:
        raise Refused(408, "The request took too long to arrive.") from error
    except (ValueError, RecursionError) as error:
        raise Refused(400, "The request is not valid JSON.") from error
    if not isinstance(found, dict):
        raise Refused(400, "The request is not a JSON object.")
    return found


def serve_until_stopped(config: uvicorn.Config, sockets: list[socket.socket] | None = None) -> None:
    """Run a server until a signal asks the process to end, answer the pending requests, and let the signal take effect.

    uvicorn handles Ctrl-C and SIGTERM in this way once it listens. This function does so from the start, and also for
    SIGHUP, which a terminal sends when it closes. An ignored signal, such as SIGHUP under nohup, stays ignored.
    """
    import uvicorn

    server, caught = uvicorn.Server(config), 0

    def end(number: int, frame: FrameType | None) -> None:
        nonlocal caught
        caught, server.should_exit = number, True

    before = {}
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) not in (signal.SIG_IGN, None):
                before[number] = signal.signal(number, end)
    try:
        server.run(sockets)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if caught:
        signal.raise_signal(caught)


def check_extra(what: str, extra: str, error: type[SshbenchError]) -> None:
    """Raise `error` if the packages of a server are not installed; `what` is the subject of the sentence."""
    try:
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as missing:
        raise error(
            f"{what} needs {missing.name}, which is not installed; run pip install 'sshbench[{extra}]'"
        ) from missing
