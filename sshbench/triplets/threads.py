"""One thread a worker: processes share the processors out; threads of a library's own would slow them all."""

from __future__ import annotations


def one_thread(worker: int = 0) -> None:
    """Keep the LUT kernels and torch (where it is loaded) of this process to one thread.

    `worker` is not used; it lets the function be a `worker_init_fn` of torch's `DataLoader`.
    """
    import sys

    from sshbench.lut.kernels import cpu

    cpu.set_threads(1)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
