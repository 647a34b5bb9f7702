"""Averaged weights: the exponential moving average over the steps of parameters and batch norm's statistics."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Average:
    """The moving average of a module's state. If `decay` is 0, there is no average, and `applied` changes nothing.

    Early in a run the decay is smaller, (1 + steps) / (10 + steps), so that the average forgets the beginning.
    """

    def __init__(self, modules: nn.Module, decay: float) -> None:
        self.decay = decay
        self.state: dict[str, Tensor] = {}
        if decay:
            self.state = {name: value.detach().clone() for name, value in modules.state_dict().items()}

    @torch.no_grad()
    def update(self, modules: nn.Module, steps: int) -> None:
        """Add the state after `steps` steps to the average."""
        if not self.decay:
            return
        decay = min(self.decay, (1 + steps) / (10 + steps))
        ours, theirs = [], []
        for name, value in modules.state_dict().items():
            if value.is_floating_point():
                ours.append(self.state[name])
                theirs.append(value)
            else:
                self.state[name].copy_(value)
        torch._foreach_lerp_(ours, theirs, 1 - decay)

    @contextmanager
    def applied(self, modules: nn.Module) -> Iterator[None]:
        """Load the average into `modules` for the time of a block, and restore their own state afterwards."""
        if not self.decay:
            yield
            return
        own = {name: value.detach().clone() for name, value in modules.state_dict().items()}
        modules.load_state_dict(self.state)
        try:
            yield
        finally:
            modules.load_state_dict(own)
