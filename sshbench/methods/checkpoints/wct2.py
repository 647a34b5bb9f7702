"""WCT2's `wave_encoder_*_l4.pth` and `wave_decoder_*_l4.pth`: two bare state dicts that belong together."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sshbench.methods.base import WeightsError
from sshbench.methods.checkpoints import read_state, shape_of

if TYPE_CHECKING:
    from torch import Tensor

PARTS = ("encoder", "decoder")


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read both files of a network.

    Parameters
    ----------
    path
        One of the two files, with the other beside it; or a folder with one encoder and its decoder.

    Returns
    -------
    The state dict, with the prefixes `encoder.` and `decoder.` before the names, and the arguments of the network.

    Raises
    ------
    WeightsError
        As for `read_state`; or a file is missing or does not belong to WCT2.
    """
    files = _pair(path)
    states = {part: read_state(files[part]) for part in PARTS}
    architecture = {
        "unpool": "cat5" if "conv3_4_2.weight" in states["decoder"] else "sum",
        "width": shape_of(states["encoder"], "conv1_1.weight", files["encoder"])[0],
    }
    return {f"{part}.{name}": value for part in PARTS for name, value in states[part].items()}, architecture


def _pair(path: Path) -> dict[str, Path]:
    if path.is_dir():
        decoders = sorted(path.glob("*decoder*.pth"))
        if len(decoders) != 1:
            found = ", ".join(decoder.name for decoder in decoders) or "none"
            raise WeightsError(f"{path}: a folder has one wave_decoder_*_l4.pth and its encoder, and not {found}")
        path = decoders[0]
    part = next((part for part in PARTS if part in path.name), None)
    if part is None:
        raise WeightsError(f"{path}: name it wave_encoder_cat5_l4.pth or the like, so that its decoder can be found")
    other = PARTS[1 - PARTS.index(part)]
    beside = path.with_name(path.name.replace(part, other))
    if not beside.is_file():
        raise WeightsError(f"{path} is WCT2's {part} alone; put its {other} beside it as {beside.name}")
    return {part: path, other: beside}
