"""The foreground of a composite as a separate layer with alpha, for programs that use layers."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sshbench.compositing.pasting import Paint
from sshbench.compositing.photo import as_floats
from sshbench.compositing.placement import Box, Layer
from sshbench.compositing.shadow import Shadow
from sshbench.images.files import ImageFile, format_of
from sshbench.images.opening import ImageFileError
from sshbench.images.psd import PsdLayer

_PIXELS = 1 << 18  # pixels processed at a time


@dataclass(frozen=True, eq=False)
class Behind:
    """A part of a background: its pixels `[h, w, 3]`, its alpha `[h, w]` or None, and its box."""

    pixels: NDArray[Any]
    alpha: NDArray[Any] | None
    box: Box

    @classmethod
    def copied(cls, image: ImageFile, box: Box) -> Behind:
        """Copy a part of an image."""
        alpha = None if image.alpha is None else image.alpha[box.slices].copy()
        return cls(image.pixels[box.slices].copy(), alpha, box)

    def restored(self, image: ImageFile) -> ImageFile:
        """Return a copy of an image with this part in its place."""
        pixels, alpha = image.pixels.copy(), None if image.alpha is None else image.alpha.copy()
        pixels[self.box.slices] = self.pixels
        if alpha is not None and self.alpha is not None:
            alpha[self.box.slices] = self.alpha
        return replace(image, pixels=pixels, alpha=alpha)


@dataclass(frozen=True, eq=False)
class Parts:
    """The parts of a composite.

    Parameters
    ----------
    layer
        The foreground in its original colours, with its box on the background.
    paint
        The new colours of the foreground.
    shadow
        The shadow on the background, below the layer, or None. Its `black_layer` is the opacity of a black layer.
    behind
        The original part of the background that is covered; None if the background itself is unchanged.
    """

    layer: Layer
    paint: Paint
    shadow: Shadow | None = None
    behind: Behind | None = None


def check_holds_alpha(path: str | os.PathLike[str]) -> None:
    """Refuse a file name for a layer whose format has no transparency.

    Raises
    ------
    ImageFileError
        JPEG, or an unknown suffix.
    """
    if format_of(path) == "JPEG":
        raise ImageFileError(path, "JPEG cannot hold the transparency of a layer; use the suffix .png, .tif or .webp")


def rgba(layer: Layer, paint: Paint | None = None) -> NDArray[Any]:
    """Return a layer as `[h, w, 4]` of its own type: R, G, B (not premultiplied) and alpha.

    Parameters
    ----------
    paint
        New colours; by default the layer's own.
    """
    height, width = layer.mask.shape
    most = np.iinfo(layer.pixels.dtype).max
    out = np.zeros((height, width, 4), layer.pixels.dtype)
    step = max(1, _PIXELS // max(1, width))
    for start in range(0, height, step):
        rows = slice(start, min(start + step, height))
        alpha = np.rint(as_floats(layer.mask[rows]) * most).astype(out.dtype)
        if not alpha.any():
            continue
        pixels = np.ascontiguousarray(layer.pixels[rows])
        out[rows, :, :3] = pixels if paint is None else paint(rows, pixels)
        out[rows, :, :3][alpha == 0] = 0
        out[rows, :, 3] = alpha
    return out


def on_canvas(layer: Layer, image: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    """Return the layer's image `[h, w, c]` at its position on an empty canvas of `size` (height, width)."""
    canvas = np.zeros((*size, image.shape[2]), image.dtype)
    canvas[layer.box.slices] = image
    return canvas


def psd_layers(background: ImageFile, parts: Parts) -> list[PsdLayer]:
    """Return the layers of a composite from bottom to top; the original foreground is hidden."""
    layer, box = parts.layer, parts.layer.box
    before, after = rgba(layer), rgba(layer, parts.paint)
    found = [PsdLayer("background", background.pixels, background.alpha)]
    if parts.shadow is not None:
        dark = parts.shadow.black_layer() * np.iinfo(background.pixels.dtype).max
        alpha = np.rint(dark).astype(background.pixels.dtype)
        black = np.zeros((*alpha.shape, 3), alpha.dtype)
        found.append(PsdLayer("shadow", black, alpha, parts.shadow.box.left, parts.shadow.box.top))
    for name, image, visible in (("foreground as it was", before, False), ("foreground graded", after, True)):
        found.append(PsdLayer(name, image[..., :3], image[..., 3], box.left, box.top, visible))
    return found
