"""The scene of small copies, in which a method sees the object while it is moved."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sshbench.compositing.photo import CompositingError
from sshbench.compositing.place import Place
from sshbench.compositing.placement import Box, reference_box
from sshbench.compositing.scene import Scene, open_scene
from sshbench.studio.copies import Copies, step_for, steps_of
from sshbench.studio.wish import StudioError, Wish

_OBJECT = 512  # smallest longest side in pixels of the foreground in the input of methods

Size = tuple[int, int]


def small_scene(
    copies: tuple[Copies, Copies],
    sizes: tuple[Size, Size],
    mask_steps: tuple[NDArray[np.uint8], ...] | None,
    wish: Wish,
    least: int = 1,
) -> tuple[Scene, Box]:
    """Return the scene of small copies, in which the foreground has about 512 pixels, and its reference.

    Parameters
    ----------
    copies, sizes
        The copies of the foreground and of the background, and the heights and widths of the photographs in pixels.
    mask_steps
        The foreground's mask at the sizes of its copies; None if the transparency of a cut-out is all.
    least
        The smallest allowed length of the background's longest side in pixels, unless the background itself is smaller.

    Raises
    ------
    StudioError
        The object lies outside the background.
    """
    front, back = copies
    (high, wide), (height, width) = sizes
    canvas = Box(0, 0, width, height)
    longest = max(height, width)
    by = min(1.0, max(_OBJECT / (max(high, wide) * wish.scale), least / longest))
    behind = back.steps[step_for(back.steps, by * longest)]
    across = behind.shape[1] / width
    index = step_for(front.steps, across * wish.scale * max(high, wide))
    foreground: NDArray[np.uint8] = front.steps[index]
    scale = wish.scale * across * wide / foreground.shape[1]
    if front.alpha is not None:
        foreground = np.dstack([foreground, steps_of(front.alpha)[index]])
    mask = None if mask_steps is None else mask_steps[index]
    at = f"{round(wish.at[0] * across)},{round(wish.at[1] * across)}"
    where: dict[str, Any] = {"at": at, "scale": scale, "rotate": wish.rotate, "flip": wish.flip}
    try:
        scene = open_scene(foreground, behind, mask, place=Place(**where), edges=wish.edges)
    except CompositingError as error:  # its message counts pixels of the small copies
        if "outside" in str(error):
            raise StudioError("the object lies outside the background; move it back, or press Centre") from error
        raise
    if "," not in wish.reference:
        return scene, reference_box(wish.reference, scene.landing, scene.canvas)
    given = reference_box(wish.reference, scene.landing, canvas)
    small = Box(*(round(side * across) for side in (given.left, given.top, given.right, given.bottom)))
    small = replace(small, right=max(small.right, small.left + 1), bottom=max(small.bottom, small.top + 1))
    return scene, small.within(scene.canvas)
