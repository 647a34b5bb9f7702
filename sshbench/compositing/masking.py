"""Masks where there are none: people by a small network, or what a box holds by GrabCut.

`auto:person` runs MediaPipe's selfie segmentation, `grabcut:x,y,w,h` runs GrabCut (Rother, Kolmogorov, Blake 2004) of
OpenCV. Both need the extra `masks`. The edge is then fitted to that of the photograph by a guided filter (He, Sun, Tang
2010).
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sshbench.compositing.photo import MaskArray, Photo, Source, open_mask
from sshbench.compositing.placement import Box, whole
from sshbench.compositing.small_copies import small
from sshbench.errors import SshbenchError
from sshbench.folders import data_folder

Floats = NDArray[np.float32]

PERSON = "auto:person"
_BOX = "grabcut:"
_NETWORK = 256
_SIDE = {"person": 1024, "box": 640}  # the longer side at which an edge is found; GrabCut takes seconds for more
_SMOOTH = 4e-3  # variance of luminance below which the guided filter sees no edge
_FAINT = 0.1  # of the mask: differences from empty or full that count as none
_ITERATIONS = 5


class MaskError(SshbenchError):
    """A mask cannot be found in a photograph; the message says the way out."""


def request_of(source: Any) -> str | None:
    """Return the text of a source that asks for a mask to be found, or None for a mask that is given.

    A file of such a name is a file.
    """
    if not isinstance(source, str | os.PathLike):
        return None
    path = Path(os.fspath(source)) if not isinstance(os.fspath(source), bytes) else None
    if path is None or not (path.name.startswith("auto:") or path.name.startswith(_BOX)) or path.exists():
        return None
    return path.name


def mask_of_photo(source: Source, photo: Photo, *, max_pixels: int) -> MaskArray:
    """Open the mask of a photograph, or find it where the source is a request.

    Raises
    ------
    ImageFileError, MaskError
        The mask cannot be read or found.
    """
    request = request_of(source)
    if request is None:
        return open_mask(source, photo, max_pixels=max_pixels)
    return find_mask(request, photo.image.pixels, photo.name)


def find_mask(request: str, pixels: NDArray[Any], name: str = "the photograph") -> Floats:
    """Find the mask of a foreground.

    Parameters
    ----------
    request
        `"auto:person"`, or `"grabcut:x,y,w,h"`: left, top, width and height, in pixels, of a box around the object.
    pixels
        `[H, W, 3]`, uint8 or uint16, sRGB, upright.
    name
        What messages call the photograph.

    Returns
    -------
    float32 `[H, W]`, 0..1.

    Raises
    ------
    MaskError
        There is no such request, the box is not within the photograph, nothing is found, or the extra is missing.
    """
    height, width = pixels.shape[:2]
    if request == PERSON:
        view = small(pixels, whole(pixels), _SIDE["person"])
        found = _person(view)
    elif request.startswith(_BOX):
        box = _box_of(request, width, height)
        view = small(pixels, whole(pixels), _SIDE["box"])
        found = _grabcut(view, box, view.shape[1] / width)
    else:
        raise MaskError(f"there is no mask {request!r}; there are {PERSON} and {_BOX}x,y,w,h, or give a file")
    if found.max() < 0.5:
        what = "person" if request == PERSON else "object"
        raise MaskError(f"{name}: no {what} was found by --mask {request}; give a mask, or a box: --mask {_BOX}x,y,w,h")
    edged = _guided(view, found, max(2, round(max(view.shape) / 120)))
    full = np.asarray(Image.fromarray(edged).resize((width, height), Image.Resampling.BICUBIC))
    return np.asarray(np.clip(full, 0, 1), np.float32)


def _box_of(request: str, width: int, height: int) -> Box:
    text = request.removeprefix(_BOX)
    try:
        left, top, across, down = (int(part) for part in text.split(","))
    except ValueError:
        raise MaskError(f"{request!r} is not {_BOX}x,y,w,h in whole pixels, such as {_BOX}120,40,300,500") from None
    box = Box(left, top, left + across, top + down)
    canvas = Box(0, 0, width, height)
    if across < 1 or down < 1 or box.within(canvas) != box:
        raise MaskError(f"the box {text} is not inside the photograph of {width} x {height} pixels")
    if box == canvas:
        raise MaskError(f"the box {text} is all of the photograph; GrabCut learns the background from what is outside")
    return box


@cache
def _interpreter() -> Any:
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as error:
        raise MaskError(
            f"--mask {PERSON} needs LiteRT ({error}): pip install 'sshbench[masks]', or give a mask"
        ) from error
    network = Interpreter(str(data_folder("selfie_segmentation") / "selfie_segmentation.tflite"), num_threads=1)
    network.allocate_tensors()
    return network


def _person(view: NDArray[np.uint8]) -> Floats:
    """How much of each pixel is person; the network sees the whole photograph, stretched to a square."""
    network = _interpreter()
    image = Image.fromarray(view)
    seen = np.asarray(image.resize((_NETWORK, _NETWORK), Image.Resampling.BILINEAR), np.float32) / 255
    network.set_tensor(network.get_input_details()[0]["index"], seen[None])
    network.invoke()
    found = network.get_tensor(network.get_output_details()[0]["index"])[0, ..., 0]
    return np.asarray(Image.fromarray(found.copy()).resize(image.size, Image.Resampling.BILINEAR))


def _grabcut(view: NDArray[np.uint8], box: Box, scale: float) -> Floats:
    try:
        import cv2
    except ImportError as error:
        raise MaskError(
            f"--mask {_BOX}… needs OpenCV ({error}): pip install 'sshbench[masks]', or give a mask"
        ) from error
    left, top, right, bottom = (round(side * scale) for side in (box.left, box.top, box.right, box.bottom))
    labels = np.zeros(view.shape[:2], np.uint8)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.setRNGSeed(0)  # its clusters start at random
    place = left, top, max(1, right - left), max(1, bottom - top)
    bgr = np.ascontiguousarray(view[..., ::-1])
    cv2.grabCut(bgr, labels, place, *models, _ITERATIONS, cv2.GC_INIT_WITH_RECT)
    return np.asarray((labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD), np.float32)


def _guided(view: NDArray[np.uint8], mask: Floats, radius: int) -> Floats:
    """Bring the edges of a mask to those of its photograph: in each window it is a linear function of the luminance.

    Far from an edge of the mask it is what it was, and nearly empty and nearly full become empty and full.
    """
    from scipy.ndimage import maximum_filter, minimum_filter, uniform_filter

    size = 2 * radius + 1

    def mean(values: NDArray[Any]) -> Floats:
        return np.asarray(uniform_filter(values, size), np.float32)

    guide = np.asarray(Image.fromarray(view).convert("L"), np.float32) / 255
    about, level = mean(guide), mean(mask)
    slope = (mean(guide * mask) - about * level) / (mean(guide * guide) - about * about + _SMOOTH)
    fitted = mean(slope) * guide + mean(level - slope * about)
    flat = maximum_filter(mask, size) - minimum_filter(mask, size) < _FAINT
    edged = (np.where(flat, mask, fitted) - _FAINT) / (1 - 2 * _FAINT)
    return np.asarray(np.clip(edged, 0, 1), np.float32)
