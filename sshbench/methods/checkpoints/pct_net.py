"""PCT-Net's `PCTNet_CNN.pth` and `PCTNet_ViT.pth`: PyTorch files of the bare state dict."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sshbench.methods.base import WeightsError
from sshbench.methods.checkpoints import count_of, read_state, shape_of
from sshbench.methods.checkpoints.issam import architecture_of

if TYPE_CHECKING:
    from torch import Tensor

_LAYERS = "encoder.transformer_enc.layers."


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The state dict, and variant and sizes of the network that it is of.

    How many heads the transformer has stands nowhere in the file; it is taken to be the published 2.

    Raises
    ------
    WeightsError
        As for `read_state`, or the file is of another network.
    """
    state = read_state(path)
    shape_of(state, "get_params.weight", path)
    if "encoder.patch_to_embedding.1.weight" not in state:
        return state, {"variant": "cnn", **architecture_of(state, path)}
    width = shape_of(state, "encoder.dec.0.weight", path)[0]
    bias = state.get(f"{_LAYERS}0.linear1.bias")
    if bias is None or bias.ndim != 1:
        raise WeightsError(f"{path} is of another network: it has no {_LAYERS}0.linear1.bias of one axis")
    layers, hidden = count_of(state, _LAYERS), len(bias)
    return state, {"variant": "vit", "width": width, "layers": layers, "heads": 2, "hidden": hidden}
