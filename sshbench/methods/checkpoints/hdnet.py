"""HDNet's `<epoch>_net_G.pth`, which the authors' training writes: a PyTorch file of the bare state dict."""

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
        As for `read_state`, or the file belongs to another network, such as RainNet.
    """
    state = read_state(path)
    shape_of(state, "model_layer13att.conv_kernel.1.weight", path)  # RainNet does not have this kernel
    return state, {"width": shape_of(state, "model_layer0.weight", path)[0]}
