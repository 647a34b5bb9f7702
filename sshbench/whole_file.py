"""Files and folders that appear whole or not at all, and folders for a while.

A file or folder is written under a temporary name beside its own, `.sshbench-` and a random number, which a lock holds
for as long as its process lives. A process that is killed leaves it behind, and the next one that writes into the same
place removes it.
"""

from __future__ import annotations

import atexit
import errno
import fcntl
import os
import re
import secrets
import shutil
import signal
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

from sshbench.errors import FULL, SshbenchError

_PREFIX = ".sshbench-"
_NAME = re.compile(re.escape(_PREFIX) + r"[0-9a-f]{16}(\.[^/]*)?")
_STALE_AFTER = 24 * 3600.0
_DESCRIPTOR = re.compile(r"/(?:dev|proc/self)/fd/(\d+)")
_SYSTEM_ERROR = re.compile(r"\(os error (\d+)\)")  # as libraries in Rust say it, of which some reserve space first
_READER_COMES_WITHIN = 10.0

_cleared: set[Path] = set()
_unfinished: set[Path] = set()


@contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary file beside `path` to write to; it becomes `path` when the block ends without an error.

    The temporary name ends as `path` does, so that libraries that go by the suffix write the right format. A file that
    is replaced leaves its permissions to the new one, and a symbolic link stays one. A device or a pipe is not
    replaced: it is sent the file's bytes when the block ends.

    Raises
    ------
    OSError
        The folder does not exist or cannot be written, or there is no space left; its `filename` is `path`. Whatever
        a library raises where a disk is full, this is what the caller gets.
    """
    if is_stream(path):
        with _sent(path) as temporary:
            yield temporary
        return
    target = Path(os.path.realpath(path))
    _clear(target.parent)
    temporary = target.with_name(hidden_name(path))
    with (
        _removed(temporary),
        _held(lambda: hold(temporary), path, temporary) as lock,
        _named(path, temporary, lock),
    ):
        yield temporary
        with suppress(FileNotFoundError):
            temporary.chmod(stat.S_IMODE(target.stat().st_mode))
        flush(temporary)
        os.replace(temporary, target)


def append_whole(path: str | os.PathLike[str], data: bytes) -> None:
    """Append bytes to a file, all of them or none.

    Raises
    ------
    OSError
        There is no space, or no permission; the file is as before, and the error names it.
    """
    with open(path, "ab", buffering=0) as file:
        before, left = file.tell(), data
        try:
            while left:
                left = left[file.write(left) :]
        except OSError as error:
            file.truncate(before)
            error.filename = os.fspath(path)
            raise


@contextmanager
def whole_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary folder beside `path` to fill; it becomes `path` when the block ends without an error.

    The folders above are made. Where `path` exists, it has to be an empty folder.

    Raises
    ------
    OSError
        Something is at `path`, a folder cannot be written, or there is no space left; its `filename` is `path` or a
        file below it.
    """
    target = Path(os.path.realpath(path))
    target.parent.mkdir(parents=True, exist_ok=True)
    with _hidden_folder(target.parent, 0o777, path) as temporary, _named(path, temporary):
        yield temporary
        for place, _, names in os.walk(temporary):
            for name in names:
                flush(Path(place, name))
        os.rename(temporary, target)


@contextmanager
def folder_for_a_while() -> Iterator[Path]:
    """Give an empty folder among the system's temporary files that no other user may enter, until the block ends.

    The standard library's folders stay for ever where their process is killed; the next call of this removes them.
    """
    parent = Path(tempfile.gettempdir())
    with _hidden_folder(parent, 0o700, parent) as temporary:
        yield temporary


@contextmanager
def naming(path: str | os.PathLike[str]) -> Iterator[None]:
    """Let the error of a full disk name this file; the system's error names none where an open file is written."""
    try:
        yield
    except OSError as error:
        if error.filename is None and error.errno in FULL:
            error.filename = os.fspath(path)
        raise


def end_at_once(number: int = signal.SIGTERM, frame: object = None) -> NoReturn:
    """End this process without leaving its blocks, except for what it has begun to write; also a signal handler."""
    remove_unfinished()
    os._exit(128 + number)


def remove_unfinished() -> None:
    """Remove what this process has begun to write; also called when the interpreter exits.

    A signal that becomes an exception may arrive between any two steps, also before a block begins to clean up.
    """
    for path in list(_unfinished):
        _remove(path)


atexit.register(remove_unfinished)
os.register_at_fork(after_in_child=_unfinished.clear)  # these files are the parent's


def is_stream(path: str | os.PathLike[str]) -> bool:
    """Return whether `path` is a device, a pipe or a socket, or stands for an open file, as `/dev/stdout` does."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)) or _descriptor(path) is not None


def hold(path: Path, mode: int = 0o666) -> int:
    """Create a file and lock it; the descriptor that is returned holds the lock until it is closed."""
    while True:
        lock = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_NOFOLLOW, mode)
        with suppress(OSError):  # not every file system has locks
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if path.exists():  # else it was cleared before the lock was there
            return lock
        os.close(lock)


def is_abandoned(path: Path) -> bool:
    """Return whether the process that held a file or folder is gone; also true for a file of more than a day ago.

    A folder may be in use for days without a change, so its lock alone counts.
    """
    found = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)  # anyone may put a pipe among temporary files
    try:
        status = os.fstat(found)
        if not stat.S_ISDIR(status.st_mode) and status.st_mtime < time.time() - _STALE_AFTER:
            return True
        fcntl.flock(found, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(found)
    return True


def flush(path: Path) -> None:
    """Write a file's bytes to the disk; otherwise a full disk or a power cut may only show after the rename."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())


