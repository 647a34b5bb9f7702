"""SSH's `checkpoint`: a PyTorch file of a dict with the weights under `model_state_dict`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sshbench.methods.checkpoints import read_state, shape_of

if TYPE_CHECKING:
    from torch import Tensor


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the state dict, and the width of its network.

    Raises
    ------
    WeightsError
        As for `read_state`, or the file belongs to another network.
    """
    state = read_state(path, "model_state_dict")
    return state, {"width": shape_of(state, "conv1_1.weight", path)[0]}
