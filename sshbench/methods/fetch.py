"""Download files of weights from a direct address, continue interrupted downloads, and refuse unexpected files."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException, HTTPMessage
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from sshbench.methods.base import WeightsError
from sshbench.regular_file import file_hash, git_blob
from sshbench.whole_file import flush, naming

Progress = Callable[[int, int | None], None]
"""Called with the number of bytes that have arrived and the total number, if it is known."""

_CHUNK = 1 << 18
_PATIENCE = 30.0  # seconds without a byte
_WEB_PAGE = re.compile(rb"\s*<(!doctype|html|head|script)", re.IGNORECASE)


class FetchError(WeightsError):
    """A file did not arrive whole, or is not the expected file."""


@dataclass(frozen=True)
class Expected:
    """The known facts about a file before its download.

    Parameters
    ----------
    size
        The size in bytes; None if it is unknown.
    sha256, git_blob
        Hexadecimal, if known: the SHA-256 of the bytes, and the id that Git gives the file.
    most
        An upper limit of the size in bytes.
    """

    size: int | None = None
    sha256: str | None = None
    git_blob: str | None = None
    most: int = 1 << 32


def fetch(url: str, path: Path, expected: Expected, progress: Progress | None = None) -> Path:
    """Download a file and return its path. The file gets its name once it is complete and is the expected file.

    Until then, its name is `<name>.part`. The next call continues the download if the server allows this and still has
    the same file.

    Raises
    ------
    FetchError
        The address cannot be reached, returns a web page or an unexpected file, or the connection broke.
    """
    if urlsplit(url).scheme not in ("http", "https"):
        raise FetchError(f"{url} is not a web address")
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    try:
        whole = _receive(url, part, expected, progress)
    except HTTPError as error:
        raise FetchError(f"{url} answers {error.code} ({error.reason})") from error
    except (URLError, TimeoutError, ConnectionError, HTTPException) as error:
        why = getattr(error, "reason", None) or error
        here = part.stat().st_size if part.exists() else 0
        if here:
            raise FetchError(
                f"{url} broke off after {here:,} bytes ({_said(why)}); run the same command again to continue"
            ) from error
        raise FetchError(f"{url} cannot be reached ({_said(why)})") from error
    here = part.stat().st_size
    if whole is not None and here < whole:
        raise FetchError(f"{url} broke off after {here:,} of {whole:,} bytes; run the same command again to continue")
    try:
        check_download(part, expected, url)
    except FetchError:
        _forget(part)
        raise
    flush(part)
    os.replace(part, path)
    _forget(part)
    return path


def check_download(path: Path, expected: Expected, called: str) -> None:
    """Refuse an unexpected file; `called` is the file's name in the error.

    Raises
    ------
    FetchError
        The file is a web page, or has another size or hash.
    """
    with open(path, "rb") as file:
        if _WEB_PAGE.match(file.read(256)):
            raise FetchError(f"{called} gives a web page instead of the file; it may require a login")
    size = path.stat().st_size
    if expected.size is not None and size != expected.size:
        raise FetchError(f"{called} gives {size:,} bytes, and the file has {expected.size:,}; it has been changed")
    for kind, wanted, hash_of in (("SHA-256", expected.sha256, file_hash), ("Git's id", expected.git_blob, git_blob)):
        if wanted is not None and (found := hash_of(path)) != wanted:
            raise FetchError(f"{called} gives another file than its authors released: {kind} {found}, not {wanted}")


def _receive(url: str, part: Path, expected: Expected, progress: Progress | None) -> int | None:
    """Append the missing bytes to `part`; return the total number of bytes, if the server states it."""
    start, stamp = _begun(url, part)
    headers = {"User-Agent": "sshbench", "Accept-Encoding": "identity"}
    if start:
        headers |= {"Range": f"bytes={start}-", "If-Range": stamp}
    try:
        response = urlopen(Request(url, headers=headers), timeout=_PATIENCE)
    except HTTPError as error:
        if error.code == 416 and start:  # the server's file has no further bytes; `check_download` compares the hashes
            return None
        raise
    with response:
        if response.headers.get_content_type() == "text/html":
            _forget(part)
            where = "" if response.geturl() == url else f" from {urlsplit(response.geturl()).netloc}"
            raise FetchError(f"{url} gives a web page{where} instead of the file; it may require a login")
        goes_on = response.status == 206 and _first(response.headers) == start
        here = start if goes_on else 0
        length = response.headers.get("Content-Length")
        whole = here + int(length) if length and length.isdigit() else None
        told = max(whole or 0, here)
        if told > expected.most:
            _forget(part)
            raise FetchError(f"{url} gives {told:,} bytes, more than such weights have")
        with naming(part):
            _note(url, part, response.headers)
        with naming(part), open(part, "ab" if goes_on else "wb") as file:
            while chunk := response.read(_CHUNK):
                file.write(chunk)
                here += len(chunk)
                if here > expected.most:
                    break
                if progress:
                    progress(here, whole)
    if here > expected.most:
        _forget(part)
        raise FetchError(f"{url} gives more than {expected.most:,} bytes, more than such weights have")
    return whole


def _begun(url: str, part: Path) -> tuple[int, str]:
    """Return the number of bytes that an earlier call left, and the server's stamp of their file."""
    try:
        said: Any = json.loads(_notes(part).read_text("utf-8"))
        if said["url"] == url and said["stamp"]:
            return part.stat().st_size, str(said["stamp"])
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return 0, ""


def _note(url: str, part: Path, headers: HTTPMessage) -> None:
    """Store the stamp by which the next call can check that the server still has the same file."""
    tag = headers.get("ETag", "")
    stamp = headers.get("Last-Modified", "") if tag.startswith("W/") or not tag else tag
    _notes(part).write_text(json.dumps({"url": url, "stamp": stamp}), "utf-8")


def _notes(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _forget(part: Path) -> None:
    part.unlink(missing_ok=True)
    _notes(part).unlink(missing_ok=True)


def _first(headers: HTTPMessage) -> int | None:
    found = re.match(r"bytes (\d+)-", headers.get("Content-Range", ""))
    return int(found.group(1)) if found else None


def _said(error: object) -> str:
    return " ".join(str(getattr(error, "strerror", None) or error).split()) or type(error).__name__
