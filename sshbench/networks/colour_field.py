"""Fields of colour maps, one map for each pixel, enlarged and applied to a photograph tile by tile.

A field of 12 numbers for each of 12 million pixels would take 576 MB, whereas a tile stays in the processor's cache.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor

TILE = (64, 256)  # rows and columns; each pixel has 12 floats


def cubic_weights(source: int, target: int, a: float = -0.75) -> Tensor:
    """Return the weight of each of `source` samples for each of `target` samples, `[target, source]`, float32.

    The weights are those of Keys' cubic convolution with PyTorch's `a`, with pixel centres at halves and without a
    filter; the last sample is repeated beyond the ends. They equal those of `interpolate(mode="bicubic",
    align_corners=False)` along an axis.
    """
    place = (torch.arange(target, dtype=torch.float64) + 0.5) * (source / target) - 0.5
    left = place.floor()
    t = (place - left)[:, None] + torch.tensor([1.0, 0.0, -1.0, -2.0], dtype=torch.float64)
    distance = t.abs()
    near = ((a + 2) * distance - (a + 3)) * distance**2 + 1
    far = ((a * distance - 5 * a) * distance + 8 * a) * distance - 4 * a
    index = (left.long()[:, None] + torch.arange(-1, 3)).clamp(0, source - 1)
    weights = torch.zeros(target, source, dtype=torch.float64)
    weights.scatter_add_(1, index, torch.where(distance <= 1, near, far))
    return weights.float()


def each_tile(
    field: Tensor, size: tuple[int, int], work: Callable[[slice, slice, Tensor], None], threads: int = 1
) -> None:
    """Enlarge a field bicubically and call a function for each tile.

    Parameters
    ----------
    field
        `[C, h, w]`.
    size
        The height and the width of the enlarged field.
    work
        A function of the rows, the columns and their part of the field, `[C, rows, columns]`. Tiles do not overlap and
        come in any order.
    threads
        The number of threads that work on tiles.
    """
    height, width = size
    down, across = (cubic_weights(n, m).to(field.device) for n, m in zip(field.shape[1:], size, strict=True))

    def strip(top: int) -> None:
        rows = slice(top, min(top + TILE[0], height))
        seen = _seen(down[rows])
        tall = torch.einsum("yr,crx->cyx", down[rows, seen], field[:, seen])
        for left in range(0, width, TILE[1]):
            columns = slice(left, min(left + TILE[1], width))
            seen = _seen(across[columns])
            part = tall[:, :, seen].flatten(0, 1) @ across[columns, seen].T
            work(rows, columns, part.view(len(field), -1, part.shape[1]))

    tops = range(0, height, TILE[0])
    if threads == 1:
        for top in tops:
            strip(top)
        return
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(strip, tops):
            pass


def _seen(weights: Tensor) -> slice:
    """Return the range of the samples whose weight `[target, source]` is not 0 for all targets."""
    found = weights.any(0).nonzero()
    return slice(int(found[0]), int(found[-1]) + 1)
