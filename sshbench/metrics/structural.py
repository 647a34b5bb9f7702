"""Structural similarity, after Wang, Bovik, Sheikh and Simoncelli, IEEE Transactions on Image Processing 13 (2004)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

from sshbench.metrics.arrays import Images, Masks, MetricError, for_arrays, in_one_thread, precise, tiles, working
from sshbench.metrics.foreground import foreground_of

if TYPE_CHECKING:
    from torch import Tensor

Window = Literal["gaussian", "uniform"]

_RADIUS = {"gaussian": 5, "uniform": 3}
_SIGMA = 1.5
_MIDDLE = 128.0  # is subtracted from all values, because variances of smaller numbers lose fewer digits


def _weights(window: Window) -> list[float]:
    radius = _RADIUS[window]
    if window == "uniform":
        return [1 / (2 * radius + 1)] * (2 * radius + 1)
    bell = [math.exp(-0.5 * (i / _SIGMA) ** 2) for i in range(-radius, radius + 1)]
    return [weight / sum(bell) for weight in bell]


def _filtered(planes: Tensor, weights: list[float]) -> Tensor:
    """Return `[..., H, W]` filtered along both axes; each side becomes shorter by the window's length minus one."""
    last = len(weights) - 1
    for axis in (-2, -1):
        length = planes.shape[axis] - last
        total = planes.narrow(axis, last // 2, length) * weights[last // 2]
        for i in range(last // 2):
            pair = planes.narrow(axis, i, length) + planes.narrow(axis, last - i, length)
            total.add_(pair, alpha=weights[i])
        planes = total
    return planes


def _mirrored(image: Tensor, radius: int) -> Tensor:
    """Return the image with `radius` mirrored samples beyond each edge; the edge sample is repeated."""
    import torch

    for axis in (-2, -1):
        start, end = image.narrow(axis, 0, radius), image.narrow(axis, image.shape[axis] - radius, radius)
        image = torch.cat([start.flip(axis), image, end.flip(axis)], axis)
    return image


def _inside(part: slice, length: int, radius: int) -> slice:
    """Return the positions of a part of an axis, from its start, at which the whole window is inside the image."""
    start, stop = max(part.start, radius), min(part.stop, length - radius)
    return slice(start - part.start, max(stop, start) - part.start)


@in_one_thread
def ssim_means(
    prediction: Tensor,
    target: Tensor,
    mask: Tensor | None = None,
    *,
    peak: Tensor | float = 255.0,
    window: Window = "gaussian",
) -> tuple[Tensor, Tensor | None]:
    """Return two means of the SSIM of batches `[N, C, H, W]`: over the inside of the image, and weighted by the mask.

    The SSIM map is computed in each channel. The first mean is over the positions at which the whole window lies inside
    the image. The second mean is weighted by the mask `[N, 1, H, W]` and covers the whole map, mirrored beyond the
    edges, so that a foreground at the edge counts in full; it is None without a mask.

    Raises
    ------
    MetricError
        The image is smaller than the window.
    """
    import torch

    if window not in _RADIUS:
        raise MetricError(f"the window of SSIM is {' or '.join(_RADIUS)}, not {window!r}")
    weights = _weights(window)
    size, radius = len(weights), _RADIUS[window]
    height, width = target.shape[-2:]
    if min(height, width) < size:
        raise MetricError(f"SSIM needs images of at least {size} x {size} pixels, not {width} x {height}")
    sample = size**2 / (size**2 - 1) if window == "uniform" else 1.0
    span = torch.as_tensor(peak, device=target.device).reshape(-1, 1, 1)
    small = not isinstance(peak, float) or peak < _MIDDLE  # rounding errors of float32 would outweigh the constants
    dtype = precise(span).dtype if small else working(prediction, target)
    c1, c2 = ((k * precise(span)).square().to(dtype) for k in (0.01, 0.03))
    wide = [_mirrored(image, radius) for image in (prediction, target)]

    whole: Any = 0.0
    by_mask: Any = 0.0
    for rows, columns in tiles(target):
        near = (..., slice(rows.start, rows.stop + 2 * radius), slice(columns.start, columns.stop + 2 * radius))
        inside = (..., _inside(rows, height, radius), _inside(columns, width, radius))
        for channel in range(target.shape[1]):
            x, y = (image[:, channel][near].to(dtype) - _MIDDLE for image in wide)
            means = _filtered(torch.stack([x, y, x * x + y * y, x * y]), weights)
            ux, uy, power, product = means.unbind(0)
            structure = (2 * sample * (product - ux * uy) + c2) / (sample * (power - ux * ux - uy * uy) + c2)
            ux, uy = ux + _MIDDLE, uy + _MIDDLE
            map_ = structure * (2 * ux * uy + c1) / (ux * ux + uy * uy + c1)
            whole = whole + precise(map_[inside].sum(dim=(1, 2)))
            if mask is not None:
                by_mask = by_mask + precise((map_ * mask[:, 0, rows, columns]).sum(dim=(1, 2)))
    channels = target.shape[1]
    mean = whole / (channels * (height - 2 * radius) * (width - 2 * radius))
    if mask is None:
        return mean, None
    return mean, by_mask / (channels * precise(mask).sum(dim=(1, 2, 3)))


@for_arrays
def ssim(prediction: Images, target: Images, *, window: Window = "gaussian") -> Tensor:
    """Return the mean structural similarity, computed in each channel, with white as the dynamic range.

    Parameters
    ----------
    prediction, target
        Two images or two batches of one shape: numpy `[H, W, C]` or `[N, H, W, C]`, or torch `[C, H, W]` or
        `[N, C, H, W]`, with C 1 or 3; uint8, uint16, or floats over 0..1; sRGB-encoded.
    window
        `"gaussian"` for 11 x 11 pixels with sigma 1.5 and the population covariance, as in the paper; `"uniform"` for
        7 x 7 pixels with the sample covariance, the default of scikit-image. Images must be at least as large.
    data_range
        The value of white in the images, if it is not that of the type (255 of uint8, 65535 of uint16, 1 of floats).
    layout
        `"HWC"` or `"CHW"`, if it is not that of numpy (HWC) or torch (CHW).

    Returns
    -------
    float, array or tensor
        At most 1, the value for identical images; no unit. A float for a numpy image, an array `[N]` for a
        numpy batch, and a tensor without axes or `[N]` for torch.

    Raises
    ------
    MetricError
        The shapes differ, values are not finite or lie far outside the range, or the images
        are smaller than the window.

    References
    ----------
    Wang, Bovik, Sheikh, Simoncelli: "Image quality assessment: from error visibility to structural similarity",
    IEEE Transactions on Image Processing 13 (4), 2004.

    Examples
    --------
    >>> import numpy as np
    >>> from sshbench.metrics import ssim
    >>> target = np.full((64, 64, 3), 100, np.uint8)
    >>> ssim(target, target)
    1.0
    >>> round(ssim(target + np.uint8(5), target), 4)
    0.9988
    """
    return ssim_means(prediction, target, window=window)[0]


@for_arrays
def fssim(prediction: Images, target: Images, mask: Masks, *, window: Window = "gaussian") -> Tensor:
    """Return the mean of the SSIM map over the foreground.

    Parameters
    ----------
    prediction, target
        Two images or two batches of one shape: numpy `[H, W, C]` or `[N, H, W, C]`, or torch `[C, H, W]` or
        `[N, C, H, W]`, with C 1 or 3; uint8, uint16, or floats over 0..1; sRGB-encoded.
    mask
        `[H, W]`, or `[N, H, W]` with one mask for each image: booleans, uint8 or uint16 over their range or of 0 and 1,
        or floats over 0..1. A pixel of at least half is foreground.
    window
        `"gaussian"` for 11 x 11 pixels with sigma 1.5 and the population covariance, as in the paper; `"uniform"` for
        7 x 7 pixels with the sample covariance, the default of scikit-image. Images must be at least as large.
    data_range
        The value of white in the images, if it is not that of the type (255 of uint8, 65535 of uint16, 1 of floats).
    layout
        `"HWC"` or `"CHW"`, if it is not that of numpy (HWC) or torch (CHW).

    Returns
    -------
    float, array or tensor
        At most 1; NaN for a mask without foreground. A float for a numpy image, an array `[N]` for a numpy
        batch, and a tensor without axes or `[N]` for torch.

    Raises
    ------
    MetricError
        The shapes differ, values are not finite or lie far outside the range, or the images
        are smaller than the window.

    References
    ----------
    Wang, Bovik, Sheikh, Simoncelli: "Image quality assessment: from error visibility to structural similarity",
    IEEE Transactions on Image Processing 13 (4), 2004.

    Examples
    --------
    >>> import numpy as np
    >>> from sshbench.metrics import fssim
    >>> target = np.full((64, 64, 3), 100, np.uint8)
    >>> mask = np.broadcast_to(np.arange(64) < 32, (64, 64))  # the left half
    >>> prediction = np.where(mask[..., None], target + np.uint8(5), target)
    >>> round(fssim(prediction, target, mask), 3)
    0.994
    """
    mean = ssim_means(prediction, target, foreground_of(mask), window=window)[1]
    assert mean is not None
    return mean
