"""The origins of the pictures of a table: the rows and files that they were made from.

`--skip-existing` keeps a picture only if its row, its files and its method are unchanged. The folder of the pictures
has a file `.sshbench-made.jsonl` with a line for each finished picture: the name of the picture, and a hash of the
options of the row, of the files that were read, and of the method with all source that it can run. The last line of a
picture counts.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from functools import cached_property
from pathlib import Path

from sshbench.cli.composites.jobs import Job
from sshbench.methods.base import Method
from sshbench.methods.identity import identity
from sshbench.methods.named_options import split_options
from sshbench.methods.source_code import sources_of
from sshbench.regular_file import file_hash, read_regular
from sshbench.whole_file import append_whole

NAME = ".sshbench-made.jsonl"
_MOST_BYTES = 256 << 20


class Origins:
    """The record of a folder of pictures."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._hashes: dict[Path, str] = {}
        self._methods: dict[int, tuple[Method, list[str]]] = {}

    def of(self, job: Job, method: Method) -> str:
        """Return a hash of the options, files and method from which a picture is made.

        Raises
        ------
        OSError
            An input file does not exist.
        """
        sources = [None if one is None else self._content(one) for one in (job.foreground, job.background, job.mask)]
        said = json.dumps([asdict(job.look), sources, self._made_by(job, method)], sort_keys=True, default=str)
        return hashlib.sha256(said.encode(errors="surrogatepass")).hexdigest()

    def _made_by(self, job: Job, method: Method) -> list[str]:
        """Return the method's name, the hashes of its code and weights, and the hash of the code that composites."""
        import sshbench.compositing.harmonize as compositing

        if id(method) not in self._methods:
            own = identity(method, split_options(job.look.method or "")[1])
            self._methods[id(method)] = method, [own.name, own.code, own.weights_hash, sources_of(compositing).digest()]
        return self._methods[id(method)][1]

    def changed(self, job: Job, origin: str) -> str | None:
        """Return why an existing picture must be made again; None if its options, files and method are unchanged."""
        known = self._known.get(self._name(job))
        if not known:
            return f"{job.output}: is made again, since nothing says from which row and files it was made"
        if known != origin:
            return f"{job.output}: is made again, since its row, a file that it is made from, or an option has changed"
        return None

    def note(self, job: Job, origin: str) -> None:
        """Record the hash of a picture after all of its files were written."""
        line = json.dumps({"picture": self._name(job), "made_from": origin})
        append_whole(self._folder / NAME, f"\n{line}".encode())  # a killed process may have left an incomplete line

    def forget(self, job: Job) -> None:
        """Record that the origin of a picture is unknown, before its files are replaced."""
        if self._known.get(self._name(job)):
            self.note(job, "")

    def _name(self, job: Job) -> str:
        return os.path.relpath(job.output, self._folder)

    def _content(self, path: Path) -> str:
        """Return the hash of a file; return any other text, such as the request of an automatic mask, unchanged."""
        if path not in self._hashes:
            try:
                self._hashes[path] = file_hash(path)
            except FileNotFoundError:
                self._hashes[path] = str(path)
        return self._hashes[path]

    @cached_property
    def _known(self) -> Mapping[str, str]:
        try:
            text = read_regular(self._folder / NAME, _MOST_BYTES).decode(errors="replace")
        except FileNotFoundError:
            return {}
        found = {}
        for line in text.splitlines():
            try:
                one = json.loads(line)
                found[str(one["picture"])] = str(one["made_from"])
            except (ValueError, KeyError, TypeError, RecursionError):  # a damaged line counts as missing
                continue
        return found
