"""Cameras' raw files, developed by LibRaw through rawpy (the extra `raw`)."""

from __future__ import annotations

import os

import numpy as np

from sshbench.images.extras import needed
from sshbench.images.files import Coding, ImageFile
from sshbench.images.opening import MAX_BYTES, Encoded, ImageFileError, check_pixels

_GAMMA = (2.4, 12.92)  # power and slope of sRGB


def read_raw(encoded: Encoded, max_pixels: int) -> ImageFile:
    """Develop a raw file to upright 16-bit sRGB.

    The white balance is the camera's. LibRaw's automatic brightness is off, and light above the sensor's white point is
    clipped. LibRaw's default method interpolates the mosaic. EXIF is not kept.

    Raises
    ------
    ImageFileError
        rawpy is missing, or the file is damaged, too large, or of an unknown camera.
    """
    name = encoded.name
    rawpy = needed("rawpy", name, "a camera's raw file", "raw")
    with encoded.open() as file:
        size = file.seek(0, os.SEEK_END)
        if size > MAX_BYTES:
            raise ImageFileError(name, f"is a file of {size >> 20} MiB; at most {MAX_BYTES >> 20} are read")
        file.seek(0)
        try:
            with rawpy.imread(file) as raw:
                sizes = raw.sizes
                check_pixels(name, (sizes.raw_width, sizes.raw_height), max_pixels)
                pixels = raw.postprocess(
                    use_camera_wb=True, no_auto_bright=True, output_bps=16, gamma=_GAMMA,
                    output_color=rawpy.ColorSpace.sRGB,
                )  # fmt: skip
        except (rawpy.LibRawError, rawpy.NotSupportedError, ValueError) as error:
            said = error.args[0] if error.args else ""
            reason = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(error)
            raise ImageFileError(
                name, f"is a raw file that LibRaw cannot develop ({reason}); develop it to a 16-bit TIFF"
            ) from error
    if pixels.shape[2] == 1:  # the sensor has no mosaic
        pixels = np.repeat(pixels, 3, axis=2)
    return ImageFile(np.ascontiguousarray(pixels, np.uint16), coding=Coding("TIFF"))
