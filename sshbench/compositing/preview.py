"""The picture before and after, side by side in one small picture."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from sshbench.compositing.placement import whole
from sshbench.compositing.small_copies import small
from sshbench.compositing.spaces import SRGB, Space
from sshbench.images.profiles import srgb_profile

_SIDE = 800
_BAND, _FONT = 24, 16


def side_by_side(pictures: dict[str, NDArray[Any]], side: int = _SIDE, space: Space = SRGB) -> Image.Image:
    """Return a sheet of pictures of the same size, side by side or in a column, each under its title, in sRGB.

    Parameters
    ----------
    pictures
        The pictures `[H, W, 3]`, uint8 or uint16, by title.
    side
        The longest side of each picture, in pixels.
    space
        The colour space of the pictures.

    Returns
    -------
    PIL.Image.Image
        The sheet, with the sRGB profile.
    """
    shown = {title: space.seen(small(picture, whole(picture), side)) for title, picture in pictures.items()}
    height, width = next(iter(shown.values())).shape[:2]
    across, down = (1, len(shown)) if width > 1.6 * height else (len(shown), 1)
    sheet = Image.new("RGB", (across * width + 8 * (across - 1), down * (height + _BAND)), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(_FONT)
    for i, (title, picture) in enumerate(shown.items()):
        x, y = i % across * (width + 8), i // across * (height + _BAND)
        draw.text((x + 4, y + 2), title, fill="black", font=font)
        sheet.paste(Image.fromarray(np.ascontiguousarray(picture)), (x, y + _BAND))
    sheet.info["icc_profile"] = srgb_profile()  # Pillow writes it into saved files
    return sheet
