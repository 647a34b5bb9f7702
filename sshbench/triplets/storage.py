"""A folder, local or behind an fsspec URL, in which every file appears under its name only when it is complete."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Any, NoReturn

from sshbench.errors import FULL, SshbenchError
from sshbench.regular_file import file_hash
from sshbench.whole_file import flush, hold, is_abandoned

_BLOCK = 1 << 20
_HERE = ".sshbench-upload-"  # the prefix of temporary files that are being uploaded
# Stores that show an upload only when it is complete. Files are not renamed there, since a rename copies all bytes.
_OBJECT_STORES = {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oss", "oci", "r2"}


class StorageError(SshbenchError):
    """An output folder cannot be read or written; the message gives the reason and the remedy."""


class Storage:
    """The files below `url`. Their names are relative to `url`, with forward slashes.

    Parameters
    ----------
    url
        A path, or any URL that fsspec opens (`s3://bucket/folder`, `gs://...`, `memory://...`).
    scratch
        The name of the folder below `url` for unfinished files; used in local folders only.
    """

    def __init__(self, url: str, scratch: str = ".unfinished") -> None:
        self.url = url.rstrip("/") or "/"
        scheme, separator, rest = url.partition("://")
        self.scheme = scheme if separator else "file"
        self.local = Path(rest if separator else url).expanduser() if self.scheme in ("file", "local") else None
        self.scratch = scratch

    @cached_property
    def _remote(self) -> tuple[Any, str]:
        import fsspec

        try:
            fs, root = fsspec.core.url_to_fs(self.url)
        except ImportError as error:
            raise StorageError(f"{self.url}: {error}") from error
        except ValueError as error:
            raise StorageError(f"{self.url}: {str(error).rstrip('.')}; a path or an fsspec URL is needed") from error
        return fs, str(root).rstrip("/")

    def __getstate__(self) -> dict[str, Any]:
        # Open connections cannot be sent to another process.
        return {key: value for key, value in self.__dict__.items() if key != "_remote"}

    @contextmanager
    def _call(self, name: str) -> Iterator[tuple[Any, str]]:
        """Yield the file system and the full path of `name`; errors become StorageError, except FileNotFoundError."""
        fs, root = self._remote
        try:
            yield fs, f"{root}/{name}" if name else root
        except (OSError, SshbenchError) as error:
            self._explain(error, name)
        except Exception as error:  # fsspec's file systems raise the classes of their libraries
            self._explain(OSError(None, f"{type(error).__name__}: {error}"), name)

    def _explain(self, error: Exception, name: str) -> NoReturn:
        if isinstance(error, SshbenchError | FileNotFoundError):
            raise error
        assert isinstance(error, OSError)
        where = f"{self.url}/{name}" if name else self.url
        if error.errno in FULL:
            raise StorageError(
                f"{where}: no space to write it ({os.strerror(error.errno)}); what is finished is kept, so make room "
                "and run the same command again"
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise StorageError(
                f"{where}: no permission to use this place ({os.strerror(error.errno)}); choose another --output"
            ) from error
        raise StorageError(f"{where}: {error.strerror or error}") from error

    # Reading

    def read(self, name: str) -> bytes | None:
        """Return the bytes of a file, or None if there is no such file."""
        try:
            if self.local:
                return (self.local / name).read_bytes()
            with self._call(name) as (fs, path):
                return bytes(fs.cat_file(path))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            self._explain(error, name)

    def size(self, name: str) -> int | None:
        """Return the size of a file in bytes, or None if there is no such file."""
        try:
            if self.local:
                return (self.local / name).stat().st_size
            with self._call(name) as (fs, path):
                fs.invalidate_cache()  # other machines write here too
                return int(fs.info(path)["size"])
        except (FileNotFoundError, NotADirectoryError):
            return None

    def sha256(self, name: str) -> str | None:
        """Return the SHA-256 of a file in hexadecimal, or None if there is no such file."""
        digest = hashlib.sha256()
        try:
            if self.local:
                return file_hash(self.local / name)
            with self._call(name) as (fs, path), fs.open(path, "rb") as file:
                while block := file.read(_BLOCK):
                    digest.update(block)
        except (FileNotFoundError, NotADirectoryError):
            return None
        return digest.hexdigest()

    def names(self, folder: str = "") -> list[str]:
        """Return the sorted names in `folder`, without the folder's own name; empty if the folder does not exist."""
        try:
            if self.local:
                return sorted(entry.name for entry in os.scandir(self.local / folder))
            with self._call(folder) as (fs, path):
                fs.invalidate_cache()
                return sorted(str(entry).rstrip("/").rsplit("/", 1)[-1] for entry in fs.ls(path, detail=False))
        except FileNotFoundError:
            return []
        except OSError as error:
            self._explain(error, folder)

    # Writing

    def write(self, name: str, data: bytes) -> None:
        """Write a small file, which appears under its name only when it is complete."""
        with self.unfinished(name) as path:
            path.write_bytes(data)

    def create(self, name: str, data: bytes) -> bool:
        """Write a small file if no file has its name, and return whether the file was written.

        If two processes call this at the same time, only one of them succeeds. Behind a URL, this depends on the file
        system.
        """
        if self.local is None:
            return self._create_remote(name, data)
        temporary, lock = self._temporary(name)
        try:
            temporary.write_bytes(data)
            flush(temporary)
            try:
                os.link(temporary, self.local / name)
            except FileExistsError:
                return False
            except OSError:  # a file system without links
                with open(self.local / name, "xb") as file:
                    file.write(data)
            return True
        except FileExistsError:
            return False
        except OSError as error:
            self._explain(error, name)
        finally:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            os.close(lock)

    def _create_remote(self, name: str, data: bytes) -> bool:
        if self.size(name) is not None:
            return False
        if self.scheme not in {*_OBJECT_STORES, "memory"}:
            self.write(name, data)
            return self.read(name) == data
        try:
            with self._call(name) as (fs, path):
                try:
                    fs.pipe_file(path, data, mode="create")
                except FileExistsError:
                    return False
                except Exception:  # a version of fsspec without the mode; other errors are raised again
                    fs.pipe_file(path, data)
        except FileNotFoundError as error:
            raise StorageError(f"{self.url}: there is no such place to write to ({error})") from error
        return self.read(name) == data

    @contextmanager
    def unfinished(self, name: str) -> Iterator[Path]:
        """Yield a local path to write to; the file gets its `name` when the block ends without an error.

        If the process dies, a file may remain in the scratch folder; `clear_scratch` removes this file.
        """
        temporary, lock = self._temporary(name)
        try:
            try:
                yield temporary
            except OSError as error:
                # Other errors may come from files that the block reads, and are not errors of the output.
                if error.errno in FULL:
                    self._explain(error, name)
                raise
            if temporary.exists():
                self._publish(temporary, name)
        finally:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            os.close(lock)

    def _temporary(self, name: str) -> tuple[Path, int]:
        """Return a new file and a descriptor that holds a lock on the file while this process lives."""
        stem = f"{name.replace('/', '~')}.{os.urandom(8).hex()}"
        if self.local is None:
            path = Path(tempfile.gettempdir()) / f"{_HERE}{stem}"
            return path, hold(path, 0o600)
        path = self.local / self.scratch / stem
        try:
            (self.local / name).parent.mkdir(parents=True, exist_ok=True)
            while True:
                path.parent.mkdir(exist_ok=True)
                with suppress(FileNotFoundError):  # another run has just removed the empty folder
                    return path, hold(path)
        except FileExistsError as error:
            raise StorageError(f"{error.filename} is a file and not a folder; choose another --output") from error
        except OSError as error:
            self._explain(error, name)

    def _publish(self, temporary: Path, name: str) -> None:
        try:
            if self.local:
                flush(temporary)
                os.replace(temporary, self.local / name)
                return
            with self._call(name) as (fs, path):
                if self.scheme in _OBJECT_STORES:
                    fs.put_file(str(temporary), path)
                    return
                folder = path.rsplit("/", 1)[0]
                fs.makedirs(folder, exist_ok=True)
                hidden = f"{folder}/.{os.urandom(8).hex()}"
                try:
                    fs.put_file(str(temporary), hidden)
                    fs.mv(hidden, path)
                except BaseException:
                    with suppress(Exception):
                        fs.rm(hidden)
                    raise
        except FileNotFoundError as error:
            raise StorageError(f"{self.url}: there is no such place to write to ({error})") from error
        except OSError as error:
            self._explain(error, name)

    def remove(self, folder: str) -> None:
        """Remove a folder and its contents, if it exists."""
        if self.local:
            shutil.rmtree(self.local / folder, ignore_errors=True)
            return
        with suppress(FileNotFoundError), self._call(folder) as (fs, path):
            fs.rm(path, recursive=True)

    def clear_scratch(self) -> None:
        """Remove unfinished files that no process locks any more, and unfinished files that are a day old."""
        folder = Path(tempfile.gettempdir()) if self.local is None else self.local / self.scratch
        with suppress(OSError):
            for path in folder.glob(f"{_HERE}*" if self.local is None else "*"):
                with suppress(OSError):  # another run removes it, too, or another user owns it
                    if is_abandoned(path):
                        path.unlink()
            if self.local is not None:
                folder.rmdir()
