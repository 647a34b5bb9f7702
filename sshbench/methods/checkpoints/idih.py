"""iDIH's `idih256.pth` and `hrnet18s_idih256.pth`: PyTorch files of the bare state dict."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sshbench.methods.base import WeightsError
from sshbench.methods.checkpoints import count_of, read_state, shape_of

if TYPE_CHECKING:
    from torch import Tensor

_HRNET = "backbone.hrnet."
_BACKBONES = {(18, True): "hrnet18s", (18, False): "hrnet18", (32, False): "hrnet32"}  # width, and whether small


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the state dict, and the backbone, width and depth of its network.

    Raises
    ------
    WeightsError
        As for `read_state`, or the file belongs to another network, such as the variants with DeepLab or a pyramid.
    """
    state = read_state(path)
    backbone = _backbone(state, path)
    core = "" if backbone == "none" else "model."
    shape_of(state, f"{core}decoder.conv_attention.weight", path)
    width = shape_of(state, f"{core}encoder.block0.block.0.weight", path)[0]
    depth = count_of(state, f"{core}decoder.deconv_blocks.")
    if not depth:
        raise WeightsError(f"{path} belongs to another network: it has no {core}decoder.deconv_blocks")
    return state, {"backbone": backbone, "width": width, "depth": depth}


def _backbone(state: dict[str, Tensor], path: Path) -> str:
    if not any(name.startswith("backbone.") for name in state):
        return "none"
    if (
        f"{_HRNET}transition1.0.0.weight" not in state
        or f"{_HRNET}ocr_distri_head.conv_bn_dropout.0.weight" not in state
    ):
        raise WeightsError(f"{path} is of iDIH with an unknown backbone; sshbench has hrnet18s, hrnet18 and hrnet32")
    width = shape_of(state, f"{_HRNET}transition1.0.0.weight", path)[0]
    kind = width, count_of(state, f"{_HRNET}layer1.") == 2
    if kind not in _BACKBONES:
        raise WeightsError(f"{path} is of iDIH with an HRNet of {width} channels, which is not here")
    return _BACKBONES[kind]
