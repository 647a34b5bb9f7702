"""What the pictures of a table were made from, so that `--skip-existing` keeps only those that a row still asks for.

The file `.sshbench-made.jsonl` in the folder of the pictures gets a line for each picture that is finished: its name,
and a hash of the row's options, of the files that were read and of the method. Of several lines the last one counts.
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
from sshbench.regular_file import file_hash, read_regular
from sshbench.whole_file import append_whole

NAME = ".sshbench-made.jsonl"
_MOST_BYTES = 256 << 20


class Origins:
    """The record of a folder of pictures."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._hashes: dict[Path, str] = {}

    def of(self, job: Job, method: Method) -> str:
        """Return a hash of all that a picture is made from.

        Raises
        ------
        OSError
            A file that is read is not there.
        """
        sources = [None if one is None else self._content(one) for one in (job.foreground, job.background, job.mask)]
        code = f"{(job.look.method or '').partition('.py')[0]}.py"  # of a method of the user's own
        made_by = [method.name, method.weights_hash, self._content(Path(code))]
        said = json.dumps([asdict(job.look), sources, made_by], sort_keys=True, default=str)
        return hashlib.sha256(said.encode(errors="surrogatepass")).hexdigest()

    def changed(self, job: Job, origin: str) -> str | None:
        """Return why a picture that is there has to be made again; None if it was made from the same."""
        known = self._known.get(self._name(job))
        if not known:
            return f"{job.output}: is made again, since nothing says from which row and files it was made"
        if known != origin:
            return f"{job.output}: is made again, since its row, a file that it is made from, or an option has changed"
        return None

    def note(self, job: Job, origin: str) -> None:
        """Record what a picture was made from, once all of its files are written."""
        line = json.dumps({"picture": self._name(job), "made_from": origin})
        append_whole(self._folder / NAME, f"\n{line}".encode())  # the line before may have been cut short by a kill

    def forget(self, job: Job) -> None:
        """Record that nothing is known of a picture, before its files are replaced."""
        if self._known.get(self._name(job)):
            self.note(job, "")

    def _name(self, job: Job) -> str:
        return os.path.relpath(job.output, self._folder)

    def _content(self, path: Path) -> str:
        """Return the hash of a file; of what is no file, such as a mask that is to be found, the text itself."""
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
            except (ValueError, KeyError, TypeError, RecursionError):  # a damaged line: its picture is made again
                continue
        return found
