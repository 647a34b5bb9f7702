"""S2AM's `model_best.pth.tar`: a PyTorch file of a dict with the weights under `state_dict`, beside an optimizer."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sshbench.methods.base import WeightsError
from sshbench.methods.checkpoints import read_state, shape_of

if TYPE_CHECKING:
    from torch import Tensor

_NESTED = re.compile(r"model\.model((?:\.sub\.model)*)\.")
_ATTENTION = "model.model.sub.model.attention.connection.rconv1.weight"
_RESIDUAL = re.compile(r"(?<![a-z])res(?![a-z])", re.IGNORECASE)


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the state dict, and the variant, width and depth of its network.

    The variant follows from the channels of the attention. The file does not state whether the network predicts a
    residual. As in the authors' notebook, the separate word `res` in the name of the file or its folder indicates this.

    Raises
    ------
    WeightsError
        As for `read_state`, or the file belongs to another network.
    """
    state = read_state(path, "state_dict")
    width = shape_of(state, "model.model.down.0.weight", path)[0]
    attended = shape_of(state, _ATTENTION, path)[1]
    if attended not in (width, 2 * width):
        raise WeightsError(f"{path} belongs to another network: {_ATTENTION} has {attended} channels, not {2 * width}")
    nested = (match.group(1).count(".sub") for match in map(_NESTED.match, state) if match)
    return state, {
        "variant": "rascv1" if attended == width else "rascv2",
        "residual": any(_RESIDUAL.search(name) for name in path.absolute().parts[-2:]),
        "width": width,
        "depth": 1 + max(nested, default=0),
    }