@contextmanager
def _hidden_folder(parent: Path, mode: int, known: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a new folder, which is removed if it still has its name at the end; an error of making it names `known`."""
    _clear(parent)
    temporary = parent / hidden_name()
    with _removed(temporary), _held(lambda: _hold_folder(temporary, mode), known, temporary):
        yield temporary


@contextmanager
def _removed(temporary: Path) -> Iterator[None]:
    """Remove a temporary file or folder at the end, if it still has this name. It is noted before it exists."""
    _unfinished.add(temporary)
    try:
        yield
    finally:
        _remove(temporary)
        _unfinished.discard(temporary)


@contextmanager
def _held(hold_it: Callable[[], int], known: str | os.PathLike[str], temporary: Path) -> Iterator[int]:
    """Give the lock of a new temporary file or folder, and close it at the end; an error of making it names `known`."""
    with _named(known, temporary):
        lock = hold_it()
    try:
        yield lock
    finally:
        os.close(lock)


def _hold_folder(path: Path, mode: int) -> int:
    """Make a folder and lock it, as `hold` does with a file."""
    while True:
        path.mkdir(mode, exist_ok=True)
        with suppress(FileNotFoundError):  # it was cleared before the lock was there
            lock = os.open(path, os.O_RDONLY)
            with suppress(OSError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if path.exists():
                return lock
            os.close(lock)


def _remove(path: Path) -> None:
    """Remove a file or a folder, if it is there."""
    try:
        path.unlink()
    except (IsADirectoryError, PermissionError):
        shutil.rmtree(path, ignore_errors=True)
    except OSError:  # it was never made, or is gone with its folder
        pass


def hidden_name(path: str | os.PathLike[str] = "") -> str:
    """Return a new name of a temporary file, which ends as `path` does."""
    return f"{_PREFIX}{secrets.token_hex(8)}{Path(path).suffix}"


def _clear(folder: Path) -> None:
    """Remove what killed processes left in a folder, once in the life of this process."""
    if folder in _cleared:
        return
    _cleared.add(folder)
    with suppress(OSError):
        for name in os.listdir(folder):
            if _NAME.fullmatch(name):
                with suppress(OSError):  # another process clears too, or the file is somebody else's
                    if is_abandoned(folder / name):
                        _remove(folder / name)


@contextmanager
def _named(path: str | os.PathLike[str], temporary: Path, lock: int | None = None) -> Iterator[None]:
    """Let errors name the file that the user knows, and turn a library's error about a full disk into an OSError."""
    try:
        yield
    except SshbenchError:
        raise
    except Exception as error:
        named, code = _known_name(error, temporary, path), None
        if not isinstance(error, OSError) or error.errno is None:  # of a library, which may say anything
            said = _SYSTEM_ERROR.search(str(error))
            code = int(said[1]) if said else None if lock is None else _no_room(lock)
        elif named is not None or error.filename is None:
            code = error.errno
        if code is not None and code in FULL:
            raise OSError(code, os.strerror(code), named or os.fspath(path)) from error
        if isinstance(error, OSError) and named is not None:
            error.filename, error.filename2 = named, None
        raise


def _known_name(error: Exception, temporary: Path, path: str | os.PathLike[str]) -> str | None:
    """Return what the user calls the file of an error; None if it is neither `temporary` nor below it."""
    name = getattr(error, "filename", None)
    if not isinstance(name, str) or not f"{name}{os.sep}".startswith(f"{temporary}{os.sep}"):
        return None
    return os.fspath(path) + name[len(os.fspath(temporary)) :]


def _no_room(lock: int) -> int | None:
    """Return the system's reason why the file behind a descriptor cannot grow, if it cannot."""
    try:
        for _ in range(2):  # the first may be cut short without an error
            os.pwrite(lock, bytes(1 << 16), os.fstat(lock).st_size)
        os.fsync(lock)
    except OSError as error:
        return error.errno
    return None


@contextmanager
def _sent(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary file to write to, whose bytes are then sent to a device or a pipe."""
    folder = Path(tempfile.gettempdir())
    _clear(folder)
    temporary = folder / hidden_name(path)
    private = _held(lambda: hold(temporary, 0o600), temporary, temporary)  # in a folder of all users
    with _removed(temporary), private as lock:
        with _named(temporary, temporary, lock):
            yield temporary
        try:
            with open(temporary, "rb") as source, os.fdopen(_open_stream(path), "wb") as sink:
                shutil.copyfileobj(source, sink)
        except BrokenPipeError as error:
            raise SshbenchError(f"{path}: its reader closed the pipe before the end") from error
        except OSError as error:
            error.filename, error.filename2 = os.fspath(path), None
            raise


def _open_stream(path: str | os.PathLike[str]) -> int:
    if (number := _descriptor(path)) is not None:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()  # what was said before comes before
        return os.dup(number)
    deadline = time.monotonic() + _READER_COMES_WITHIN
    while True:
        try:
            opened = os.open(path, os.O_WRONLY | os.O_NONBLOCK)  # else opening a pipe waits for a reader for ever
            os.set_blocking(opened, True)
            return opened
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            if time.monotonic() > deadline:
                raise OSError(errno.ENXIO, "nobody reads from this pipe", os.fspath(path)) from error
        time.sleep(0.05)


def _descriptor(path: str | os.PathLike[str]) -> int | None:
    """Return the number of the open file that a path stands for, by itself or through symbolic links."""
    place = os.path.abspath(path)
    for _ in range(40):
        if found := _DESCRIPTOR.fullmatch(place):
            return int(found[1])
        if not os.path.islink(place):
            return None
        place = os.path.normpath(os.path.join(os.path.dirname(place), os.readlink(place)))
    return None
