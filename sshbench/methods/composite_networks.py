"""What methods share whose network sees the composite and its mask: sizes, batches, and the way back to images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

SIZE = 256

Size = Literal["256", "full"]
Floats = NDArray[np.float32]


def side_of(size: Size) -> tuple[int, int] | None:
    """The (width, height) that a composite is resized to; None leaves it as it is."""
    return (SIZE, SIZE) if size == "256" else None


def planes(image: NDArray[np.uint8], mask: Floats) -> Tensor:
    """`[4, H, W]` over 0..1 of an image `[H, W, 3]` and its mask `[H, W]`."""
    return torch.from_numpy(np.concatenate([image / np.float32(255), mask[..., None]], 2).transpose(2, 0, 1).copy())


def pixels(image: Tensor) -> Floats:
    """`[3, H, W]` as `[H, W, 3]`."""
    return np.ascontiguousarray(image.float().cpu().numpy().transpose(1, 2, 0))


def run(
    network: Callable[[Tensor], Tensor], given: Sequence[Tensor], multiple: int, device: torch.device
) -> list[Tensor]:
    """Run a network on `[C, H, W]` each, neighbours of one size as one batch.

    Its sides have to be multiples, so the last row and column are repeated as often as needed, and cut off again.
    """
    made: list[Tensor] = []
    with torch.inference_mode():
        for (_, height, width), alike in groupby(given, lambda one: one.shape):
            batch = torch.stack(list(alike)).to(device)
            batch = F.pad(batch, (0, -width % multiple, 0, -height % multiple), mode="replicate")
            made += network(batch)[..., :height, :width]
    return made
