"""Visible colour differences of sRGB-encoded images; the parameters and ranges are those of `metrics.pixel`."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from sshbench.colour.difference import RGB_TO_RATIOS, ciede2000_of_planes, lab_planes, linear_of_srgb
from sshbench.metrics.arrays import Images, Masks, MetricError, for_arrays, in_one_thread, precise, strips, working
from sshbench.metrics.foreground import foreground_of

if TYPE_CHECKING:
    import torch
    from torch import Tensor


@cache
def _linear_of_bytes(dtype: torch.dtype, device: torch.device) -> Tensor:
    import torch

    return linear_of_srgb(torch.arange(256, dtype=torch.float64) / 255).to(dtype).to(device)


def _lab(image: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
    import torch

    if image.dtype == torch.uint8:  # looking up a table is seven times as fast as computing powers
        linear = _linear_of_bytes(dtype, image.device).index_select(0, image.flatten().int()).reshape(image.shape)
    else:
        linear = linear_of_srgb(image.to(dtype) / 255)
    matrix = torch.tensor(RGB_TO_RATIOS, dtype=dtype, device=image.device)
    return lab_planes((matrix @ linear.flatten(2)).unbind(1))


@in_one_thread
def ciede2000_means(prediction: Tensor, target: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
    """Return the mean CIEDE2000 of batches `[N, 3, H, W]`: over all pixels, and weighted by the mask `[N, 1, H, W]`."""
    whole: Any = 0.0
    by_mask: Any = 0.0
    dtype = working(prediction, target)
    for rows in strips(target):
        one, other = (_lab(image[..., rows, :], dtype) for image in (target, prediction))
        map_ = precise(ciede2000_of_planes(one, other))
        whole = whole + map_.sum(dim=1)
        if mask is not None:
            by_mask = by_mask + (map_ * mask[:, 0, rows, :].flatten(1)).sum(dim=1)
    mean = whole / target.shape[-2:].numel()
    if mask is None:
        return mean, None
    return mean, by_mask / precise(mask).sum(dim=(1, 2, 3))


@for_arrays
def ciede2000(prediction: Images, target: Images) -> Tensor:
    """Return the mean CIEDE2000 colour difference under D65.

    Parameters
    ----------
    prediction, target
        Two images or two batches of one shape: numpy `[H, W, C]` or `[N, H, W, C]`, or torch `[C, H, W]` or
        `[N, C, H, W]`, with C 3; uint8, uint16, or floats over 0..1; sRGB-encoded.
    data_range
        The value of white in the images, if it is not that of the type (255 of uint8, 65535 of uint16, 1 of floats).
    layout
        `"HWC"` or `"CHW"`, if it is not that of numpy (HWC) or torch (CHW).

    Returns
    -------
    float, array or tensor
        0 for identical images; a difference of about 1 is just visible. A float for a numpy image, an array
        `[N]` for a numpy batch, and a tensor without axes or `[N]` for torch.

    Raises
    ------
    MetricError
        The shapes differ, values are not finite or lie far outside the range, or the images do not have three channels.

    References
    ----------
    CIE 142-2001; Sharma, Wu, Dalal: "The CIEDE2000 color-difference formula", Color Research and Application 30
    (1), 2005.

    Examples
    --------
    >>> import numpy as np
    >>> from sshbench.metrics import ciede2000
    >>> target = np.full((64, 64, 3), 100, np.uint8)
    >>> round(ciede2000(target + np.uint8(5), target), 2)
    1.88
    """
    return ciede2000_means(_of_colours(prediction), target)[0]


@for_arrays
def fciede2000(prediction: Images, target: Images, mask: Masks) -> Tensor:
    """Return the mean CIEDE2000 colour difference of the foreground under D65.

    Parameters
    ----------
    prediction, target
        Two images or two batches of one shape: numpy `[H, W, C]` or `[N, H, W, C]`, or torch `[C, H, W]` or
        `[N, C, H, W]`, with C 3; uint8, uint16, or floats over 0..1; sRGB-encoded.
    mask
        `[H, W]`, or `[N, H, W]` with one mask for each image: booleans, uint8 or uint16 over their range or of 0 and 1,
        or floats over 0..1. A pixel of at least half is foreground.
    data_range
        The value of white in the images, if it is not that of the type (255 of uint8, 65535 of uint16, 1 of floats).
    layout
        `"HWC"` or `"CHW"`, if it is not that of numpy (HWC) or torch (CHW).

    Returns
    -------
    float, array or tensor
        A difference of about 1 is just visible; NaN for a mask without foreground. A float for a numpy image,
        an array `[N]` for a numpy batch, and a tensor without axes or `[N]` for torch.

    Raises
    ------
    MetricError
        The shapes differ, values are not finite or lie far outside the range, or the images do not have three channels.

    References
    ----------
    CIE 142-2001; Sharma, Wu, Dalal: "The CIEDE2000 color-difference formula", Color Research and Application 30
    (1), 2005.

    Examples
    --------
    >>> import numpy as np
    >>> from sshbench.metrics import fciede2000
    >>> target = np.full((64, 64, 3), 100, np.uint8)
    >>> mask = np.broadcast_to(np.arange(64) < 32, (64, 64))  # the left half
    >>> prediction = np.where(mask[..., None], target + np.uint8(5), target)
    >>> round(fciede2000(prediction, target, mask), 2)
    1.88
    """
    mean = ciede2000_means(_of_colours(prediction), target, foreground_of(mask))[1]
    assert mean is not None
    return mean


def _of_colours(images: Tensor) -> Tensor:
    if images.shape[1] != 3:
        raise MetricError(f"CIEDE2000 needs three channels, R, G and B, not {images.shape[1]}")
    return images
