"""Layers of networks for float32 arrays `[B, H, W, C]`.

The native kernels (`layers.cpp`) compute each layer in one pass. If they could not be compiled at the installation,
numpy computes the same, except for rounding.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

try:
    import sshbench.networks._layers as _layers
except ImportError:
    _layers = None

Array = NDArray[np.float32]

_kernel = 0  # the fastest kernel that this processor can run


def available() -> bool:
    """Return whether the native kernels were built."""
    return _layers is not None


def depthwise(x: Array, kernel: Array, bias: Array, stride: int) -> Array:
    """Return images with each channel convolved separately, with a bias and ReLU6, padded as by TensorFlow's SAME.

    Parameters
    ----------
    x
        The images, `[B, H, W, C]`.
    kernel, bias
        `[side, side, C]` and `[C]`.
    stride
        At least 1.

    Returns
    -------
    `[B, ceil(H / stride), ceil(W / stride), C]`, 0..6.

    Raises
    ------
    ValueError
        The shapes do not fit.
    """
    _check_places(x, len(kernel), stride)
    channels = x.shape[3]
    if kernel.ndim != 3 or kernel.shape[0] != kernel.shape[1] or (kernel.shape[2], *bias.shape) != (channels, channels):
        raise ValueError(
            f"kernel {list(kernel.shape)} and bias {list(bias.shape)} are not [S, S, {channels}] and [{channels}]"
        )
    if _layers is not None:
        found: Array = _layers.depthwise(_plain(x), _plain(kernel), _plain(bias), stride, _kernel)
        return found
    seen = patches(x, len(kernel), stride)
    seen = seen.reshape(*seen.shape[:3], -1, channels)
    return add_and_end(np.einsum("bhwkc,kc->bhwc", seen, kernel.reshape(-1, channels)), bias)


def patches(x: Array, side: int, stride: int, before: int | None = None) -> Array:
    """Return the pixels beneath each place of a kernel, so that a product with a matrix gives the convolution.

    Parameters
    ----------
    x
        The images, `[B, H, W, C]`.
    side, stride
        The side and the stride of the kernel, both at least 1.
    before
        The rows and columns of zeros before the images. By default they are those of TensorFlow's SAME.

    Returns
    -------
    `[B, ceil(H / stride), ceil(W / stride), side * side * C]`; the last axis has rows, columns and channels.

    Raises
    ------
    ValueError
        The shapes do not fit.
    """
    _check_places(x, side, stride)
    count, height, width, channels = x.shape
    rows, columns = -(-height // stride), -(-width // stride)
    down, across = (rows - 1) * stride + side, (columns - 1) * stride + side  # the pixels that the places cover
    top, left = (max(down - height, 0) // 2, max(across - width, 0) // 2) if before is None else (before, before)
    padded = np.zeros((count, max(down, top + height), max(across, left + width), channels), np.float32)
    padded[:, top : top + height, left : left + width] = x
    image, row, column, value = padded.strides
    # The columns and channels beneath a place are contiguous, so numpy copies them together.
    seen = np.lib.stride_tricks.as_strided(
        padded, (count, rows, columns, side, side * channels), (image, stride * row, stride * column, row, value)
    )
    return seen.reshape(count, rows, columns, -1)


def add_and_end(x: Array, bias: Array) -> Array:
    """Add a bias `[C]` to pixels `[..., C]` and apply ReLU6, both in place, and return the pixels.

    Raises
    ------
    ValueError
        The shapes do not fit, or the pixels are not contiguous float32, here and in the functions below.
    """
    _check_own(x, bias)
    if _layers is not None:
        _layers.add_and_end(x.reshape(-1, len(bias)), _plain(bias), _kernel)
        return x
    x += bias
    return np.clip(x, 0, 6, out=x)


def gelu(x: Array) -> Array:
    """Apply GELU in place and return the array: x times the normal distribution's share below x."""
    _check_own(x)
    if _layers is not None:
        _layers.gelu(x.reshape(-1), _kernel)
        return x
    size = np.abs(x)
    # The error function is Abramowitz and Stegun's approximation 7.1.26, which is within 1.5e-7.
    z = size * np.float32(math.sqrt(0.5))
    t = 1 / (1 + np.float32(0.3275911) * z)
    series = t * np.float32(1.061405429)
    for coefficient in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
        series = (series + np.float32(coefficient)) * t
    beyond = series * np.exp(-z * z) * np.float32(0.5)  # the share beyond |x|
    np.maximum(x, 0, out=x)
    x -= size * beyond
    return x


def norm_and_gelu(x: Array, groups: int, weight: Array, bias: Array) -> Array:
    """Apply a group norm and GELU in place to pixels `[B, P, C]` and return them.

    Parameters
    ----------
    groups
        The number of groups, which divides the channels.
    weight, bias
        `[C]`: the factors of the normalised channels, and the offsets that are added afterwards.
    """
    _check_own(x, weight, bias)
    if x.ndim != 3 or not x.size or groups < 1 or x.shape[2] % groups:
        raise ValueError(f"pixels {list(x.shape)} are not [B, P, C] with channels for {groups} groups")
    if _layers is not None:
        _layers.norm_and_gelu(x, groups, _plain(weight), _plain(bias), _kernel)
        return x
    grouped = x.reshape(*x.shape[:2], groups, -1)
    grouped -= grouped.mean((1, 3), keepdims=True)
    grouped /= np.sqrt(np.square(grouped).mean((1, 3), keepdims=True) + np.float32(1e-5))
    x *= weight
    x += bias
    return gelu(x)


def _plain(x: Array) -> Array:
    return np.ascontiguousarray(x, np.float32)


def _check_places(x: Array, side: int, stride: int) -> None:
    if x.ndim != 4 or not x.size:
        raise ValueError(f"images are [B, H, W, C] and have pixels, not {list(x.shape)}")
    if side < 1 or stride < 1:
        raise ValueError(f"the side and the stride of a kernel are at least 1, not {side} and {stride}")


def _check_own(x: Array, *of_channels: Array) -> None:
    """Check an array that is changed in place, and arrays with a number for each of its channels."""
    if x.dtype != np.float32 or not x.flags.c_contiguous:
        raise ValueError(f"the array is not contiguous float32, but {x.dtype} with strides {x.strides}")
    if any(one.shape != x.shape[-1:] for one in of_channels):
        raise ValueError(f"pixels {list(x.shape)} do not fit {[list(one.shape) for one in of_channels]}")
