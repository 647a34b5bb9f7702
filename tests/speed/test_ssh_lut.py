"""SSH-LUT's prediction of one LUT in numpy, beside the same network in torch, and the steps of a method around it.

OMP_NUM_THREADS=1 pytest tests/speed/test_ssh_lut.py --benchmark-only

The weights are those that ship. The method starts from views of the photograph's size and ends with a LUT, so its
time includes the scaling of the views.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from sshbench.methods.full_resolution import View
from sshbench.methods.ssh_lut import SshLutMethod, network_input
from sshbench.methods.weights import load_weights, network_of
from sshbench.networks.ssh_lut import SshLut
from sshbench.networks.ssh_lut_numpy import fitting_arrays, input_side


@pytest.fixture(scope="module")
def view() -> View:
    """A foreground of 200 x 200 pixels in a photograph of 800 x 600."""
    pixels = np.random.default_rng(0).integers(0, 256, (600, 800, 3), np.uint8)
    mask = np.zeros((600, 800), np.float32)
    mask[200:400, 300:500] = 1
    inside, around = np.s_[200:400, 300:500], np.s_[100:500, 200:600]
    return View(pixels[inside], pixels, mask[inside], 1 - mask, pixels[around], mask[around])


def in_numpy(view: View) -> Callable[[], Any]:
    found = load_weights("ssh-lut", None)
    network = fitting_arrays(found.arrays, found.card.architecture)
    assert network is not None
    given = network_input([view], input_side(found.card.architecture))
    return lambda: network.tables(*given)


def in_torch(view: View) -> Callable[[], Any]:
    found = load_weights("ssh-lut", None)
    network = network_of(found, SshLut).eval()
    given = network_input([view], input_side(found.card.architecture))
    tensors = [torch.from_numpy(one).permute(0, 3, 1, 2).contiguous() for one in given]

    def run() -> Any:
        with torch.inference_mode():
            return network(*tensors).table

    return run


@pytest.mark.benchmark(group="SSH-LUT, one pair")
@pytest.mark.parametrize(("who", "made"), [("sshbench in numpy", in_numpy), ("torch", in_torch)])
def test_prediction(
    benchmark: BenchmarkFixture, view: View, who: str, made: Callable[[View], Callable[[], Any]]
) -> None:
    benchmark.pedantic(made(view), rounds=20, warmup_rounds=3)


@pytest.mark.benchmark(group="SSH-LUT, the method")
@pytest.mark.parametrize("who", ["sshbench: views to LUT", "Pillow: views alone"])
def test_method(benchmark: BenchmarkFixture, view: View, who: str) -> None:
    method = SshLutMethod()
    run = (lambda: method.colour_maps([view])) if who.startswith("sshbench") else (lambda: network_input([view], 128))
    benchmark.pedantic(run, rounds=20, warmup_rounds=3)
