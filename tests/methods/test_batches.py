"""The batches in which networks see composites."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from sshbench.methods.batches import batches
from sshbench.methods.composite_networks import run


def test_the_cpu_sees_one_composite_at_a_time() -> None:
    images, masks = torch.rand(3, 4, 5, 5), torch.rand(3, 1, 5, 5)
    found = list(batches(images, masks))
    assert [[one.shape for one in part] for part in found] == [[(1, 4, 5, 5), (1, 1, 5, 5)]] * 3
    assert torch.equal(torch.cat([part[0] for part in found]), images)
    assert torch.equal(torch.cat([part[1] for part in found]), masks)


def test_arrays_are_on_the_cpu() -> None:
    images = np.arange(6.0).reshape(2, 3)
    assert [part[0].tolist() for part in batches(images)] == [[[0, 1, 2]], [[3, 4, 5]]]


def test_another_device_sees_all_at_once() -> None:
    images, masks = torch.empty(3, 4, device="meta"), torch.empty(3, 1, device="meta")
    ((one, other),) = batches(images, masks)
    assert one is images
    assert other is masks


@pytest.mark.parametrize("sides", [[(8, 8)] * 3, [(8, 8), (8, 12), (8, 12)]])
def test_a_network_of_composites_never_sees_two_on_the_cpu(sides: list[tuple[int, int]]) -> None:
    seen: list[int] = []

    def network(given: Tensor) -> Tensor:
        seen.append(len(given))
        return given - given.mean()  # a mean over the batch would mix composites

    given = [torch.rand(4, *side) for side in sides]
    made = run(network, given, 4, torch.device("cpu"))
    assert seen == [1, 1, 1]
    assert all(torch.equal(one, image - image.mean()) for one, image in zip(made, given, strict=True))
