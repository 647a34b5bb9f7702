"""Keep the records of unfinished runs until they become a file of records.

Each finished record is one line of a `.jsonl` file beside the files of records, so that a killed run loses only the
image it was working on. Several runs may write to one folder at the same time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sshbench.locks import locked
from sshbench.results.folder import records_file
from sshbench.results.records import Record, RecordsError, checked, read_records_file, write_records
from sshbench.whole_file import append_whole


class Journal:
    """The records of unfinished runs, appended line by line to `<method>-<protocol>.jsonl`.

    Any number of processes may use the journal of one folder at the same time. Each change is made under a lock, and a
    file of records also contains the results of other processes.
    """

    def __init__(self, out: Path) -> None:
        self.folder = out / "records"
        self.folder.mkdir(parents=True, exist_ok=True)

    def locked(self) -> AbstractContextManager[None]:
        """Return a context that holds the folder's lock."""
        return locked(self.folder)

    def append(self, records: Iterable[Record]) -> None:
        """Append records immediately, each as one line."""
        lines: dict[Path, bytes] = {}
        for record in records:
            path = records_file(self.folder.parent, record.method, record.protocol).with_suffix(".jsonl")
            # The line break comes first, since a killed process may have left an incomplete line.
            lines[path] = lines.get(path, b"") + b"\n" + json.dumps(asdict(record)).encode()
        if lines:
            with self.locked():
                for path, data in lines.items():
                    append_whole(path, data)

    def read(self, method: str, protocol: str) -> list[Record]:
        """Return the latest record of each id for a method and protocol, from finished and unfinished runs."""
        with self.locked():
            return self._read(method, protocol)

    def _read(self, method: str, protocol: str) -> list[Record]:
        path = records_file(self.folder.parent, method, protocol)
        found = {record.id: record for record in read_records_file(path)} if path.exists() else {}
        lines = path.with_suffix(".jsonl")
        for line in lines.read_bytes().splitlines() if lines.exists() else []:
            try:
                record = checked(lines, Record(**json.loads(line)))
            except (ValueError, TypeError, RecursionError, RecordsError):  # an incomplete line
                continue
            if (record.method, record.protocol) == (method, protocol):
                found[record.id] = record
        return list(found.values())

    def finish(
        self,
        method: str,
        protocol: str,
        records: Sequence[Record],
        versions: Mapping[str, str],
        also: Callable[[Record], bool] = lambda record: False,
        order: Callable[[Record], Any] | None = None,
    ) -> None:
        """Write the records of a method and protocol to their Parquet file, and delete their lines.

        Parameters
        ----------
        also
            A function that returns whether an existing record, of this run or of another run, also belongs into the
            file. A failure does not replace an existing success on the same image.
        order
            The sort key of records; by default they keep their order.
        """
        path = records_file(self.folder.parent, method, protocol)
        with self.locked():
            found = {record.id: record for record in self._read(method, protocol) if also(record)}
            for record in records:
                if record.failed is None or found.get(record.id, record).failed is not None:
                    found[record.id] = record
            rows = list(found.values())
            write_records(path, sorted(rows, key=order) if order else rows, versions)
            path.with_suffix(".jsonl").unlink(missing_ok=True)

    def drop(self, method: str, protocol: str) -> None:
        """Delete the records of a method and protocol."""
        path = records_file(self.folder.parent, method, protocol)
        with self.locked():
            path.unlink(missing_ok=True)
            path.with_suffix(".jsonl").unlink(missing_ok=True)
