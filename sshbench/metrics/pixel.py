"""Errors of single pixels over the whole image.

Errors are those of values of 0 to 255: `metrics.arrays.for_arrays` converts images of any type and range.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from sshbench.metrics.arrays import Images, for_arrays, in_one_thread, precise, strips, working

if TYPE_CHECKING:
    from torch import Tensor


@in_one_thread
def squared_error(prediction: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
    """Return the sum of weight * (prediction - target)^2 over pixels and channels.

    `prediction` and `target` are batches `[N, C, H, W]` over 0..255, `weight` is `[N, 1, H, W]` or None for 1; the sum
    is `[N]`.
    """
    return total(lambda rows: _difference(prediction, target, rows).square_(), target, weight)


def _difference(prediction: Tensor, target: Tensor, rows: slice) -> Tensor:
    """Return the difference of some rows, in float32 for bytes: float32 holds the squares of bytes exactly."""
    dtype = working(prediction, target)
    return prediction[..., rows, :].to(dtype) - target[..., rows, :]


def total(errors: Callable[[slice], Tensor], image: Tensor, weight: Tensor | None = None) -> Tensor:
    """Return the sum of weighted errors for each image of a batch; `errors` computes those of some rows."""
    import torch

    found: Any = 0.0
    for rows in strips(image):
        part = errors(rows)
        if weight is not None:
            part = part * weight[..., rows, :]
        found = found + part.sum(dim=(1, 2, 3), dtype=precise(torch.zeros(0, device=part.device)).dtype)
    return cast("Tensor", found)


def values_of(image: Tensor) -> int:
    """Return the number of values of one image of a batch: channels times pixels."""
    return image.shape[1:].numel()


@for_arrays
def mse(prediction: Images, target: Images) -> Tensor:
    """Return the mean squared error of values of 0 to 255, over all pixels and channels.

    Parameters
    ----------
    prediction, target
        Two images or two batches of one shape: numpy `[H, W, C]` or `[N, H, W, C]`, or torch `[C, H, W]` or
        `[N, C, H, W]`, with C 1 or 3; uint8, uint16, or floats over 0..1; sRGB-encoded.
    data_range
        The value of white in the images, if it is not that of the type (255 of uint8, 65535 of uint16, 1 of floats).
    layout
        `"HWC"` or `"CHW"`, if it is not that of numpy (HWC) or torch (CHW).

    Returns
    -------
    float, array or tensor
        0 for identical images; images of any range count as 0 to 255. A float for a numpy image, an array `[N]`
        for a numpy batch, and a tensor without axes or `[N]` for torch.

    Raises
    ------
    MetricError
        The shapes differ, or values are not finite or lie far outside the range.

    Examples
    --------
    >>> import numpy as np
    >>> from sshbench.metrics import mse
    >>> target = np.full((64, 64, 3), 100, np.uint8)
    >>> mse(target + np.uint8(5), target)
    25.0
    >>> mse((target + 5) / 255, target / 255)
    25.0
    >>> mse(np.stack([target, target + np.uint8(5)]), np.stack([target, target]))
    array([ 0., 25.])
    """
    return squared_error(prediction, target) / values_of(target)


@in_one_thread
def _absolute_error(prediction: Tensor, target: Tensor) -> Tensor:
    return total(lambda rows: _difference(prediction, target, rows).abs_(), target)


@for_arrays
def mae(prediction: Images, target: Images) -> Tensor:
    """Return the mean absolute error of values of 0 to 255, over all pixels and channels.

    Parameters
    ----------
    prediction, target
        Two images or two batches of one shape: numpy `[H, W, C]` or `[N, H, W, C]`, or torch `[C, H, W]` or
        `[N, C, H, W]`, with C 1 or 3; uint8, uint16, or floats over 0..1; sRGB-encoded.
    data_range
        The value of white in the images, if it is not that of the type (255 of uint8, 65535 of uint16, 1 of floats).
    layout
        `"HWC"` or `"CHW"`, if it is not that of numpy (HWC) or torch (CHW).

    Returns
    -------
    float, array or tensor
        0 for identical images. A float for a numpy image, an array `[N]` for a numpy batch, and a tensor
        without axes or `[N]` for torch.

    Raises
    ------
    MetricError
        The shapes differ, or values are not finite or lie far outside the range.

    Examples
    --------
    >>> import numpy as np
    >>> from sshbench.metrics import mae
    >>> target = np.full((64, 64, 3), 100, np.uint8)
    >>> mae(target + np.uint8(5), target)
    5.0
    """
    return _absolute_error(prediction, target) / values_of(target)


def psnr_of(mse: Tensor, peak: Tensor | float = 255.0, epsilon: float = 0.0) -> Tensor:
    """Return 10 log10(peak^2 / (mse + epsilon)) in dB for `mse` of any shape; infinity if both are zero."""
    import torch

    square = torch.as_tensor(peak, dtype=mse.dtype, device=mse.device) ** 2
    return 10 * torch.log10(square / (mse + epsilon))


@for_arrays
def psnr(prediction: Images, target: Images) -> Tensor:
    """Return the peak signal-to-noise ratio of each image, with white as the peak.

    Parameters
    ----------
    prediction, target
        Two images or two batches of one shape: numpy `[H, W, C]` or `[N, H, W, C]`, or torch `[C, H, W]` or
        `[N, C, H, W]`, with C 1 or 3; uint8, uint16, or floats over 0..1; sRGB-encoded.
    data_range
        The value of white in the images, if it is not that of the type (255 of uint8, 65535 of uint16, 1 of floats).
    layout
        `"HWC"` or `"CHW"`, if it is not that of numpy (HWC) or torch (CHW).

    Returns
    -------
    float, array or tensor
        In dB, 10 log10(255^2 / MSE); infinity for identical images. A float for a numpy image, an array `[N]`
        for a numpy batch, and a tensor without axes or `[N]` for torch.

    Raises
    ------
    MetricError
        The shapes differ, or values are not finite or lie far outside the range.

    Examples
    --------
    >>> import numpy as np
    >>> from sshbench.metrics import psnr
    >>> target = np.full((64, 64, 3), 100, np.uint8)
    >>> round(psnr(target + np.uint8(5), target), 2)
    34.15
    >>> round(psnr((target + 5) / 255, target / 255), 2)
    34.15
    """
    return psnr_of(squared_error(prediction, target) / values_of(target))
