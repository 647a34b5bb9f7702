"""Other readers of `.cube` as oracles: what OpenColorIO and colour-science make of a file."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sshbench.lut.table import Lut

Points = NDArray[np.float64]


class PeerRefusal(Exception):
    """The other reader raised an error on a file."""


def with_opencolorio(path: Path, points: Points) -> Points:
    """Send colours `[N, 3]` through a file with OpenColorIO."""
    import PyOpenColorIO as ocio

    # With a shared configuration its cache was seen to return another LUT of the same size and range.
    ocio.ClearAllCaches()
    config = ocio.Config.CreateRaw()
    config.setProcessorCacheFlags(ocio.PROCESSOR_CACHE_OFF)
    transform = ocio.FileTransform(src=str(path), interpolation=ocio.INTERP_LINEAR)
    try:
        processor = config.getProcessor(transform).getOptimizedCPUProcessor(ocio.OPTIMIZATION_NONE)
    except (ocio.Exception, UnicodeDecodeError) as error:  # the latter: of a message that quotes the file
        raise PeerRefusal(str(error)) from error
    pixels = np.ascontiguousarray(points, np.float32)
    processor.applyRGB(pixels)
    return pixels.astype(np.float64)


def with_colour(path: Path, points: Points) -> Points:
    """Send colours `[N, 3]` through a file with colour-science."""
    import colour

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            lut = colour.read_LUT(str(path))
            return np.asarray(lut.apply(points), np.float64)
        except (ValueError, TypeError, IndexError, AssertionError, UnboundLocalError) as error:
            raise PeerRefusal(str(error)) from error


def grid(lut: Lut) -> Points:
    """The input colours `[N, 3]` that a LUT's first table has rows for."""
    if lut.shaper_values is not None:
        domain, size = lut.shaper_domain, len(lut.shaper_values)
        return np.linspace(domain.lower, domain.upper, size)
    axes = np.linspace(lut.domain.lower, lut.domain.upper, lut.size)
    blue, green, red = np.meshgrid(axes[:, 2], axes[:, 1], axes[:, 0], indexing="ij")
    return np.stack([red, green, blue], axis=-1).reshape(-1, 3)


def at_grid(lut: Lut) -> Points:
    """What a LUT gives at its `grid`, by definition."""
    if lut.values is None:
        assert lut.shaper_values is not None
        return lut.shaper_values.astype(np.float64)
    if lut.shaper_values is None:
        return lut.values.reshape(-1, 3).astype(np.float64)
    from scipy.interpolate import RegularGridInterpolator

    lower, upper = np.array(lut.domain.lower), np.array(lut.domain.upper)
    axes = [np.linspace(lower[c], upper[c], lut.size) for c in (2, 1, 0)]
    interpolate = RegularGridInterpolator(axes, lut.values.astype(np.float64))
    return interpolate(np.clip(lut.shaper_values, lower, upper)[:, ::-1])
