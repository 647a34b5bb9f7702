"""What PCT-Net and Harmonizer find of a small composite, applied to one of 12 megapixels with two threads.

pytest tests/speed/test_full_size.py --benchmark-only
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from sshbench.benchmarks.composite import Composite
from sshbench.methods.harmonizer import chain_of
from sshbench.methods.pct_net import applied

SIZE = (3000, 4000)


def _composite() -> Composite:
    image = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), np.uint8)
    return Composite("12", image, image, image, np.ones(SIZE, np.float32))


def _pct_net(channels: int) -> Callable[[Composite], Any]:
    field = torch.randn(channels, 256, 256, generator=torch.Generator().manual_seed(0))
    return lambda composite: applied(composite, field)


def _harmonizer(composite: Composite) -> Any:
    return chain_of(composite.composite, torch.tensor([0.2, 0.1, -0.3, 0.2, 0.1, -0.2]))(
        composite.composite, composite.mask
    )


WAYS = {"pct-net cnn": _pct_net(13), "pct-net vit": _pct_net(12), "harmonizer": _harmonizer}


@pytest.mark.parametrize("name", WAYS)
def test_full_size(benchmark: BenchmarkFixture, name: str) -> None:
    composite = _composite()
    torch.set_num_threads(2)
    benchmark.pedantic(WAYS[name], (composite,), rounds=3, warmup_rounds=1)
    benchmark.group = "12 megapixels, two threads"
    benchmark.extra_info["megapixels"] = 12
