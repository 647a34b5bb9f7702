"""Errors of single pixels.

Errors are those of values of 0 to 255, whatever type and range the images have: `metrics.arrays.for_arrays` brings them
there. A pixel whose mask is at least 0.5 is foreground.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from sshbench.benchmarks.composite import FOREGROUND
from sshbench.metrics.arrays import Images, Masks, for_arrays, in_one_thread, precise, strips, working

if TYPE_CHECKING:
    from torch import Tensor


@in_one_thread
def squared_error(prediction: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
    """Sum of weight * (prediction - target)^2 over pixels and channels, `[N]`, of batches `[N, C, H, W]`."""
    return _total(lambda rows: _difference(prediction, target, rows).square_(), target, weight)


def _difference(prediction: Tensor, target: Tensor, rows: slice) -> Tensor:
    """In float32 for bytes, whose squares it holds exactly."""
    dtype = working(prediction, target)
    return prediction[..., rows, :].to(dtype) - target[..., rows, :]


def _total(errors: Callable[[slice], Tensor], image: Tensor, weight: Tensor | None = None) -> Tensor:
    import torch

    total: Any = 0.0
    for rows in strips(image):
        part = errors(rows)
        if weight is not None:
            part = part * weight[..., rows, :]
        total = total + part.sum(dim=(1, 2, 3), dtype=precise(torch.zeros(0, device=part.device)).dtype)
    return cast("Tensor", total)


@in_one_thread
def _weight(mask: Tensor) -> Tensor:
    return _total(lambda rows: mask[..., rows, :], mask)


def _count(image: Tensor) -> int:
    return image.shape[1:].numel()


@for_arrays
def mse(prediction: Images, target: Images) -> Tensor:
    """Mean of the squared errors of values of 0 to 255, over pixels and channels.

    Parameters
    ----------
    prediction, target
        `[H, W, C]` or `[N, H, W, C]` of numpy, `[C, H, W]` or `[N, C, H, W]` of torch; uint8, uint16, or floats over
        0..1, sRGB-encoded. Both have one shape.
    data_range
        The number that stands for white, where it is another than the type's.
    layout
        `"HWC"` or `"CHW"`, where it is another than numpy's or torch's.

    Returns
    -------
    A float for a numpy image, an array `[N]` for a batch; a tensor for tensors.

    Raises
    ------
    MetricError
        The shapes differ, or the values are not finite or far outside of the range.
    """
    return squared_error(prediction, target) / _count(target)


@for_arrays
def mse_weighted_by_mask(prediction: Images, target: Images, mask: Masks) -> Tensor:
    """Mean over all pixels of mask * (prediction - target)^2, as PCT-Net and DCCF publish it for MSE.

    Parameters, result and errors are those of `mse`; `mask` is that of `fmse`, and counts softly.
    """
    return squared_error(prediction, target, mask) / _count(target)


@in_one_thread
def _absolute_error(prediction: Tensor, target: Tensor) -> Tensor:
    return _total(lambda rows: _difference(prediction, target, rows).abs_(), target)


@for_arrays
def mae(prediction: Images, target: Images) -> Tensor:
    """Mean of the absolute errors of values of 0 to 255, over pixels and channels.

    Parameters, result and errors are those of `mse`.
    """
    return _absolute_error(prediction, target) / _count(target)


def psnr_of(mse: Tensor, peak: Tensor | float = 255.0, epsilon: float = 0.0) -> Tensor:
    """10 log10(peak^2 / (mse + epsilon)) in dB; infinity where both are zero."""
    import torch

    square = torch.as_tensor(peak, dtype=mse.dtype, device=mse.device) ** 2
    return 10 * torch.log10(square / (mse + epsilon))


@for_arrays
def psnr(prediction: Images, target: Images) -> Tensor:
    """Peak signal-to-noise ratio in dB, of each image; infinity for identical images.

    Parameters, result and errors are those of `mse`; the peak is white.

    Examples
    --------
    >>> import numpy as np
    >>> from sshbench.metrics import psnr
    >>> target = np.full((8, 8, 3), 100, np.uint8)
    >>> round(psnr(target + np.uint8(5), target), 2)
    34.15
    >>> round(psnr((target + 5) / 255, target / 255), 2)
    34.15
    """
    return psnr_of(squared_error(prediction, target) / _count(target))


def foreground_of(mask: Tensor) -> Tensor:
    """Which pixels are foreground, as uint8 0 and 1."""
    import torch

    return (mask >= FOREGROUND).to(torch.uint8)


@for_arrays
def fmse_weighted(prediction: Images, target: Images, mask: Masks, *, epsilon: float = 0.0) -> Tensor:
    """Foreground MSE: squared errors weighted by the mask, over 3 times the mask's sum (plus `epsilon`).

    iSSAM's definition, with 1e-6 there; with a mask of 0 and 1 it is `fmse`. NaN for an empty mask without `epsilon`.
    Parameters, result and errors are those of `fmse`.
    """
    return cast("Tensor", squared_error(prediction, target, mask) / (target.shape[1] * _weight(mask) + epsilon))


@for_arrays
def fmse(prediction: Images, target: Images, mask: Masks) -> Tensor:
    """Mean of the squared errors of the foreground, of values of 0 to 255; NaN without a foreground.

    Parameters, result and errors are those of `mse`.

    Parameters
    ----------
    mask
        `[H, W]`, or `[N, H, W]` with one for each image: booleans, uint8 or uint16 over their range or of 0 and 1, or
        floats over 0..1. A pixel of at least half is foreground.
    """
    errors: Tensor = fmse_weighted.of_batches(prediction, target, foreground_of(mask))
    return errors


@for_arrays
def fpsnr(prediction: Images, target: Images, mask: Masks) -> Tensor:
    """Peak signal-to-noise ratio of the foreground in dB; parameters, result and errors are those of `fmse`."""
    return psnr_of(fmse_weighted.of_batches(prediction, target, foreground_of(mask)))


@for_arrays
def boundary_mse(prediction: Images, target: Images, mask: Masks) -> Tensor:
    """Mean of the squared errors in a band around the foreground's edge, see `boundary_band`; NaN without an edge.

    Parameters, result and errors are those of `fmse`.
    """
    import torch

    inside = foreground_of(mask).bool().cpu().numpy()[:, 0]
    bands = [boundary_band(one).astype(np.float32) for one in inside]
    weights = np.stack(bands) if bands else np.zeros(inside.shape, np.float32)
    band = torch.from_numpy(weights)[:, None].to(mask.device)
    errors: Tensor = fmse_weighted.of_batches(prediction, target, band)
    return errors


@for_arrays
def fmse_scaled(prediction: Images, target: Images, mask: Masks) -> Tensor:
    """Foreground MSE: the MSE of images times mask, times the number of pixels over the mask's sum.

    iHarmony4's definition; there the number of pixels is 256 * 256. It is `fmse_weighted` with the mask squared above
    and not below, so the two agree on masks of 0 and 1 alone. Parameters, result and errors are those of `fmse`.
    """
    return cast("Tensor", squared_error(prediction, target, mask**2) / (target.shape[1] * _weight(mask)))


def boundary_band(foreground: NDArray[np.bool_], radius: int | None = None) -> NDArray[np.bool_]:
    """The pixels within `radius` of the border between foreground and background, both sides, along rows and columns.

    Parameters
    ----------
    radius
        In pixels, of Chebyshev's distance; by default a 64th of the short side, which is 4 at 256 x 256.
    """
    if radius is None:
        radius = max(1, round(min(foreground.shape) / 64))

    return _grown(foreground, radius) & _grown(~foreground, radius)


def _grown(part: NDArray[np.bool_], radius: int) -> NDArray[np.bool_]:
    """Pixels with one of `part` within `radius` along rows and columns, by windows that are doubled."""
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
