"""All metrics but LPIPS: at 256 x 256 beside scikit-image and colour-science, and at 12 megapixels.

pytest tests/speed/test_scoring.py --benchmark-only
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from pytest_benchmark.fixture import BenchmarkFixture

from sshbench.benchmarks.composite import Composite
from sshbench.benchmarks.protocol import PROTOCOLS
from sshbench.metrics.suite import score
from tests.metrics import oracles
from tests.metrics.test_protocols import as_bytes, made, predicted

Scorer = Callable[[NDArray[np.uint8], Composite], dict[str, float]]

PAIRS = 216


def sshbench(prediction: NDArray[np.uint8], composite: Composite) -> dict[str, float]:
    protocol = PROTOCOLS["sshbench-v1"]
    return score(prediction, composite, protocol, [name for name in protocol.metrics if "lpips" not in name])


def skimage_and_colour(prediction: NDArray[np.uint8], composite: Composite) -> dict[str, float]:
    return oracles.ours(prediction, *as_bytes(composite))


@pytest.fixture
def threads(request: pytest.FixtureRequest, _one_thread: None) -> Iterator[int]:
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(1)


@pytest.mark.parametrize("threads", [1, 2], indirect=True)
@pytest.mark.parametrize("who", [sshbench, skimage_and_colour], ids=lambda who: who.__name__)
def test_256(benchmark: BenchmarkFixture, who: Scorer, threads: int) -> None:
    benchmark.group = f"score {PAIRS} pairs of 256 x 256, {threads} threads"
    composites = [made(seed, (256, 256)) for seed in range(4)]
    pairs = [(predicted(composite), composite) for composite in composites]

    def all_pairs() -> list[dict[str, float]]:
        return [who(*pairs[i % len(pairs)]) for i in range(PAIRS)]

    assert len(benchmark.pedantic(all_pairs, rounds=3 if who is sshbench else 1, warmup_rounds=0)) == PAIRS


@pytest.mark.parametrize("threads", [1, 2], indirect=True)
@pytest.mark.parametrize("name", ["sshbench-v1", "sshbench-v1-fullres"])
def test_12_megapixels(benchmark: BenchmarkFixture, name: str, threads: int) -> None:
    benchmark.group = f"score 12 megapixels under {name}, {threads} threads"
    composite = made(0, (3000, 4000))
    metrics = [metric for metric in PROTOCOLS[name].metrics if "lpips" not in metric]
    prediction = predicted(composite)
    benchmark.pedantic(score, args=(prediction, composite, PROTOCOLS[name], metrics), rounds=3, warmup_rounds=1)
