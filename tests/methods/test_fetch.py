"""Downloads: whole ones are kept, broken ones go on, and what is not the file is refused and leaves nothing."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from sshbench.errors import sentence
from sshbench.methods.fetch import Expected, FetchError, fetch
from tests.methods.server import Served, serving
from tests.test_whole_file import no_file_above

DATA = bytes(range(256)) * 400
SHA256 = hashlib.sha256(DATA).hexdigest()
GIT = hashlib.sha1(b"blob %d\0" % len(DATA) + DATA).hexdigest()


@pytest.fixture
def served() -> Iterator[Served]:
    with serving(DATA) as there:
        yield there


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "downloads" / "file.pth"


def left(path: Path) -> list[str]:
    return sorted(one.name for one in path.parent.iterdir())


@pytest.mark.parametrize(
    "expected",
    [
        Expected(),
        Expected(size=len(DATA)),
        Expected(sha256=SHA256),
        Expected(git_blob=GIT),
        Expected(len(DATA), SHA256, GIT),
    ],
)
def test_a_whole_file_is_kept(served: Served, path: Path, expected: Expected) -> None:
    seen: list[tuple[int, int | None]] = []
    assert fetch(served.url, path, expected, lambda here, whole: seen.append((here, whole))) == path
    assert path.read_bytes() == DATA
    assert left(path) == ["file.pth"]
    assert seen[-1] == (len(DATA), len(DATA))


def test_what_broke_off_goes_on_where_it_was(served: Served, path: Path) -> None:
    served.cut = 60_000
    with pytest.raises(FetchError, match=r"broke off after 60,000 of 102,400 bytes; run the same command again"):
        fetch(served.url, path, Expected(sha256=SHA256))
    assert not path.exists()
    served.cut = None
    fetch(served.url, path, Expected(sha256=SHA256))
    assert served.asked == [None, "bytes=60000-"]
    assert path.read_bytes() == DATA
    assert left(path) == ["file.pth"]


def test_it_may_break_off_again_and_again(served: Served, path: Path) -> None:
    for served.cut in (10, 20_000, 50_000):
        with pytest.raises(FetchError, match="broke off"):
            fetch(served.url, path, Expected(sha256=SHA256))
    served.cut = None
    fetch(served.url, path, Expected(sha256=SHA256))
    assert path.read_bytes() == DATA


def test_a_full_disk_names_the_file_and_the_rest_comes_later(served: Served, path: Path) -> None:
    with no_file_above(50_000), pytest.raises(OSError, match="large") as caught:
        fetch(served.url, path, Expected(sha256=SHA256))
    assert sentence(caught.value).startswith(f"{path}.part: no space to write it (File too large)")
    assert not path.exists()
    fetch(served.url, path, Expected(sha256=SHA256))
    assert served.asked == [None, "bytes=50000-"]
    assert path.read_bytes() == DATA
    assert left(path) == ["file.pth"]


@pytest.mark.parametrize("why", ["no ranges", "another file", "another address"])
def test_what_cannot_go_on_starts_anew(served: Served, path: Path, why: str) -> None:
    served.cut = 60_000
    with pytest.raises(FetchError, match="broke off"):
        fetch(served.url, path, Expected())
    served.cut, url, new = None, served.url, DATA
    if why == "no ranges":
        served.ranges = False
    elif why == "another file":
        served.tag, served.data = '"two"', DATA[::-1]
        new = DATA[::-1]
    else:
        url = served.url.replace("file", "other")
        new = DATA
    fetch(url, path, Expected())
    assert path.read_bytes() == new


@pytest.mark.parametrize(
    ("expected", "sentence"),
    [
        (Expected(sha256="0" * 64), f"another file than its authors released: SHA-256 {SHA256}, not 0000"),
        (Expected(git_blob="0" * 40), f"another file than its authors released: Git's id {GIT}, not 0000"),
        (Expected(size=7), "gives 102,400 bytes, and the file has 7; it has been changed"),
        (Expected(most=100_000), "gives 102,400 bytes, more than such weights have"),
    ],
)
def test_another_file_is_refused_and_not_kept(served: Served, path: Path, expected: Expected, sentence: str) -> None:
    with pytest.raises(FetchError, match=sentence):
        fetch(served.url, path, expected)
    assert left(path) == []


@pytest.mark.parametrize(("page", "what"), [("login", "a web page from 127"), ("page", "a web page instead")])
def test_a_page_in_place_of_the_file_is_refused(served: Served, path: Path, page: str, what: str) -> None:
    served.page = page
    with pytest.raises(FetchError, match=f"gives {what}.*it may require a login"):
        fetch(served.url, path, Expected())
    assert left(path) == []


def test_a_page_that_stands_behind_a_part_is_refused(served: Served, path: Path) -> None:
    served.cut = 60_000
    with pytest.raises(FetchError, match="broke off"):
        fetch(served.url, path, Expected())
    served.page = "login"
    with pytest.raises(FetchError, match="web page"):
        fetch(served.url, path, Expected())


def test_an_answer_that_is_an_error(served: Served, path: Path) -> None:
    served.status = 404
    with pytest.raises(FetchError, match=r"answers 404 \(Not Found\)"):
        fetch(served.url, path, Expected())


def test_nobody_there(path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(FetchError, match=r"cannot be reached .*refused"):
        fetch(f"http://127.0.0.1:{port}/file.pth", path, Expected())


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://127.0.0.1/f", "f.pth"])
def test_addresses_of_the_web_alone(url: str, path: Path) -> None:
    with pytest.raises(FetchError, match="is not a web address"):
        fetch(url, path, Expected())
