"""A server of one file on this machine, with the faults that downloads meet."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Served:
    """What the server has, and what was asked of it.

    Parameters
    ----------
    cut
        Answers end after so many bytes of the file, counted from its start; None for whole ones.
    ranges
        Whether parts of the file are given.
    page
        What stands in place of the file: `"login"` redirects to a page, `"page"` is one that calls itself a file.
    """

    data: bytes
    tag: str = '"one"'
    cut: int | None = None
    ranges: bool = True
    page: str = ""
    status: int = 200
    url: str = ""
    asked: list[str | None] = field(default_factory=list)


PAGE = b"\n<!DOCTYPE html><html><title>Sign in</title></html>"


@contextmanager
def serving(data: bytes) -> Iterator[Served]:
    """Serve while the block runs, at `url`."""
    served = Served(data)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.asked.append(self.headers.get("Range"))
            if served.status != 200:
                self.send_error(served.status)
                return
            if self.path == "/login" or served.page == "page":
                self._send(PAGE, "text/html" if self.path == "/login" else "application/octet-stream")
                return
            if served.page == "login":
                self.send_response(302)
                self.send_header("Location", "/login")
                self.end_headers()
                return
            start = 0
            asked = self.headers.get("Range")
            if asked and served.ranges and self.headers.get("If-Range") in (None, served.tag):
                start = int(asked.removeprefix("bytes=").rstrip("-"))
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {start}-{len(served.data) - 1}/{len(served.data)}")
            else:
                self.send_response(200)
            self.send_header("ETag", served.tag)
            self.send_header("Content-Type", "application/octet-stream")
            self.send_header("Content-Length", str(len(served.data) - start))
            self.end_headers()
            self.wfile.write(served.data[start : served.cut])
            self.close_connection = True

        def _send(self, body: bytes, kind: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served.url = f"http://127.0.0.1:{server.server_port}/file.pth"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
