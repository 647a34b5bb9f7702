"""Maps of colours that change from pixel to pixel, enlarged and applied to a photograph tile by tile.

A field of 12 numbers for each of 12 million pixels would take 576 MB; a tile of it stays in the processor's cache.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor

TILE = (64, 256)  # rows and columns, of 12 floats


def cubic_weights(source: int, target: int, a: float = -0.75) -> Tensor:
    """Return how much each of `source` samples counts for each of `target` ones, `[target, source]`, float32.

    Keys' cubic convolution with PyTorch's `a`, pixel centres at halves, no filter; beyond the ends the last sample goes
    on. It is what `interpolate(mode="bicubic", align_corners=False)` does along an axis.
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
    """Enlarge a field bicubically and hand it on in tiles.

    Parameters
    ----------
    field
        `[C, h, w]`.
    size
        Height and width to enlarge it to.
    work
        Gets rows, columns and their part of the field, `[C, rows, columns]`; tiles do not overlap and come in any
        order.
    threads
        Tiles worked on at a time.
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
    """Return the samples that count for some of the targets."""
    found = weights.any(0).nonzero()
    return slice(int(found[0]), int(found[-1]) + 1)
