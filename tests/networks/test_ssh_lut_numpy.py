"""SSH-LUT in numpy gives what it gives in torch, and loads without it."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch
from torch.nn import functional

from sshbench.networks.ssh_lut import SshLut
from sshbench.networks.ssh_lut import _three_quarters as three_quarters
from sshbench.networks.ssh_lut_numpy import SIDE, _adapted, _three_quarters, fitting_arrays, input_side

SMALL = {"width": 8, "channels": 32, "mixtures": 8, "hidden": 32}
ARCHITECTURES = [
    {},
    {"width": 16, "attention": 1, "dropout": 0.05},
    SMALL | {"attention": 0},
    SMALL | {"size": 9, "mixture_size": 9, "quantiles": 5},
    SMALL | {"size": 33, "mixture_size": 5, "attention": 3},
    SMALL | {"things": 8},
    SMALL | {"things": 8, "extremes": 1},
    SMALL | {"extremes": 1},
]


def network(architecture: dict[str, float]) -> SshLut:
    """One in which every part counts."""
    torch.manual_seed(0)
    made = SshLut(**architecture).eval()  # type: ignore[arg-type]
    with torch.no_grad():
        for value in made.parameters():
            value += 0.05 * torch.randn_like(value)
    return made


def test_three_quarters_are_means_of_neighbours() -> None:
    ramp = np.arange(16, dtype=np.float32)
    expected = np.array([0.5, 1.5, 2.5, 4.5, 5.5, 6.5, 8.5, 9.5, 10.5, 12.5, 13.5, 14.5])
    image = (100 * ramp[:, None] + ramp)[None, :, :, None]
    smaller = (100 * expected[:, None] + expected)[None]
    assert np.array_equal(_three_quarters(image)[..., 0], smaller)
    assert np.array_equal(three_quarters(torch.from_numpy(image).movedim(-1, 1))[:, 0].numpy(), smaller)


@pytest.mark.parametrize("side", [3, 4, 6, 8, 12, 13])
def test_parts_are_those_of_adaptive_pooling(side: int) -> None:
    image = np.random.default_rng(0).random((2, side, side, 5), np.float32)
    expected = functional.adaptive_avg_pool2d(torch.from_numpy(image).movedim(-1, 1), 4).movedim(1, -1)
    assert np.abs(_adapted(image, 4) - expected.numpy()).max() < 1e-6


def arrays(made: SshLut) -> dict[str, np.ndarray]:
    return {name: value.numpy() for name, value in made.state_dict().items()}


def given(kind: str, count: int = 3, side: int = SIDE) -> list[torch.Tensor]:
    """Images of 8 bits and masks: whole, with soft edges, or of nothing at all."""
    generator = torch.Generator().manual_seed(1)
    dark = torch.tensor([1.0, 0.4, 0.02]).view(3, 1, 1, 1)[:count]
    images = [(torch.rand(count, 3, side, side, generator=generator) * dark * 255).round() / 255 for _ in range(3)]
    if kind == "empty":
        masks = [torch.zeros(count, 1, side, side)] * 4
    else:
        masks = [torch.rand(count, 1, side, side, generator=generator) for _ in range(4)]
        if kind == "hard":
            masks = [(mask > 0.5).float() for mask in masks]
            masks[3] = 1 - masks[2]
            masks[2][0] = masks[3][0] = 0  # one without a place
    return [images[0], images[1], masks[0], masks[1], images[2], masks[2], masks[3]]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("kind", ["hard", "soft", "empty"])
def test_it_gives_what_torch_gives(architecture: dict[str, float], kind: str) -> None:
    made = network(architecture)
    here = fitting_arrays(arrays(made), architecture)
    assert here is not None
    images = given(kind, side=input_side(architecture))
    with torch.inference_mode():
        expected = made(*images).table.numpy()
    found = here.tables(*(one.permute(0, 2, 3, 1).contiguous().numpy() for one in images))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-5 * max(1, np.abs(expected).max()))


@pytest.mark.parametrize(
    "architecture",
    [{"width": 16}, SMALL | {"attention": 3}, SMALL | {"colour": 3}, SMALL | {"width": 8.0}, SMALL | {"size": 1}],
)
def test_weights_of_another_network_are_left_to_torch_to_explain(architecture: dict[str, float]) -> None:
    assert fitting_arrays(arrays(network(SMALL)), architecture) is None


def test_widths_that_torch_refuses_are_not_taken() -> None:
    with pytest.raises(ValueError, match="divisible"):
        SshLut(**SMALL | {"width": 50})  # type: ignore[arg-type]
    from sshbench.networks import ssh_lut_numpy

    shapes = ssh_lut_numpy._shapes(**SMALL | {"width": 50})  # type: ignore[arg-type]
    state = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
    assert fitting_arrays(state, SMALL | {"width": 50}) is None


def test_harmonizing_does_not_load_torch() -> None:
    code = (
        "import sys, numpy, sshbench; "
        "images = numpy.random.default_rng(0).integers(0, 256, (2, 40, 40, 3), numpy.uint8); "
        "mask = numpy.zeros((40, 40)); mask[10:30, 10:30] = 1; "
        "sshbench.harmonize(images[0], images[1], mask, method='ssh-lut'); "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
