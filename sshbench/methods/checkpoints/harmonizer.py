"""Harmonizer's `harmonizer.pth`, a PyTorch file of the bare state dict, and checkpoints of its training code."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sshbench.methods.base import WeightsError
from sshbench.methods.checkpoints import count_of, read_state, shape_of

if TYPE_CHECKING:
    from torch import Tensor

_STEM = 32  # channels of the published encoder's first features
_TRAINED = "model."  # prefix of names in checkpoints of the training code, after the `module.` of several GPUs
_ARGUMENTS = 6


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the state dict, and the width of the encoder relative to the published one.

    Raises
    ------
    WeightsError
        As for `read_state`, or the file belongs to another network, such as the same authors' Enhancer.
    """
    state = read_state(path, "model")
    if all(name.startswith(_TRAINED) for name in state):
        state = {name.removeprefix(_TRAINED): value for name, value in state.items()}
    arguments = count_of(state, "regressor.headers.")
    if arguments and (arguments != _ARGUMENTS or "backbone._conv_fg.weight" not in state):
        raise WeightsError(
            f"{path} belongs to another network: it predicts {arguments} arguments and sees no mask, like Enhancer of "
            "the same authors, which does not harmonize"
        )
    return state, {"width": 2 * shape_of(state, "backbone._conv_fg.weight", path)[0] / _STEM}
