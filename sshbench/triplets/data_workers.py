"""Worker processes of a loader: the caller can stop waiting for them, and their errors become one sentence.

torch's `DataLoader` waits for a batch without a time limit, and reports the death of a worker at any point of the main
process. Here the caller can end the waiting, and the death of a worker is reported at the next request for a batch.
"""

from __future__ import annotations

import pickle
import signal
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils.data import DataLoader, get_worker_info
from torch.utils.data._utils import signal_handling
from torch.utils.data.dataloader import _BaseDataLoaderIter, _MultiProcessingDataLoaderIter

from sshbench.errors import SshbenchError
from sshbench.threads import keep_to_one_thread
from sshbench.triplets.dataset import collate
from sshbench.triplets.worker_start import without_main

_PIECE = 0.2  # seconds of waiting
_SHARED = "shared memory (/dev/shm)"
_MORE = "give the machine more of it (a container: --shm-size=2g)"


class WorkersError(SshbenchError):
    """Data workers were killed or lack shared memory. The error is raised at the request for a batch."""


@dataclass(frozen=True)
class _Failure:
    """The message of an error, sent in place of a batch that cannot be made."""

    reason: str


class Told:
    """A dataset whose errors leave the worker as one sentence; torch would send a traceback."""

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitems__(self, keys: Sequence[Any]) -> list[Any] | _Failure:
        try:
            return [self.dataset[key] for key in keys]
        except (SshbenchError, MemoryError) as error:
            if get_worker_info() is None:
                raise
            text = "a data worker has not enough memory; take fewer workers or a smaller batch"
            return _Failure(text if isinstance(error, MemoryError) else str(error))


def collate_in_worker(samples: list[Any] | _Failure) -> dict[str, Any] | _Failure:
    """Return the samples as a batch. A worker puts the batch into shared memory, so that a lack of it shows here."""
    if isinstance(samples, _Failure):
        return samples
    batch = collate(samples)
    if get_worker_info() is None:
        return batch
    tensors = [value for value in batch.values() if isinstance(value, torch.Tensor)]
    try:
        for tensor in tensors:
            tensor.share_memory_()  # type: ignore[no-untyped-call]
    except (RuntimeError, OSError) as error:
        megabytes = sum(tensor.nbytes for tensor in tensors) / 1e6
        reason = " ".join(str(error).split())[:200]
        return _Failure(
            f"a data worker found no {_SHARED} for a batch of {megabytes:.1f} MB ({reason}); {_MORE}, or take fewer "
            "workers or a smaller batch"
        )
    return batch


def begin_worker(worker: int) -> None:
    """Ignore interrupts in a worker: a terminal sends them to all processes, and the main process ends its workers."""
    keep_to_one_thread(worker)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


class PatientLoader(DataLoader[Any]):
    """torch's `DataLoader` that also calls `while_waiting` about five times a second while workers prepare a batch.

    If `while_waiting` raises an exception, the waiting ends. The caller can then request the same batch again.

    Raises
    ------
    WorkersError
        A worker has died, or cannot send its batch. The error is raised at the request for a batch; the next request
        starts new workers.
    """

    def __init__(self, dataset: Any, **options: Any) -> None:
        self.while_waiting: Callable[[], None] = _nothing
        super().__init__(
            Told(dataset),  # type: ignore[arg-type]  # a map-style dataset of torch's needs no base class
            collate_fn=collate_in_worker,
            worker_init_fn=begin_worker,
            **options,
        )

    def _get_iterator(self) -> _BaseDataLoaderIter:
        return _PatientIterator(self) if self.num_workers else super()._get_iterator()

    def end_workers(self, *, at_once: bool = False) -> None:
        """Ask the workers to end, and terminate the workers that do not."""
        iterator: Any = self._iterator
        self._iterator = None
        if iterator is None:
            return
        if at_once:
            for worker in iterator._workers:
                worker.kill()
        iterator._shutdown_workers()
        for worker in iterator._workers:
            worker.kill()


def _needs_main(dataset: Any) -> bool:
    """Return whether a dataset contains classes of the user's script, which then needs an `if __name__` guard."""
    try:
        return b"__main__" in pickle.dumps(dataset)
    except Exception:  # some objects, such as locks, can be pickled only while a process starts
        return True


class _PatientIterator(_MultiProcessingDataLoaderIter):
    def __init__(self, loader: PatientLoader) -> None:
        self._loader = loader
        with nullcontext() if _needs_main(loader.dataset) else without_main():
            super().__init__(loader)
        # torch's signal handler raises an error when a worker dies, even in the middle of a training step.
        signal_handling._remove_worker_pids(id(self))  # type: ignore[attr-defined]
        self._worker_pids_set = False

    def _try_get_data(self, timeout: float = _PIECE) -> tuple[bool, Any]:
        self._loader.while_waiting()
        try:
            found: tuple[bool, Any] = super()._try_get_data(_PIECE)  # type: ignore[no-untyped-call]
        except Exception as error:
            reason = self._reason(error)
            self._loader.end_workers(at_once=True)
            raise WorkersError(reason) from error
        return found

    def _next_data(self) -> Any:
        try:
            data = super()._next_data()  # type: ignore[no-untyped-call]
        except RuntimeError as error:
            if "Pin memory thread" not in str(error):  # the thread that hands batches to a GPU
                raise
            raise WorkersError(self._reason(error)) from error
        if isinstance(data, _Failure):
            raise WorkersError(data.reason)
        return data

    def _reason(self, error: Exception) -> str:
        """Return the reason why no batch arrives: from the workers' exit codes, or else from torch's error."""
        for worker in self._workers:
            worker.join(0.5)  # a worker whose connection broke may be about to end
        codes = [worker.exitcode for worker in self._workers if worker.exitcode is not None]
        if codes:
            code = min(codes)
            name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
            fewer = "take fewer workers or a smaller batch"
            if code == -signal.SIGBUS:
                return f"a data worker was killed ({name}), most often because {_SHARED} is short; {_MORE}, or {fewer}"
            if code == -signal.SIGKILL:
                return f"a data worker was killed ({name}), most often because memory is short; {fewer}"
            return f"a data worker ended ({name}); {fewer}"
        text = " ".join(str(error).split())
        if "open files" in text or "ancdata" in text:
            return (
                "data workers need more open files than this process may have; raise ulimit -n, or take fewer workers"
            )
        return f"data workers cannot be reached any more ({type(error).__name__}: {text[:200]}); take fewer workers"


def _nothing() -> None:
    pass
