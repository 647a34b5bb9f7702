"""What a network that is given foreground and reference apart is shown of a composite, at its own size."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sshbench.benchmarks.composite import FOREGROUND, Composite
from sshbench.images.boxes import box_around
from sshbench.methods.full_resolution import View
from sshbench.metrics.resize import resized

Image = NDArray[np.uint8]
Mask = NDArray[np.float32]

NEAR = 2.0  # times a foreground's width and height, of what is shown of its place; training has 1.5 to 3 (scenes)
SIDE = 256  # of the network's input, Jiang et al. 2021, section 4.1


def view_of(composite: Composite, side: int = SIDE) -> View | None:
    """Return foreground and reference, both `side x side`; None where there is no foreground.

    The foreground is the photograph that it was cut from, where the benchmark has it, else the composite's rectangle
    around the mask. What lies outside of the mask there has the look of the background, but networks that were trained
    on photographs do worse with anything that is none, such as colours that go on from inside (docs/weights.md). The
    reference is the background; the composite, foreground and all, where no other is known.
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
    """The rectangle around the mask and the background, with masks of what counts; None without a foreground.

    Where no background is known beneath the foreground, only what is outside of the mask counts.
    """
    inside = composite.mask >= FOREGROUND
    if not inside.any():
        return None
    box = box_around(inside)
    outside = None if composite.has_background else 1 - composite.mask
    return View(composite.foreground[box], composite.background, composite.mask[box], outside)


def masked_canvas(composite: Composite) -> View:
    """The same of the whole canvas, so that a result lies where the composite has its foreground."""
    outside = None if composite.has_background else 1 - composite.mask
    return View(composite.foreground, composite.background, composite.mask, outside)


def canvas_view(composite: Composite, side: int = SIDE) -> View:
    """The same of the whole canvas, so that a result lies where the composite has its foreground."""
    return View(*(at_side(image, side) for image in (composite.composite, composite.background, composite.mask)))


def at_side(image: NDArray[Any], side: int = SIDE) -> NDArray[Any]:
    """An image or mask as a square, its aspect not kept: Pillow's bilinear filter, as published."""
    return resized(image, "pil-bilinear", (side, side))


def filled(image: Image, mask: Mask, side: int) -> Image:
    """An image as a square in which only what is inside of the mask shows, and the rest goes on from it smoothly.

    `sshbench.networks.filling.filled` says how. The colours at the edge of the mask are those of what is inside alone.
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
