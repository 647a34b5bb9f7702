"""Data workers: what goes wrong in them is a sentence where a batch is asked for, and nobody waits for ever."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sshbench.errors import SshbenchError
from sshbench.triplets.data_workers import WorkersError
from sshbench.triplets.loader import TripletLoader

pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create")


class Settings:
    """Those of `Numbers`: none."""

    def to_json(self) -> str:
        return "{}"

    @classmethod
    def from_json(cls, text: str) -> Settings:
        return cls()

    def differences(self, other: Any) -> list[str]:
        return []


class Numbers:
    """Sixteen samples, each an image of its own number; below `folder` files tell it to wait or to fail."""

    settings = Settings()

    def __init__(self, folder: Path, side: int = 2) -> None:
        self.folder, self.side = folder, side

    def __len__(self) -> int:
        return 16

    def __getitem__(self, key: tuple[int, int]) -> dict[str, Any]:
        while (self.folder / "wait").exists():
            time.sleep(0.01)
        for error in (SshbenchError, MemoryError, ZeroDivisionError):
            if (self.folder / error.__name__).exists():
                raise error("the photograph\nis gone")
        return {"image": np.full((self.side, self.side, 3), key[1], np.uint8), "row": str(key[1])}


def loader(folder: Path, **options: Any) -> TripletLoader:
    return TripletLoader(Numbers(folder), 2, **({"workers": 2, "shuffle": False, "prefetch": 1} | options))


def rows(batches: Iterator[dict[str, Any]] | TripletLoader) -> list[str]:
    return [row for batch in batches for row in batch["row"]]


ALL = [str(number) for number in range(16)]


def workers() -> list[Any]:
    return multiprocessing.active_children()


def test_a_worker_that_is_killed_is_told_where_a_batch_is_asked_for(tmp_path: Path) -> None:
    batches = loader(tmp_path)
    before = set(workers())
    epoch = iter(batches)
    seen = rows(iter([next(epoch)]))
    (tmp_path / "wait").touch()
    dead = (set(workers()) - before).pop()
    os.kill(dead.pid, signal.SIGKILL)
    dead.join(30)
    time.sleep(0.1)  # in which torch would raise an error, wherever this process is
    with pytest.raises(WorkersError, match=r"a data worker was killed \(SIGKILL\).*memory is short.*fewer workers"):
        seen.extend(row for batch in epoch for row in batch["row"])
    (tmp_path / "wait").unlink()
    assert not set(workers()) - before
    assert seen + rows(batches) == ALL  # with new workers, where the last batch that was handed over ended
    assert rows(batches) == ALL


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ("SshbenchError", "^the photograph is gone$"),
        ("MemoryError", "^a data worker has not enough memory; take fewer"),
    ],
)
def test_an_error_of_a_worker_is_its_sentence(tmp_path: Path, error: str, said: str) -> None:
    (tmp_path / error).touch()
    with pytest.raises(WorkersError, match=said) as caught:
        rows(loader(tmp_path))
    assert "\n" not in str(caught.value)


def test_without_workers_errors_are_what_they_are(tmp_path: Path) -> None:
    (tmp_path / "MemoryError").touch()
    with pytest.raises(MemoryError):
        rows(loader(tmp_path, workers=0))


def test_a_fault_of_the_program_keeps_its_traceback(tmp_path: Path) -> None:
    (tmp_path / "ZeroDivisionError").touch()
    with pytest.raises(ZeroDivisionError, match="Traceback"):
        rows(loader(tmp_path))


class Enough(Exception):
    pass


def test_waiting_ends_when_the_caller_has_enough_and_may_begin_again(tmp_path: Path) -> None:
    (tmp_path / "wait").touch()
    batches, asked = loader(tmp_path), []

    def while_waiting() -> None:
        asked.append(time.monotonic())
        if len(asked) == 3:
            raise Enough

    batches.while_waiting = while_waiting
    with pytest.raises(Enough):
        rows(batches)
    assert asked[-1] - asked[0] < 5
    (tmp_path / "wait").unlink()
    assert rows(batches) == ALL


def test_a_worker_that_stands_still_ends_with_its_loader(tmp_path: Path) -> None:
    before = set(workers())
    batches = loader(tmp_path)
    next(iter(batches))
    stopped = set(workers()) - before
    for worker in stopped:
        os.kill(worker.pid, signal.SIGSTOP)
    begun = time.monotonic()
    del batches
    for worker in stopped:
        worker.join(30)
    assert time.monotonic() - begun < 30
    assert not set(workers()) - before


def test_a_lack_of_shared_memory_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: torch.Tensor) -> None:
        raise RuntimeError("unable to allocate shared memory(shm) for file </torch_1_2>: No space left on device (28)")

    monkeypatch.setattr(torch.Tensor, "share_memory_", full)  # workers are forked
    with pytest.raises(
        WorkersError, match=r"no shared memory \(/dev/shm\) for a batch of .*--shm-size=2g.*fewer workers"
    ):
        rows(loader(tmp_path, start_method="fork"))


SMALL = """
import sys
from pathlib import Path
from sshbench.errors import SshbenchError
from tests.triplets.test_data_workers import Numbers, TripletLoader
try:
    for batch in TripletLoader(Numbers(Path(sys.argv[1]), side=1000), 2, workers=2):
        pass
except SshbenchError as error:
    print(error)
"""


def test_a_small_shared_memory_ends_the_waiting(tmp_path: Path) -> None:
    """As in a container, where it has 64 MB; here 1 MB, and a batch has 6."""
    if not shutil.which("unshare") or subprocess.run(["unshare", "-rm", "true"], capture_output=True).returncode:
        pytest.skip("this system gives no mount namespaces of one's own")
    words = 'mount -t tmpfs -o size=1m tmpfs /dev/shm && exec "$@"'
    run = ["unshare", "-rm", "sh", "-c", words, "sh", sys.executable, "-c", SMALL, str(tmp_path)]
    root = Path(__file__).parents[2]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, (os.environ.get("PYTHONPATH"), str(root))))}
    made = subprocess.run(run, capture_output=True, text=True, timeout=300, env=environment)
    assert "no shared memory (/dev/shm) for a batch of 6.0 MB" in made.stdout, made.stderr
