"""Automatic masks: of people, by a small network, or of the object in a box, by GrabCut.

`auto:person` runs MediaPipe's selfie segmentation, `grabcut:x,y,w,h` runs GrabCut (Rother, Kolmogorov, Blake 2004) of
OpenCV. Both need the extra `masks`. A guided filter (He, Sun, Tang 2010) then fits the edge of the mask to the edges of
the photograph.
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
_SIDE = {"person": 1024, "box": 640}  # longer side in pixels of the analysed copy; GrabCut takes seconds with more
_SMOOTH = 4e-3  # variance of luminance below which the guided filter smooths
_FAINT = 0.1  # differences of the mask from 0 or 1 that are removed
_ITERATIONS = 5


class MaskError(SshbenchError):
    """No mask can be made for a photograph; the message says what to do."""


def request_of(source: Any) -> str | None:
    """Return the request if a source asks for an automatic mask, or None if it is a mask.

    A file that has the name of a request is a mask.
    """
    if not isinstance(source, str | os.PathLike):
        return None
    path = Path(os.fspath(source)) if not isinstance(os.fspath(source), bytes) else None
    if path is None or not (path.name.startswith("auto:") or path.name.startswith(_BOX)) or path.exists():
        return None
    return path.name


def mask_of_photo(source: Source, photo: Photo, *, max_pixels: int) -> MaskArray:
    """Open the mask of a photograph, or make it if the source is a request.

    Raises
    ------
    ImageFileError, MaskError
        The mask cannot be read or made.
    """
    request = request_of(source)
    if request is None:
        return open_mask(source, photo, max_pixels=max_pixels)
    return find_mask(request, photo.image.pixels, photo.name)


def find_mask(request: str, pixels: NDArray[Any], name: str = "the photograph") -> Floats:
    """Make the mask of a foreground.

    Parameters
    ----------
    request
        `"auto:person"`, or `"grabcut:x,y,w,h"`: left, top, width and height, in pixels, of a box around the object.
    pixels
        `[H, W, 3]`, uint8 or uint16, sRGB, upright.
    name
        The name of the photograph in messages.

    Returns
    -------
    float32 `[H, W]`, 0..1.

    Raises
    ------
    MaskError
        The request is unknown, the box is not inside the photograph, nothing is found, or the extra is missing.
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
        raise MaskError(f"unknown mask {request!r}; give {PERSON}, {_BOX}x,y,w,h or a file")
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
        raise MaskError(
            f"the box {text} is not inside the photograph of {width} x {height} pixels; give left, top, width and "
            f"height inside it"
        )
    if box == canvas:
        raise MaskError(
            f"the box {text} covers the whole photograph; make it smaller, because GrabCut learns the background from "
            f"outside the box"
        )
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
    """Return the probability `[h, w]` of a person; the network sees the whole photograph, stretched to a square."""
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
    cv2.setRNGSeed(0)  # GrabCut initialises its clusters at random
    place = left, top, max(1, right - left), max(1, bottom - top)
    bgr = np.ascontiguousarray(view[..., ::-1])
    cv2.grabCut(bgr, labels, place, *models, _ITERATIONS, cv2.GC_INIT_WITH_RECT)
    return np.asarray((labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD), np.float32)


def _guided(view: NDArray[np.uint8], mask: Floats, radius: int) -> Floats:
    """Fit the edges of a mask to those of its photograph: in each window the mask is linear in luminance.

    Far from its edges the mask stays unchanged, except that values near 0 and 1 become 0 and 1.
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
