"""How many threads torch and the LUT kernels work with in this process."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


def keep_to_one_thread(worker: int = 0) -> None:
    """Keep the LUT kernels, and torch if it is loaded, to one thread from now on.

    Worker processes share the processors out; threads of a library's own would slow them all. `worker` is not used: it
    lets the function be a `worker_init_fn` of torch's `DataLoader`.
    """
    from sshbench.lut.kernels import cpu

    cpu.set_threads(1)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


@contextmanager
def kernels_in_one_thread() -> Iterator[None]:
    """Have the LUT kernels use one thread within a block, so that a worker takes one processor."""
    from sshbench.lut.kernels import cpu

    cpu.set_threads(1)
    try:
        yield
    finally:
        cpu.set_threads(None)


@contextmanager
def torch_in_one_thread() -> Iterator[None]:
    """Let torch compute only in the caller's thread within a block, so that it sums in one order."""
    import torch

    before = torch.get_num_threads()
    if before == 1:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
