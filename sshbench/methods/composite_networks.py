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

from sshbench.benchmarks.composite import Composite, Image, paste
from sshbench.methods.full_resolution import MapKind, fit_map

SIZE = 256

Size = Literal["256", "full"]
Output = Literal["network", "map"]
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


def mapped(composite: Composite, given: Tensor, made: Tensor, kind: MapKind) -> Image:
    """The composite at its own size, its foreground through the map of colours from `given` to `made`.

    Parameters
    ----------
    given
        What the network saw, `[4, h, w]` over 0..1, the last the mask, which weighs the pixels of the fit.
    made
        What it made of that, `[3, h, w]`.
    """
    mask = given[3].numpy()
    weights = mask if mask.any() else None  # a foreground that no pixel of the small mask has kept
    colours = fit_map(kind, pixels(given[:3]), pixels(made.clamp(0, 1)), mask=weights)
    return paste(colours(composite.foreground), composite.background, composite.mask)
