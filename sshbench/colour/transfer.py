"""Colour transfer: give a photograph the colour statistics of another photograph.

The transfers of Reinhard, Xiao and Ma, Fecker, and Pitie are those that made iHarmony4 (Cong et al., "DoveNet", CVPR
2020, section 3.1). Given the colours of both images, each transfer is a function of the colour of a single pixel, so an
image may be any arrangement of pixels.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from sshbench.colour.match import (
    ITERATIONS,
    Floats,
    in_space,
    match_covariance,
    match_covariance_optimally,
    match_deviation,
    with_distribution,
)
from sshbench.errors import LutError

Pixels = NDArray[np.uint8]


def transfer_reinhard(image: Pixels, target: Pixels) -> Pixels:
    """Give `image` the mean and the deviation of `target` along each axis of the space l-alpha-beta.

    Parameters
    ----------
    image, target
        uint8 `[H, W, 3]`, sRGB-encoded; the two may differ in size.

    Returns
    -------
    array
        uint8, of the shape of `image`.

    Raises
    ------
    LutError
        An image has another type or shape, or no pixels.

    References
    ----------
    Reinhard, Ashikhmin, Gooch, Shirley: "Color transfer between images", IEEE CG&A 21 (5), 2001. sRGB is decoded to
    linear light before equation 4, which expects it.

    Examples
    --------
    >>> import numpy as np
    >>> from sshbench.lut import transfer_reinhard
    >>> dark, bright = (np.random.default_rng(i).integers(i * 90, i * 90 + 90, (32, 32, 3), np.uint8) for i in (0, 1))
    >>> bool(abs(transfer_reinhard(dark, bright).mean() - bright.mean()) < 2)
    True
    """
    return _rounded(in_space("lab", match_deviation, _flat(image), _flat(target)), image.shape)


def transfer_xiao(image: Pixels, target: Pixels) -> Pixels:
    """Give `image` the mean and the covariance of `target` in encoded RGB.

    Parameters
    ----------
    image, target
        uint8 `[H, W, 3]`, sRGB-encoded; the two may differ in size.

    Returns
    -------
    array
        uint8, of the shape of `image`.

    Raises
    ------
    LutError
        An image has another type or shape, or no pixels.

    References
    ----------
    Xiao, Ma: "Color transfer in correlated color space", VRCIA 2006, equations 1 to 7: translate to the mean, rotate
    to the principal axes, scale, and go back along the axes of the target. The axes are matched by their variance, with
    the sign that rotates least; the paper leaves the order and the signs to the decomposition.

    Examples
    --------
    >>> import numpy as np
    >>> from sshbench.lut import transfer_xiao
    >>> dark, bright = (np.random.default_rng(i).integers(i * 90, i * 90 + 90, (32, 32, 3), np.uint8) for i in (0, 1))
    >>> bool(abs(transfer_xiao(dark, bright).mean() - bright.mean()) < 2)
    True
    """
    return _rounded(in_space("srgb", match_covariance, _flat(image), _flat(target)), image.shape)


def transfer_monge_kantorovich(image: Pixels, target: Pixels) -> Pixels:
    """Give `image` the mean and the covariance of `target` in encoded RGB, by the linear map that moves colours least.

    Parameters
    ----------
    image, target
        uint8 `[H, W, 3]`, sRGB-encoded; the two may differ in size.

    Returns
    -------
    array
        uint8, of the shape of `image`.

    Raises
    ------
    LutError
        An image has another type or shape, or no pixels.

    References
    ----------
    Pitie, Kokaram: "The linear Monge-Kantorovitch linear colour mapping for example-based colour transfer", CVMP 2007,
    section 3.3.

    Examples
    --------
    >>> import numpy as np
    >>> from sshbench.lut import transfer_monge_kantorovich
    >>> dark, bright = (np.random.default_rng(i).integers(i * 90, i * 90 + 90, (32, 32, 3), np.uint8) for i in (0, 1))
    >>> bool(abs(transfer_monge_kantorovich(dark, bright).mean() - bright.mean()) < 2)
    True
    """
    return _rounded(in_space("srgb", match_covariance_optimally, _flat(image), _flat(target)), image.shape)


def transfer_histogram(image: Pixels, target: Pixels) -> Pixels:
    """Give each channel of `image` the histogram of the same channel of `target`.

    A level is mapped to the level at which the cumulative histogram of `target` reaches the same value, with
    interpolation.

    Parameters
    ----------
    image, target
        uint8 `[H, W, 3]`, sRGB-encoded; the two may differ in size.

    Returns
    -------
    array
        uint8, of the shape of `image`.

    Raises
    ------
    LutError
        An image has another type or shape, or no pixels.

    References
    ----------
    Fecker, Barkowsky, Kaup: "Histogram-based prefiltering for luminance and chrominance compensation of multiview
    video", IEEE TCSVT 18 (9), 2008.

    Examples
    --------
    >>> import numpy as np
    >>> from sshbench.lut import transfer_histogram
    >>> dark, bright = (np.random.default_rng(i).integers(i * 90, i * 90 + 90, (32, 32, 3), np.uint8) for i in (0, 1))
    >>> bool(abs(transfer_histogram(dark, bright).mean() - bright.mean()) < 2)
    True
    """
    image, target = _checked(image), _checked(target)
    out = np.empty_like(image)
    for channel in range(3):
        source = np.bincount(image[..., channel].ravel(), minlength=256).cumsum() / (image.size // 3)
        counts = np.bincount(target[..., channel].ravel(), minlength=256)
        levels = np.flatnonzero(counts)
        places = counts[levels].cumsum() / (target.size // 3)
        table = np.floor(np.interp(source, places, levels) + 0.5).astype(np.uint8)
        out[..., channel] = table[image[..., channel]]
    return out


def transfer_distribution(image: Pixels, target: Pixels, iterations: int = ITERATIONS) -> Pixels:
    """Give `image` the colour distribution of `target`.

    Both images are projected many times on three randomly rotated axes (the same in every call), and the histogram
    along each axis is matched.

    Parameters
    ----------
    image, target
        uint8 `[H, W, 3]`, sRGB-encoded; the two may differ in size.
    iterations
        The number of random rotations.

    Returns
    -------
    array
        uint8, of the shape of `image`.

    Raises
    ------
    LutError
        An image has another type or shape, or no pixels.

    References
    ----------
    Pitie, Kokaram, Dahyot: "Automated colour grading using colour distribution transfer", CVIU 107, 2007.

    Examples
    --------
    >>> import numpy as np
    >>> from sshbench.lut import transfer_distribution
    >>> dark, bright = (np.random.default_rng(i).integers(i * 90, i * 90 + 90, (32, 32, 3), np.uint8) for i in (0, 1))
    >>> bool(abs(transfer_distribution(dark, bright).mean() - bright.mean()) < 2)
    True
    """
    return _rounded(with_distribution(_flat(image), _flat(target), iterations)[0], image.shape)


TRANSFER_FUNCTIONS: dict[str, Callable[[Pixels, Pixels], Pixels]] = {
    "reinhard": transfer_reinhard,
    "xiao": transfer_xiao,
    "histogram": transfer_histogram,
    "distribution": transfer_distribution,
}


def _checked(image: Pixels) -> Pixels:
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.shape[-1:] != (3,) or not image.size:
        given = f"{image.dtype} {list(image.shape)}" if hasattr(image, "dtype") else type(image).__name__
        raise LutError(f"colours are transferred between uint8 images [H, W, 3], not {given}")
    if isinstance(image, np.ma.MaskedArray):
        if np.ma.is_masked(image):
            raise LutError("the image is a masked array with values left out; fill them")
        return np.asarray(image)
    return image


def _flat(image: Pixels) -> Floats:
    return _checked(image).reshape(-1, 3).astype(np.float64)


def _rounded(values: Floats, shape: tuple[int, ...]) -> Pixels:
    return np.floor(np.clip(values, 0.0, 255.0) + 0.5).astype(np.uint8).reshape(shape)
