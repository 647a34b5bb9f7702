"""`run.json` in a folder of results: the arguments, versions, machine and times of the last run."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sshbench.benchmarks.protocol import Protocol
from sshbench.methods.identity import Identity
from sshbench.results import machine
from sshbench.results.journal import Journal
from sshbench.results.records import RecordsError
from sshbench.results.weighting import Shares
from sshbench.whole_file import whole_file


class RunFile:
    """The file `run.json` of a run that has just started; it also refuses the folder of another benchmark."""

    def __init__(
        self,
        journal: Journal,
        benchmark: str,
        methods: Sequence[Identity],
        protocols: Sequence[Protocol],
        metrics: Sequence[str] | None,
        weight_to: Shares | None,
        workers: int,
        batch_size: int,
        device: str,
        time_limit: float | None,
    ) -> None:
        self.journal = journal
        self.path = journal.folder.parent / "run.json"
        self.said: dict[str, Any] = {
            "benchmark": benchmark,
            "methods": [
                {
                    "name": own.name,
                    "sees_target": own.sees_target,
                    "method_hash": own.code,
                    "weights_hash": own.weights_hash or None,
                    "trained_by": own.trained_by or None,
                }
                for own in methods
            ],
            "protocols": [{"name": p.name, "version": p.version} for p in protocols],
            "metrics": list(metrics) if metrics else None,
            "weight_to": asdict(weight_to) if weight_to else None,
            "device": device,
            "workers": workers,
            "batch_size": batch_size,
            "time_limit": time_limit,
            "versions": machine.versions(),
            "machine": machine.hardware(),
            "started": _now(),
            "finished": None,
            "process": f"{platform.node()} {os.getpid()} {time.time_ns()}",
        }
        with journal.locked():  # if two runs start at the same time, the second one finds the first
            refuse_another(self.path.parent, benchmark)
            self._write()

    def finish(self) -> None:
        """Record that the run has ended, unless another run has started in the folder since."""
        self.said["finished"] = _now()
        with self.journal.locked():
            if run_of(self.path.parent).get("process") == self.said["process"]:
                self._write()

    def _write(self) -> None:
        with whole_file(self.path) as temporary:
            temporary.write_text(json.dumps(self.said, indent=2) + "\n")


def run_of(out: Path) -> dict[str, Any]:
    """Return the content of `run.json` in a folder of results; empty if the file does not exist.

    Raises
    ------
    RecordsError
        The file is damaged.
    """
    path = out / "run.json"
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_bytes())
        if isinstance(found, dict) and isinstance(found["benchmark"], str):
            return found
    except (OSError, ValueError, KeyError, RecursionError):
        pass
    raise RecordsError(f"{path} is damaged; delete it; the files beside it stay usable")


def refuse_another(out: Path, benchmark: str) -> None:
    """Check that a folder of results holds no results of another benchmark.

    Raises
    ------
    RecordsError
        The folder holds results of another benchmark, or its `run.json` is damaged.
    """
    other = run_of(out).get("benchmark", benchmark)
    if other != benchmark:
        raise RecordsError(f"{out} holds results on {other}; give results on {benchmark} another --out")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
