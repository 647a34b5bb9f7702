"""The number of threads that torch and the LUT kernels use in this process."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


def keep_to_one_thread(worker: int = 0) -> None:
    """Limit the LUT kernels, and torch if it is loaded, to one thread from now on.

    Worker processes already occupy all processors, so further threads of a library would slow all of them. The argument
    `worker` is ignored; with it, the function can be the `worker_init_fn` of torch's `DataLoader`.
    """
    from sshbench.lut.kernels import cpu

    cpu.set_threads(1)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


@contextmanager
def kernels_in_one_thread() -> Iterator[None]:
    """Limit the LUT kernels to one thread within a block, so that a worker occupies one processor."""
    from sshbench.lut.kernels import cpu

    cpu.set_threads(1)
    try:
        yield
    finally:
        cpu.set_threads(None)


@contextmanager
def torch_in_one_thread() -> Iterator[None]:
    """Limit torch to the caller's thread within a block, so that the order of its sums is fixed."""
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
