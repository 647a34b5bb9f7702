"""iSSAM's `issam256.pth`: a PyTorch file of the bare state dict."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sshbench.methods.base import WeightsError
from sshbench.methods.checkpoints import count_of, read_state, shape_of

if TYPE_CHECKING:
    from torch import Tensor


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the state dict, and the width and depth of its network.

    Raises
    ------
    WeightsError
        As for `read_state`, or the file belongs to another network, such as PCT-Net, which has the same encoder.
    """
    state = read_state(path)
    if "get_params.weight" in state:
        raise WeightsError(f"{path} is of PCT-Net, which has iSSAM's encoder and decoder, and not of iSSAM")
    return state, architecture_of(state, path)


def architecture_of(state: dict[str, Tensor], path: Path) -> dict[str, Any]:
    """Return the width and depth of iSSAM's encoder and decoder, which a state dict shows.

    Raises
    ------
    WeightsError
        The state dict does not show them.
    """
    shape_of(state, "decoder.conv_attention.weight", path)
    width = shape_of(state, "encoder.block0.convs.block.0.block.0.weight", path)[0]
    return {"width": width, "depth": 1 + count_of(state, "decoder.up_blocks.")}
