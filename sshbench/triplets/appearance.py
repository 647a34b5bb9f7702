"""Other appearances of a photograph: colour statistics of another one, or another saturation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def transfer_reinhard(image: NDArray[np.uint8], target: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Give `image` `[H, W, 3]` the means and deviations of `target` in lab (Reinhard et al. 2001)."""
    raise NotImplementedError


def transfer_xiao(image: NDArray[np.uint8], target: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Give `image` the mean and covariance of `target` in RGB (Xiao and Ma 2006)."""
    raise NotImplementedError


def transfer_histogram(image: NDArray[np.uint8], target: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Give `image` the histogram of `target`, channel by channel (Fecker et al. 2008)."""
    raise NotImplementedError


def transfer_distribution(image: NDArray[np.uint8], target: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Give `image` the colour distribution of `target` (iterative distribution transfer, Pitie et al. 2007)."""
    raise NotImplementedError


def saturate(image: NDArray[np.uint8], factor: float) -> NDArray[np.uint8]:
    """Scale the saturation of `image`: 0 is grey, 1 changes nothing."""
    raise NotImplementedError
