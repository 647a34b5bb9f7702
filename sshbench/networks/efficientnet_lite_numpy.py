"""EfficientNet-Lite0 in numpy, for commands that should not wait for torch to load.

The steps are explained in `sshbench.networks.efficientnet_lite`; `tests/networks/test_efficientnet_lite.py` checks that
the results are equal.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sshbench.networks.layers import Array, add_and_end, depthwise, patches


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


class Layers(NamedTuple):
    """The weights of a block: matrices `[in, out]` or kernels `[side, side, channels]`, and biases."""

    block: Block
    widen: tuple[Array, Array] | None
    apart: tuple[Array, Array]
    project: tuple[Array, Array]


class EfficientNetLiteArrays:
    """The network with the weights of `EfficientNetLite`, which have the same names."""

    def __init__(self, state: Mapping[str, NDArray[Any]]) -> None:
        # glibc hands freed memory back to the system, and fetching it again for each call takes longer than the layers
        # that use it. It keeps up to twice as much as the largest array that was ever freed, so we free one.
        np.empty(2**21, np.float32)
        # One array for all weights: numpy asks Linux for huge pages for large arrays, which products then read faster.
        storage = np.empty(sum(value.size for value in state.values()), np.float32)

        def both(name: str) -> tuple[Array, Array]:
            nonlocal storage
            weight = state[f"{name}.convolution.weight"].transpose(2, 3, 1, 0)  # rows, columns, in, out
            weight = weight[:, :, 0] if name.endswith("apart") else weight.reshape(-1, weight.shape[3])
            stored, storage = storage[: weight.size].reshape(weight.shape), storage[weight.size :]
            stored[...] = weight
            return stored, state[f"{name}.convolution.bias"]

        self.first = both("first")
        self.layers = [
            Layers(
                block,
                both(f"blocks.{k}.widen") if block.widens else None,
                both(f"blocks.{k}.apart"),
                both(f"blocks.{k}.project"),
            )
            for k, block in enumerate(blocks())
        ]

    def features(self, images: Array) -> list[Array]:
        """Return the features of images `[B, H, W, 3]`, 0..1, sRGB-encoded, after the stages `FEATURES`.

        They are `[B, H / 8, W / 8, 40]`, `[B, H / 16, W / 16, 112]` and `[B, H / 32, W / 32, 320]`.
        """
        x = images * np.float32(255 / 128)
        x -= np.float32(127 / 128)
        x = add_and_end(_product(patches(x, 3, 2), self.first[0]), self.first[1])
        found = []
        for layers in self.layers:
            x = _convolved(x, layers)
            if layers.block.is_last and layers.block.stage in FEATURES:
                found.append(x)
        return found


def _convolved(x: Array, layers: Layers) -> Array:
    """Return the result of a block, `[B, H / stride, W / stride, out]`, for `[B, H, W, channels]`."""
    y = x if layers.widen is None else add_and_end(_product(x, layers.widen[0]), layers.widen[1])
    y = depthwise(y, *layers.apart, layers.block.stride)
    y = _product(y, layers.project[0])
    y += layers.project[1]
    if layers.block.adds:
        y += x
    return y


def _product(x: Array, matrix: Array) -> Array:
    """Return the product of pixels `[B, H, W, C]` and a matrix `[C, out]`."""
    y: Array = x.reshape(-1, len(matrix)) @ matrix
    return y.reshape(*x.shape[:-1], -1)
