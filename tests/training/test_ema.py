"""Averaged weights follow the recurrence, and stand in for the modules' own only within a block."""

import pytest
import torch
from torch import nn

from sshbench.training.ema import Average


def test_the_average_is_the_recurrence_with_a_short_memory_at_first():
    module = nn.BatchNorm1d(1)
    average = Average(module, 0.9)
    expected = 1.0
    for step in range(1, 30):
        module.weight.data.fill_(step * step)
        module.running_mean.fill_(-step)
        module.num_batches_tracked.fill_(step)
        average.update(module, step)
        decay = min(0.9, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * step * step
        assert average.state["weight"].item() == pytest.approx(expected, rel=1e-5)
    assert average.state["running_mean"].item() < -20
    assert average.state["num_batches_tracked"].item() == 29


def test_modules_hold_the_average_within_the_block_alone():
    module = nn.Linear(1, 1)
    average = Average(module, 0.5)
    before = module.weight.item()
    module.weight.data.fill_(7)
    with average.applied(module):
        assert module.weight.item() == before
    assert module.weight.item() == 7


def test_without_a_decay_nothing_is_kept():
    module = nn.Linear(1, 1)
    average = Average(module, 0.0)
    average.update(module, 1)
    module.weight.data.fill_(7)
    with average.applied(module):
        assert module.weight.item() == 7
    assert average.state == {}


def test_no_gradient_is_kept():
    module = nn.Linear(1, 1)
    average = Average(module, 0.5)
    average.update(module, 1)
    assert not any(value.requires_grad for value in average.state.values())
    assert torch.equal(average.state["weight"], module.weight)
