"""Errors of the foreground's pixels, and along its edge.

The parameters, ranges and errors are those of `metrics.pixel`. A pixel is foreground if its mask is at least 0.5.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from sshbench.benchmarks.composite import FOREGROUND
from sshbench.metrics.arrays import Images, Masks, for_arrays, in_one_thread
from sshbench.metrics.pixel import psnr_of, squared_error, total, values_of

if TYPE_CHECKING:
    from torch import Tensor


def foreground_of(mask: Tensor) -> Tensor:
    """Return the foreground of masks of any shape over 0..1, as uint8 0 and 1: the pixels of at least 0.5."""
    import torch

    return (mask >= FOREGROUND).to(torch.uint8)


@in_one_thread
def _weight(mask: Tensor) -> Tensor:
    return total(lambda rows: mask[..., rows, :], mask)


@for_arrays
def fmse_weighted(prediction: Images, target: Images, mask: Masks, *, epsilon: float = 0.0) -> Tensor:
    """Return the foreground's squared error with the mask as the weight of each pixel.

    Parameters
    ----------
    prediction, target
        Two images or two batches of one shape: numpy `[H, W, C]` or `[N, H, W, C]`, or torch `[C, H, W]` or
        `[N, C, H, W]`, with C 1 or 3; uint8, uint16, or floats over 0..1; sRGB-encoded.
    mask
        `[H, W]`, or `[N, H, W]` with one mask for each image: booleans, uint8 or uint16 over their range or of 0 and 1,
        or floats over 0..1. The values are weights.
    epsilon
        A number that is added to the divisor, which is the number of channels times the sum of the mask. iSSAM uses
        1e-6.
    data_range
        The value of white in the images, if it is not that of the type (255 of uint8, 65535 of uint16, 1 of floats).
    layout
        `"HWC"` or `"CHW"`, if it is not that of numpy (HWC) or torch (CHW).

    Returns
    -------
    float, array or tensor
        The error of values of 0 to 255; NaN for an empty mask without `epsilon`. A float for a numpy image, an array
        `[N]` for a numpy batch, and a tensor without axes or `[N]` for torch.

    Raises
    ------
    MetricError
        The shapes differ, or values are not finite or lie far outside the range.

    References
    ----------
    The definition of iSSAM (github.com/saic-vul/image_harmonization). With a mask of 0 and 1 it equals `fmse`.

    Examples
    --------
    >>> import numpy as np
    >>> from sshbench.metrics import fmse_weighted
    >>> target = np.full((64, 64, 3), 100, np.uint8)
    >>> mask = np.broadcast_to(np.arange(64) < 32, (64, 64))  # the left half
    >>> prediction = np.where(mask[..., None], target + np.uint8(5), target)
    >>> fmse_weighted(prediction, target, mask)
    25.0
    """
    return cast("Tensor", squared_error(prediction, target, mask) / (target.shape[1] * _weight(mask) + epsilon))


@for_arrays
def fmse(prediction: Images, target: Images, mask: Masks) -> Tensor:
    """Return the mean squared error of the foreground, of values of 0 to 255.

    Parameters
    ----------
    prediction, target
        Two images or two batches of one shape: numpy `[H, W, C]` or `[N, H, W, C]`, or torch `[C, H, W]` or
        `[N, C, H, W]`, with C 1 or 3; uint8, uint16, or floats over 0..1; sRGB-encoded.
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
        NaN for a mask without foreground. A float for a numpy image, an array `[N]` for a numpy batch, and a
        tensor without axes or `[N]` for torch.

    Raises
    ------
    MetricError
        The shapes differ, or values are not finite or lie far outside the range.

    Examples
    --------
    >>> import numpy as np
    >>> from sshbench.metrics import fmse
    >>> target = np.full((64, 64, 3), 100, np.uint8)
    >>> mask = np.broadcast_to(np.arange(64) < 32, (64, 64))  # the left half
    >>> prediction = np.where(mask[..., None], target + np.uint8(5), target)
    >>> fmse(prediction, target, mask)
    25.0
    """
    errors: Tensor = fmse_weighted.of_batches(prediction, target, foreground_of(mask))
    return errors


@for_arrays
def fpsnr(prediction: Images, target: Images, mask: Masks) -> Tensor:
    """Return the peak signal-to-noise ratio of the foreground, with white as the peak.

    Parameters
    ----------
    prediction, target
        Two images or two batches of one shape: numpy `[H, W, C]` or `[N, H, W, C]`, or torch `[C, H, W]` or
        `[N, C, H, W]`, with C 1 or 3; uint8, uint16, or floats over 0..1; sRGB-encoded.
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
        In dB; infinity for an identical foreground, and NaN for a mask without foreground. A float for a numpy
        image, an array `[N]` for a numpy batch, and a tensor without axes or `[N]` for torch.

    Raises
    ------
    MetricError
        The shapes differ, or values are not finite or lie far outside the range.

    Examples
    --------
    >>> import numpy as np
    >>> from sshbench.metrics import fpsnr
    >>> target = np.full((64, 64, 3), 100, np.uint8)
    >>> mask = np.broadcast_to(np.arange(64) < 32, (64, 64))  # the left half
    >>> prediction = np.where(mask[..., None], target + np.uint8(5), target)
    >>> round(fpsnr(prediction, target, mask), 2)
    34.15
    """
    return psnr_of(fmse_weighted.of_batches(prediction, target, foreground_of(mask)))


@for_arrays
def boundary_mse(prediction: Images, target: Images, mask: Masks) -> Tensor:
    """Return the mean squared error in a band along the edge of the foreground.

    The band reaches a 64th of the short side to both sides of the edge: 4 pixels at 256 x 256.

    Parameters
    ----------
    prediction, target
        Two images or two batches of one shape: numpy `[H, W, C]` or `[N, H, W, C]`, or torch `[C, H, W]` or
        `[N, C, H, W]`, with C 1 or 3; uint8, uint16, or floats over 0..1; sRGB-encoded.
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
        The error of values of 0 to 255; NaN for a mask without an edge. A float for a numpy image, an array `[N]` for a
        numpy batch, and a tensor without axes or `[N]` for torch.

    Raises
    ------
    MetricError
        The shapes differ, or values are not finite or lie far outside the range.

    Examples
    --------
    >>> import numpy as np
    >>> from sshbench.metrics import boundary_mse
    >>> target = np.full((64, 64, 3), 100, np.uint8)
    >>> mask = np.broadcast_to(np.arange(64) < 32, (64, 64))  # the left half
    >>> prediction = np.where(mask[..., None], target + np.uint8(5), target)
    >>> boundary_mse(prediction, target, mask)  # half of the band is foreground
    12.5
    """
    import torch

    inside = foreground_of(mask).bool().cpu().numpy()[:, 0]
    bands = [boundary_band(one).astype(np.float32) for one in inside]
    weights = np.stack(bands) if bands else np.zeros(inside.shape, np.float32)
    band = torch.from_numpy(weights)[:, None].to(mask.device)
    errors: Tensor = fmse_weighted.of_batches(prediction, target, band)
    return errors


@for_arrays
def mse_weighted_by_mask(prediction: Images, target: Images, mask: Masks) -> Tensor:
    """Return the mean over all pixels of mask * (prediction - target)^2, which PCT-Net and DCCF publish as MSE.

    The parameters, the result and the errors are those of `mse`. `mask` has the form of the mask of `fmse`; its values
    are weights.
    """
    return squared_error(prediction, target, mask) / values_of(target)


@for_arrays
def fmse_scaled(prediction: Images, target: Images, mask: Masks) -> Tensor:
    """Return the MSE of the images times the mask, scaled by the number of pixels over the sum of the mask.

    Parameters
    ----------
    prediction, target
        Two images or two batches of one shape: numpy `[H, W, C]` or `[N, H, W, C]`, or torch `[C, H, W]` or
        `[N, C, H, W]`, with C 1 or 3; uint8, uint16, or floats over 0..1; sRGB-encoded.
    mask
        `[H, W]`, or `[N, H, W]` with one mask for each image: booleans, uint8 or uint16 over their range or of 0 and 1,
        or floats over 0..1. The values are weights.
    data_range
        The value of white in the images, if it is not that of the type (255 of uint8, 65535 of uint16, 1 of floats).
    layout
        `"HWC"` or `"CHW"`, if it is not that of numpy (HWC) or torch (CHW).

    Returns
    -------
    float, array or tensor
        Of values of 0 to 255; NaN for an empty mask. A float for a numpy image, an array `[N]` for a numpy
        batch, and a tensor without axes or `[N]` for torch.

    Raises
    ------
    MetricError
        The shapes differ, or values are not finite or lie far outside the range.

    References
    ----------
    The definition of iHarmony4 (github.com/bcmi/Image-Harmonization-Dataset-iHarmony4), where the number of pixels
    is 256 * 256. The mask is squared in the numerator alone, so that it equals `fmse_weighted` only for masks of 0
    and 1.

    Examples
    --------
    >>> import numpy as np
    >>> from sshbench.metrics import fmse_scaled
    >>> target = np.full((64, 64, 3), 100, np.uint8)
    >>> mask = np.broadcast_to(np.arange(64) < 32, (64, 64))  # the left half
    >>> prediction = np.where(mask[..., None], target + np.uint8(5), target)
    >>> fmse_scaled(prediction, target, mask)
    25.0
    """
    return cast("Tensor", squared_error(prediction, target, mask**2) / (target.shape[1] * _weight(mask)))


def boundary_band(foreground: NDArray[np.bool_], radius: int | None = None) -> NDArray[np.bool_]:
    """Return the pixels `[H, W]` within `radius` of the border between foreground and background, on both sides.

    Parameters
    ----------
    foreground
        `[H, W]`: True inside the foreground.
    radius
        The Chebyshev distance in pixels; by default a 64th of the short side, which is 4 at 256 x 256.
    """
    if radius is None:
        radius = max(1, round(min(foreground.shape) / 64))

    return _grown(foreground, radius) & _grown(~foreground, radius)


def _grown(part: NDArray[np.bool_], radius: int) -> NDArray[np.bool_]:
    """Return the pixels within the Chebyshev distance `radius` of a pixel of `part`, both `[H, W]`."""
    for axis in (0, 1):
        lines = np.moveaxis(part, axis, 0)
        wide = np.zeros((lines.shape[0] + 2 * radius, lines.shape[1]), bool)
        wide[radius : radius + len(lines)] = lines
        span, needed = 1, 2 * radius + 1
        while span < needed:
            step = min(span, needed - span)
            wide = wide[:-step] | wide[step:]
            span += step
        part = np.moveaxis(wide, 0, axis)
    return part
