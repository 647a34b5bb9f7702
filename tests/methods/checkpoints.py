"""Files in the containers of methods' authors, filled by the golden rule; `SYNTHETIC` lists one or more a method."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sshbench.networks.dovenet import DoveNetGenerator
from sshbench.networks.harmonizer import Harmonizer
from sshbench.networks.hdnet import HDNet
from sshbench.networks.idih import IDIH
from sshbench.networks.issam import ISSAM
from sshbench.networks.pct_net import PCTNetCNN, PCTNetViT
from sshbench.networks.s2am import S2AM
from tests.golden.golden_helper import fill_value

KEYS = Path(__file__).parents[1] / "golden" / "keys"


def filled(keys: str) -> dict[str, Tensor]:
    """The state dict of `keys/<keys>.keys.json`, with the values of the rule."""
    listed = json.loads((KEYS / f"{keys}.keys.json").read_text())
    return {key: torch.from_numpy(fill_value(key, shape)).reshape(shape) for key, shape, _ in listed}


def narrow(network: nn.Module) -> dict[str, Tensor]:
    """The same of a network with fewer channels than the published one, which is large."""
    return {
        key: torch.from_numpy(fill_value(key, tuple(value.shape))).reshape(value.shape)
        for key, value in network.state_dict().items()
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


def bare(method: str, network: Callable[[], nn.Module], file: str, architecture: Mapping[str, Any]) -> Container:
    """A file of nothing but the state dict."""
    return Container(method, lambda: narrow(network()), lambda state: state, file, architecture)


OPTIMIZER = {"state": {0: {"step": 5, "exp_avg": torch.zeros(3)}}, "param_groups": [{"lr": 2e-4, "params": [0]}]}

SYNTHETIC: dict[str, Container] = {
    "ssh": Container(
        "ssh",
        lambda: filled("ssh"),
        lambda state: {"epoch": 99, "model_state_dict": state, "optimizer_state_dict": OPTIMIZER, "loss": 0.5},
        "checkpoint",
        {"width": 32},
    ),
    "dovenet": Container(
        "dovenet",
        lambda: narrow(DoveNetGenerator("batch", width=2)),
        lambda state: state,
        "latest_net_G.pth",
        {"norm": "batch", "width": 2, "depth": 8},
    ),
    "dovenet, instance norm": Container(
        "dovenet",
        lambda: narrow(DoveNetGenerator("instance", width=2)),
        lambda state: state,
        "latest_net_G.pth",
        {"norm": "instance", "width": 2, "depth": 8},
    ),
    "s2am": Container(
        "s2am",
        lambda: narrow(S2AM("rascv2", width=4)),
        lambda state: {
            "epoch": 60,
            "arch": "rascv2",
            "state_dict": state,
            "best_acc": np.float64(33.1),
            "optimizer": OPTIMIZER,
        },
        "model_best.pth.tar",
        {"variant": "rascv2", "residual": False, "width": 4, "depth": 8},
    ),
    "idih": bare("idih", lambda: IDIH(width=4), "idih256.pth", {"backbone": "none", "width": 4, "depth": 7}),
    "issam": bare("issam", lambda: ISSAM(width=4), "issam256.pth", {"width": 4, "depth": 4}),
    "pct-net, CNN": bare(
        "pct-net", lambda: PCTNetCNN(width=4), "PCTNet_CNN.pth", {"variant": "cnn", "width": 4, "depth": 4}
    ),
    "pct-net, ViT": bare(
        "pct-net",
        lambda: PCTNetViT(width=8, layers=2, hidden=6),
        "PCTNet_ViT.pth",
        {"variant": "vit", "width": 8, "layers": 2, "heads": 2, "hidden": 6},
    ),
    "harmonizer": bare("harmonizer", lambda: Harmonizer(width=0.25), "harmonizer.pth", {"width": 0.25}),
    "hdnet": bare("hdnet", lambda: HDNet(width=2), "latest_net_G.pth", {"width": 2}),
}
"""Of PyTorch files of one network; what comes otherwise has tests of its own."""
