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
    """Return the state dict, and the variant and sizes of its network.

    The file does not state the number of heads of the transformer; the published number, 2, is assumed.

    Raises
    ------
    WeightsError
        As for `read_state`, or the file belongs to another network.
    """
    state = read_state(path)
    shape_of(state, "get_params.weight", path)
    if "encoder.patch_to_embedding.1.weight" not in state:
        return state, {"variant": "cnn", **architecture_of(state, path)}
    width = shape_of(state, "encoder.dec.0.weight", path)[0]
    bias = state.get(f"{_LAYERS}0.linear1.bias")
    if bias is None or bias.ndim != 1:
        raise WeightsError(f"{path} belongs to another network: it has no {_LAYERS}0.linear1.bias of one axis")
    layers, hidden = count_of(state, _LAYERS), len(bias)
    return state, {"variant": "vit", "width": width, "layers": layers, "heads": 2, "hidden": hidden}
