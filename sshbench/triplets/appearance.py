"""Other appearances of a photograph: the colour statistics of another photograph, or another saturation."""

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
    """Return an image with scaled saturation: the distance of each colour from the grey of its luma (ITU-R BT.601).

    Parameters
    ----------
    image
        uint8 `[H, W, 3]`, sRGB-encoded.
    factor
        The factor of the distance: 0 gives grey, 1 gives the image itself, and a larger factor gives stronger colours.

    Returns
    -------
    array
        uint8 `[H, W, 3]`, clamped to 0..255.

    Examples
    --------
    >>> import numpy as np
    >>> from sshbench.triplets import saturate
    >>> saturate(np.array([[[200, 100, 100]]], np.uint8), 0.0)[0, 0].tolist()
    [130, 130, 130]
    """
    pixels = image.astype(np.int32)
    luma = (19595 * pixels[..., 0] + 38470 * pixels[..., 1] + 7471 * pixels[..., 2] + 32768) >> 16
    grey = luma[..., None].astype(np.float64)
    return np.floor(np.clip(grey + factor * (pixels - grey), 0.0, 255.0) + 0.5).astype(np.uint8)
