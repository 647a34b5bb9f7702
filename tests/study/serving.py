"""A server in a process of its own, and clients that speak plain HTTP with little work, so that many fit."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_RUN = "import sys; from sshbench.cli.main import main; main(sys.argv[1:])"


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def start(folder: Path, port: int, *more: str) -> subprocess.Popen[bytes]:
    """Start `sshbench study serve`, and wait until it answers."""
    words = [sys.executable, "-c", _RUN, "study", "serve", str(folder), "--port", str(port), *more]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=os.environ)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(process.stderr.read().decode() if process.stderr else "it ended")
        with socket.socket() as one:
            one.settimeout(0.2)
            if one.connect_ex(("127.0.0.1", port)) == 0:
                return process
        time.sleep(0.05)
    process.kill()
    raise TimeoutError("the server does not answer")


@contextmanager
def running(folder: Path, *more: str) -> Iterator[tuple[int, int]]:
    """Give the port and the process id of a server that runs within the block."""
    port = free_port()
    process = start(folder, port, *more)
    try:
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(30)


class Client:
    """One connection that is kept, and opened again when it is lost."""

    def __init__(self, port: int, token: str) -> None:
        self.port, self.token = port, token
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, path: str, body: Any = None) -> tuple[int, bytes]:
        """GET, or POST a JSON body, below the subject's link; returns status and body."""
        return await self.raw(f"/s/{self.token}/{path}", None if body is None else json.dumps(body).encode())

    async def raw(self, path: str, data: bytes | None = None, headers: str = "", method: str = "") -> tuple[int, bytes]:
        method = method or ("GET" if data is None else "POST")
        data = data or b""
        if "content-length" not in headers.lower() and "transfer-encoding" not in headers.lower():
            headers += f"Content-Length: {len(data)}\r\n"
        if "host:" not in headers.lower():
            headers += f"Host: 127.0.0.1:{self.port}\r\n"
        try:
            if self._streams is None:
                self._streams = await asyncio.open_connection("127.0.0.1", self.port, limit=2**24)
            reader, writer = self._streams
            writer.write(f"{method} {path} HTTP/1.1\r\n{headers}\r\n".encode() + data)
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            status = int(head.split(" ", 2)[1])
            fields = {n.lower(): v.strip() for n, _, v in (line.partition(":") for line in head.split("\r\n")[1:])}
            found = await reader.readexactly(int(fields.get("content-length", 0)))
            if fields.get("connection") == "close":
                self.close()
            return status, found
        except (OSError, asyncio.IncompleteReadError):
            self.close()
            raise ConnectionError("the connection was lost") from None

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


def ask(port: int, token: str, path: str, body: Any = None) -> tuple[int, Any]:
    """One request on a connection of its own; the body as JSON where it is that."""

    async def run() -> tuple[int, bytes]:
        client = Client(port, token)
        try:
            return await client.ask(path, body)
        finally:
            client.close()

    status, found = asyncio.run(run())
    try:
        return status, json.loads(found)
    except ValueError:
        return status, found


def begin(port: int, token: str, version: str = "1") -> dict[str, Any]:
    """Agree and report a screen; returns where the subject then is."""
    status, said = ask(port, token, "consent", {"version": version})
    assert status == 200, said
    status, said = ask(port, token, "screen", SCREEN)
    assert status == 200, said
    return dict(said)


SCREEN = {"width": 1280, "height": 800, "pixel_ratio_percent": 100, "colour_depth": 24, "touch": 0}
