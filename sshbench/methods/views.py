"""The views of a composite for networks that receive foreground and reference separately, at their own size."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sshbench.benchmarks.composite import FOREGROUND, Composite
from sshbench.images.boxes import box_around
from sshbench.images.resize import resized
from sshbench.methods.full_resolution import View

Image = NDArray[np.uint8]
Mask = NDArray[np.float32]

NEAR = 2.0  # width and height of a place, relative to the foreground; training draws 1.5 to 3 (scenes)
SIDE = 256  # side of the network's input in pixels; Jiang et al. 2021, section 4.1


def view_of(composite: Composite, side: int = SIDE) -> View | None:
    """Return foreground and reference, both `side x side`; None if there is no foreground.

    The foreground is the photograph from which it was cut, if the benchmark has this photograph, or else the rectangle
    of the composite around the mask. In this rectangle, the pixels outside the mask have the look of the background.
    We do not fill them with smooth colours: networks trained on photographs do worse on inputs that are not photographs
    (docs/weights.md). The reference is the background; if no other background is known, it is the composite with its
    foreground.
    """
    inside = composite.mask >= FOREGROUND
    if not inside.any():
        return None
    reference = at_side(composite.background, side)
    if composite.foreground_photo is not None:
        return View(at_side(composite.foreground_photo, side), reference)
    box = box_around(inside)
    return View(at_side(composite.composite[box], side), reference, at_side(composite.mask[box], side))


def masked_view(composite: Composite) -> View | None:
    """Return the rectangle around the mask and the background, with their masks; None without a foreground.

    If no background is known beneath the foreground, only the pixels outside the mask count.
    """
    inside = composite.mask >= FOREGROUND
    if not inside.any():
        return None
    box = box_around(inside)
    outside = None if composite.has_background else 1 - composite.mask
    return View(composite.foreground[box], composite.background, composite.mask[box], outside)


def masked_canvas(composite: Composite) -> View:
    """Return the `masked_view` with the whole canvas, so that the result lies where the composite's foreground lies."""
    outside = None if composite.has_background else 1 - composite.mask
    return View(composite.foreground, composite.background, composite.mask, outside)


def canvas_view(composite: Composite, side: int = SIDE) -> View:
    """Return the whole composite, its background and its mask, all `side x side`.

    The result of a network then lies where the composite's foreground lies.
    """
    return View(*(at_side(image, side) for image in (composite.composite, composite.background, composite.mask)))


def at_side(image: NDArray[Any], side: int = SIDE) -> NDArray[Any]:
    """Return an image or mask, stretched to a square by Pillow's bilinear filter, as published."""
    return resized(image, "pil-bilinear", (side, side))


def filled(image: Image, mask: Mask, side: int) -> Image:
    """Return an image as a square, uint8 `[side, side, 3]`, whose pixels outside the mask are filled smoothly.

    `sshbench.networks.filling.filled` defines the fill. Only colours inside the mask contribute to the result, also at
    its edge.
    """
    import torch

    from sshbench.networks.filling import filled as fill

    weight = at_side(mask, side).astype(np.float32)
    if not weight.any():
        return at_side(image, side)
    colour = np.stack([at_side(mask * image[..., c].astype(np.float32), side) for c in range(3)])
    known = torch.from_numpy(colour / np.maximum(weight, 1e-6))[None]
    found = fill(known, torch.from_numpy(weight)[None, None])[0].permute(1, 2, 0).numpy()
    codes: Image = np.rint(np.clip(found, 0, 255)).astype(np.uint8)
    return codes
