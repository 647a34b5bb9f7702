"""Each network at its size, one image and sixteen at a time: ms an image, and peak memory.

OMP_NUM_THREADS=1 pytest tests/speed/test_networks.py --benchmark-only
"""

from __future__ import annotations

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from tests.speed.networks import NETWORKS, made, weighed

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("batch", [1, 16])
@pytest.mark.parametrize("name", NETWORKS)
def test_network(benchmark: BenchmarkFixture, name: str, batch: int, device: str) -> None:
    run = made(name, batch, device)
    if device != "cpu":
        torch.cuda.reset_peak_memory_stats()
    benchmark.pedantic(run, rounds=3 if batch == 1 else 1, warmup_rounds=1)
    memory = weighed(name, batch, 2)[1] if device == "cpu" else torch.cuda.max_memory_allocated() / 2**20
    benchmark.extra_info["network"] = f"{name}, {NETWORKS[name][-1]} x {NETWORKS[name][-1]}, batch {batch}, {device}"
    benchmark.extra_info["images"] = batch
    benchmark.extra_info["memory"] = memory
