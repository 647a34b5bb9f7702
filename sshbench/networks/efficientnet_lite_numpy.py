"""EfficientNet-Lite0 in numpy, for commands that should not wait for torch to load.

The steps are explained in `sshbench.networks.efficientnet_lite`; `tests/networks/test_efficientnet_lite.py` checks that
the results are equal.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


class Stage(NamedTuple):
    """A stage of the network.

    Attributes
    ----------
    wider
        The factor between the channels at the beginning of a block and the channels inside the block.
    channels, blocks
        The channels of each block's result, and the number of blocks.
    stride
        The stride of the first block; the other blocks have a stride of 1.
    side
        The side of the kernels that convolve each channel separately.
    """

    wider: int
    channels: int
    blocks: int
    stride: int
    side: int


STAGES = (
    Stage(1, 16, 1, 1, 3), Stage(6, 24, 2, 2, 3), Stage(6, 40, 2, 2, 5), Stage(6, 80, 3, 2, 3), Stage(6, 112, 3, 1, 5),
    Stage(6, 192, 4, 2, 5), Stage(6, 320, 1, 1, 3),
)  # fmt: skip
FIRST = 32  # channels of the first convolution
FEATURES = (2, 4, 6)  # the stages whose results are used


class Block(NamedTuple):
    """A block: the numbers of channels of its input, inside the block, and of its result."""

    channels: int
    wide: int
    out: int
    stride: int
    side: int
    stage: int
    is_last: bool

    @property
    def widens(self) -> bool:
        """Whether the block has a convolution that expands the channels."""
        return self.wide > self.channels

    @property
    def adds(self) -> bool:
        """Whether the input is added to the result."""
        return self.stride == 1 and self.channels == self.out


def blocks() -> Iterator[Block]:
    """Return the blocks in their order."""
    channels = FIRST
    for number, stage in enumerate(STAGES):
        for k in range(stage.blocks):
            stride, is_last = (stage.stride if k == 0 else 1), k == stage.blocks - 1
            yield Block(channels, channels * stage.wider, stage.channels, stride, stage.side, number, is_last)
            channels = stage.channels


def shapes() -> dict[str, tuple[int, ...]]:
    """Return the shapes of all weights of `EfficientNetLite`, by name."""
    found: dict[str, tuple[int, ...]] = {"first.convolution.weight": (FIRST, 3, 3, 3)}
    for k, block in enumerate(blocks()):
        if block.widens:
            found[f"blocks.{k}.widen.convolution.weight"] = block.wide, block.channels, 1, 1
        found[f"blocks.{k}.apart.convolution.weight"] = block.wide, 1, block.side, block.side
        found[f"blocks.{k}.project.convolution.weight"] = block.out, block.wide, 1, 1
    return found | {f"{name.removesuffix('weight')}bias": shape[:1] for name, shape in found.items()}


class EfficientNetLiteArrays:
    """The network with the weights of `EfficientNetLite`, which have the same names."""

    def __init__(self, state: Mapping[str, NDArray[Any]]) -> None:
        self.first = np.ascontiguousarray(state["first.convolution.weight"].transpose(2, 3, 1, 0).reshape(27, FIRST))
        self.biases = {name: value for name, value in state.items() if name.endswith("bias")}
        self.matrices: dict[str, Array] = {}
        for name, value in state.items():
            if ".apart." in name and value.ndim == 4:
                self.matrices[name] = np.ascontiguousarray(value[:, 0].transpose(1, 2, 0))  # rows, columns, channels
            elif value.ndim == 4 and value.shape[2:] == (1, 1):
                self.matrices[name] = np.ascontiguousarray(value[:, :, 0, 0].T)

    def features(self, images: Array) -> list[Array]:
        """Return the features of images `[B, H, W, 3]`, 0..1, sRGB-encoded, after the stages `FEATURES`.

        They are `[B, H / 8, W / 8, 40]`, `[B, H / 16, W / 16, 112]` and `[B, H / 32, W / 32, 320]`.
        """
        seen = _patches(images * np.float32(255 / 128) - np.float32(127 / 128), 3, 2)
        rows = seen.transpose(0, 1, 2, 4, 5, 3).reshape(*seen.shape[:3], 27)
        x = _ended(rows @ self.first + self.biases["first.convolution.bias"])
        found = []
        for k, block in enumerate(blocks()):
            y = _ended(self._matrix(x, f"blocks.{k}.widen.convolution")) if block.widens else x
            y = _ended(self._apart(y, f"blocks.{k}.apart.convolution", block))
            y = self._matrix(y, f"blocks.{k}.project.convolution")
            x = x + y if block.adds else y
            if block.is_last and block.stage in FEATURES:
                found.append(x)
        return found

    def _matrix(self, x: Array, name: str) -> Array:
        y: Array = x.reshape(-1, x.shape[-1]) @ self.matrices[f"{name}.weight"]
        y += self.biases[f"{name}.bias"]
        return y.reshape(*x.shape[:-1], -1)

    def _apart(self, x: Array, name: str, block: Block) -> Array:
        """Return `x` `[B, H, W, C]` with each channel convolved separately."""
        seen = _patches(x, block.side, block.stride)
        y: Array = np.einsum("bhwcij,ijc->bhwc", seen, self.matrices[f"{name}.weight"])
        y += self.biases[f"{name}.bias"]
        return y


def _patches(x: Array, side: int, stride: int) -> Array:
    """Return the patches under the kernels for images `[B, H, W, C]`, padded with zeros as by TensorFlow's SAME.

    The result is a view, `[B, H / stride, W / stride, C, side, side]`.
    """
    count, height, width, channels = x.shape
    down, across = (max((-(-extent // stride) - 1) * stride + side - extent, 0) for extent in (height, width))
    padded = np.zeros((count, height + down, width + across, channels), np.float32)
    padded[:, down // 2 : down // 2 + height, across // 2 : across // 2 + width] = x
    return np.lib.stride_tricks.sliding_window_view(padded, (side, side), (1, 2))[:, ::stride, ::stride]


def _ended(x: Array) -> Array:
    """Apply ReLU6 in place and return the array."""
    return np.clip(x, 0, 6, out=x)
