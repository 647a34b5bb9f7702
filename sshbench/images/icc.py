"""ICC profiles: conversions to sRGB."""

from __future__ import annotations

import io
from functools import lru_cache
from typing import Any

from PIL import ImageCms


@lru_cache(maxsize=64)
def to_srgb(icc: bytes | None, mode: str) -> Any:
    """Return the conversion of an image of that mode from its profile to sRGB; None where there is nothing to convert.

    A profile that is damaged or made for another mode says nothing, so that the image counts as sRGB.
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


@lru_cache(maxsize=1)
def srgb() -> Any:
    """Return the profile of sRGB."""
    return ImageCms.createProfile("sRGB")
