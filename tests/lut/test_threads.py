"""How many threads the kernels take."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest

from sshbench.lut.apply import apply_lut
from sshbench.lut.kernels import cpu
from sshbench.lut.table import Lut


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    yield
    cpu.set_threads(None)


def test_without_a_word_torch_decides() -> None:
    import torch

    assert cpu.default_threads() == torch.get_num_threads()


def test_what_was_set_goes_before_torch() -> None:
    cpu.set_threads(1)
    assert cpu.default_threads() == 1
    cpu.set_threads(None)
    import torch

    assert cpu.default_threads() == torch.get_num_threads()


@pytest.mark.parametrize("threads", [1, 3])
def test_the_kernel_is_told(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    if not cpu.available():
        pytest.skip("the native kernels were not built")
    told: list[int] = []

    class Recorder:
        def __getattr__(self, name: str) -> object:
            return getattr(native, name)

        def apply_bytes(self, *words: int) -> None:
            told.append(words[-1])
            native.apply_bytes(*words)

    native = cpu._cpu
    monkeypatch.setattr(cpu, "_cpu", Recorder())
    cpu.set_threads(threads)
    image = np.random.default_rng(0).integers(0, 256, (512, 512, 3), np.uint8)
    assert np.array_equal(apply_lut(image, Lut.identity()), image)
    assert told == [threads]


def test_no_threads_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one thread"):
        cpu.set_threads(0)


SHORT_OF_MEMORY = """
import resource, sys
import numpy as np
from sshbench import Lut, LutBank, apply_lut
from sshbench.lut.kernels import cpu

megabytes, what = int(sys.argv[1]), sys.argv[2]
cpu.set_threads(8)
size = 65
bank = LutBank(np.zeros((8, size, size, size, 3), np.float32), tuple("abcdefgh"), (0.0,) * 8)
photo, out = np.full((1500, 1500, 3), 7, np.uint8), np.empty((1500, 1500, 3), np.uint8)
identity = Lut.identity(9)
apply_lut(photo[:1, :1], identity), apply_lut(photo[:1, :1], Lut.identity(2))
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
table = 8 * (size**3 + size**2 + size + 1) * 16 if what == "packing" else 0
hard = resource.getrlimit(resource.RLIMIT_AS)[1]
resource.setrlimit(resource.RLIMIT_AS, (used + table + (megabytes << 20), hard))
try:
    if what == "threads":
        apply_lut(photo, identity, out=out)
        resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
        done = (out == 7).all()
    else:
        done = apply_lut(np.zeros((8, 4, 4, 3), np.uint8), bank).shape == (8, 4, 4, 3)
    print("done" if done else "wrong")
except MemoryError as error:
    print("MemoryError", error)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits of memory are those of Linux")
@pytest.mark.skipif(not cpu.available(), reason="the native kernels were not built")
@pytest.mark.parametrize("megabytes", [1, 12, 30])
@pytest.mark.parametrize("what", ["threads", "packing"])
def test_no_room_for_threads_ends_no_process(what: str, megabytes: int) -> None:
    """A thread takes 8 MiB of addresses for its stack: none, one, or a few of the eight can start."""
    command = [sys.executable, "-c", SHORT_OF_MEMORY, str(megabytes), what]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    if what == "threads":
        assert run.stdout == "done\n"
    else:
        assert run.stdout == "done\n" or run.stdout.startswith("MemoryError the memory does not suffice"), run.stdout
