"""ICC profiles: conversions to sRGB."""

from __future__ import annotations

import io
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ImageCms

from sshbench.images.profiles import name_of


@lru_cache(maxsize=64)
def to_srgb(icc: bytes | None, mode: str) -> Any:
    """Return the conversion of an image of the given mode from its profile to sRGB; None if none is needed.

    A profile that is damaged or made for another mode is ignored, and the image counts as sRGB.
    """
    if not icc:
        return None
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        if "sRGB" in (ImageCms.getProfileDescription(profile) or ""):
            return None
        return ImageCms.buildTransform(profile, srgb(), mode, "RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None


def inks_to_srgb(image: Any, icc: bytes) -> tuple[NDArray[np.uint8], str]:
    """Convert a Pillow image of mode CMYK to sRGB with its profile.

    The conversion is relative colorimetric with black point compensation.

    Returns
    -------
    uint8 `[H, W, 3]`, and the name of the profile.

    Raises
    ------
    ValueError
        The profile is damaged.
    """
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        flags = ImageCms.Flags.BLACKPOINTCOMPENSATION
        intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
        conversion = ImageCms.buildTransform(profile, srgb(), "CMYK", "RGB", intent, flags)
        return np.asarray(ImageCms.applyTransform(image, conversion)), name_of(icc)
    except (ImageCms.PyCMSError, OSError, ValueError) as error:
        raise ValueError("its CMYK profile is damaged") from error


@lru_cache(maxsize=1)
def srgb() -> Any:
    """Return the profile of sRGB."""
    return ImageCms.createProfile("sRGB")
