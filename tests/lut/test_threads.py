"""How many threads the kernels take."""

from __future__ import annotations

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
