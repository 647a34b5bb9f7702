"""DoveNet's `latest_net_G.pth`: a PyTorch file of the bare state dict of the generator."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sshbench.methods.checkpoints import read_state, shape_of

if TYPE_CHECKING:
    from torch import Tensor

_NESTED = re.compile(r"model\.model\.1((?:\.model\.3)*)\.model\.")
_STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the state dict, and the norm, width and depth of its generator.

    As in the authors' loader, the statistics that instance norm kept before PyTorch 0.4, and never used, are left out.

    Raises
    ------
    WeightsError
        As for `read_state`, or the file belongs to another network.
    """
    state = read_state(path)
    width = shape_of(state, "model.model.0.weight", path)[0]
    norm = "instance" if "model.model.0.bias" in state else "batch"
    if norm == "instance":
        state = {name: value for name, value in state.items() if name.rpartition(".")[2] not in _STATISTICS}
    nested = (match.group(1).count(".model.3") for match in map(_NESTED.match, state) if match)
    depth = 2 + max(nested, default=0)
    return state, {"norm": norm, "width": width, "depth": depth}
