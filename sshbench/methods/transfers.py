"""Classical colour transfer: the foreground is given the colour statistics of the background around it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from sshbench.benchmarks.composite import FAINT, Composite, paste
from sshbench.lut import transfer

Pixels = NDArray[np.uint8]


class StatisticsTransfer:
    """Harmonize by a transfer between two sets of pixels.

    The pixels of the foreground (mask over 1/32) are given the statistics of the background's pixels where the mask is
    under 0.5 (all of them where it nowhere is), at full resolution, and laid over the background with the soft mask.

    Parameters
    ----------
    name
        The method's name.
    transfer
        From pixels `[1, N, 3]` and others `[1, M, 3]` (uint8) to the first with the statistics of the second.
    """

    needs_background = True
    needs_mask = True
    sees_target = False
    input_size: int | None = None
    weights_hash: str | None = None
    trained_by: str | None = None

    def __init__(self, name: str, transfer: Callable[[Pixels, Pixels], Pixels]) -> None:
        self.name = name
        self.transfer = transfer

    def harmonize(self, batch: Sequence[Composite]) -> list[Pixels]:
        """Return the composites with a changed foreground, uint8 `[H, W, 3]` each."""
        return [self._harmonize(composite) for composite in batch]

    def _harmonize(self, composite: Composite) -> Pixels:
        inside, outside = composite.mask > FAINT, composite.mask < 0.5
        if np.count_nonzero(inside) < 2:  # nothing that has a deviation
            return composite.composite
        around = composite.background[outside if outside.any() else slice(None)].reshape(1, -1, 3)
        foreground = composite.foreground.copy()
        foreground[inside] = self.transfer(foreground[inside][None], around)[0]
        return paste(foreground, composite.background, composite.mask)


def reinhard() -> StatisticsTransfer:
    """Reinhard et al. 2001: mean and deviation in l-alpha-beta."""
    return StatisticsTransfer("reinhard", transfer.transfer_reinhard)


def xiao() -> StatisticsTransfer:
    """Xiao and Ma 2006: mean and covariance in RGB."""
    return StatisticsTransfer("xiao", transfer.transfer_xiao)


def fecker() -> StatisticsTransfer:
    """Fecker et al. 2008: the histogram of each channel."""
    return StatisticsTransfer("fecker", transfer.transfer_histogram)


def pitie() -> StatisticsTransfer:
    """Pitie et al. 2007: the whole distribution, by iterated one-dimensional matching."""
    return StatisticsTransfer("pitie", transfer.transfer_distribution)


def monge_kantorovich() -> StatisticsTransfer:
    """Pitie and Kokaram 2007: mean and covariance by the linear map that moves colours least."""
    return StatisticsTransfer("monge-kantorovich", transfer.transfer_monge_kantorovich)
