"""Files in the containers of methods' authors, made of the golden fill rule; `SYNTHETIC` lists one or more a method."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tests.golden.golden_helper import fill_value

KEYS = Path(__file__).parents[1] / "golden" / "keys"


def filled(keys: str, constants: Mapping[str, Tensor] | None = None) -> dict[str, Tensor]:
    """The state dict of `keys/<keys>.keys.json`, with the values of the rule; `constants` keep theirs, by key."""
    known = constants or {}
    listed = json.loads((KEYS / f"{keys}.keys.json").read_text())
    return {
        key: known[key] if key in known else torch.from_numpy(fill_value(key, shape)).reshape(shape)
        for key, shape, _ in listed
    }


@dataclass(frozen=True)
class Container:
    """How a method's authors save a state dict.

    Parameters
    ----------
    state
        Makes the weights.
    wrap
        From them to the object that `torch.save` writes.
    file
        The name of the file.
    architecture
        What `read` has to find out.
    """

    method: str
    state: Callable[[], dict[str, Tensor]]
    wrap: Callable[[dict[str, Tensor]], Any]
    file: str
    architecture: Mapping[str, Any]

    def write(self, folder: Path, state: dict[str, Tensor] | None = None) -> Path:
        """Write the file to `folder`, of this or of another state dict."""
        path = folder / self.file
        torch.save(self.wrap(self.state() if state is None else state), path)
        return path


OPTIMIZER = {"state": {0: {"step": 5, "exp_avg": torch.zeros(3)}}, "param_groups": [{"lr": 2e-4, "params": [0]}]}

SYNTHETIC: dict[str, Container] = {
    "ssh": Container(
        "ssh",
        lambda: filled("ssh"),
        lambda state: {"epoch": 99, "model_state_dict": state, "optimizer_state_dict": OPTIMIZER, "loss": 0.5},
        "checkpoint",
        {"width": 32},
    ),
}
"""Of PyTorch files; containers of another kind have tests of their own."""
