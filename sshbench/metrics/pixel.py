"""Errors of single pixels. Images are uint8 or float, 0..255; masks 0..1."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

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
    return image[0].numel()


@for_arrays
def mse(prediction: Images, target: Images) -> Tensor:
    """Mean of the squared errors over pixels and channels."""
    return squared_error(prediction, target) / _count(target)


@for_arrays
def mse_weighted_by_mask(prediction: Images, target: Images, mask: Masks) -> Tensor:
    """Mean over all pixels of mask * (prediction - target)^2, as PCT-Net and DCCF publish it for MSE."""
    return squared_error(prediction, target, mask) / _count(target)


@in_one_thread
def _absolute_error(prediction: Tensor, target: Tensor) -> Tensor:
    return _total(lambda rows: _difference(prediction, target, rows).abs_(), target)


@for_arrays
def mae(prediction: Images, target: Images) -> Tensor:
    """Mean of the absolute errors over pixels and channels."""
    return _absolute_error(prediction, target) / _count(target)


def psnr_of(mse: Tensor, peak: Tensor | float = 255.0, epsilon: float = 0.0) -> Tensor:
    """10 log10(peak^2 / (mse + epsilon)) in dB; infinity where both are zero."""
    import torch

    square = torch.as_tensor(peak, dtype=mse.dtype, device=mse.device) ** 2
    return 10 * torch.log10(square / (mse + epsilon))


@for_arrays
def psnr(prediction: Images, target: Images, *, peak: float = 255.0) -> Tensor:
    """Peak signal-to-noise ratio in dB; infinity for identical images."""
    return psnr_of(squared_error(prediction, target) / _count(target), peak)


@for_arrays
def fmse_weighted(prediction: Images, target: Images, mask: Masks, *, epsilon: float = 0.0) -> Tensor:
    """Foreground MSE: squared errors weighted by the mask, over 3 times the mask's sum (plus `epsilon`).

    iSSAM's definition, with 1e-6 there; with a mask of 0 and 1 the mean over foreground pixels. NaN for an empty mask
    without `epsilon`.
    """
    return squared_error(prediction, target, mask) / (3 * _weight(mask) + epsilon)


@for_arrays
def fmse_scaled(prediction: Images, target: Images, mask: Masks) -> Tensor:
    """Foreground MSE: the MSE of images times mask, times the number of pixels over the mask's sum.

    iHarmony4's definition; there the number of pixels is 256 * 256. It is `fmse_weighted` with the mask squared above
    and not below, so the two agree on masks of 0 and 1 alone.
    """
    return squared_error(prediction, target, mask**2) / (3 * _weight(mask))


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
