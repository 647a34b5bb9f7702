"""Other appearances of a photograph: the colour statistics of another one, or another saturation."""

from __future__ import annotations

import numpy as np

from sshbench.colour.transfer import (
    TRANSFER_FUNCTIONS,
    Pixels,
    transfer_distribution,
    transfer_histogram,
    transfer_reinhard,
    transfer_xiao,
)

__all__ = [
    "TRANSFER_FUNCTIONS",
    "saturate",
    "transfer_distribution",
    "transfer_histogram",
    "transfer_reinhard",
    "transfer_xiao",
]


def saturate(image: Pixels, factor: float) -> Pixels:
    """Scale the distance of each colour from the grey of its luma (ITU-R BT.601).

    Parameters
    ----------
    image
        `[H, W, 3]` uint8.
    factor
        0 gives grey and 1 the image itself.
    """
    pixels = image.astype(np.int32)
    luma = (19595 * pixels[..., 0] + 38470 * pixels[..., 1] + 7471 * pixels[..., 2] + 32768) >> 16
    grey = luma[..., None].astype(np.float64)
    return np.floor(np.clip(grey + factor * (pixels - grey), 0.0, 255.0) + 0.5).astype(np.uint8)
