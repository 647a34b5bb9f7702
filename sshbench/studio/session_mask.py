"""The foreground's mask of a session: a PNG file in the folder of the session, and its small copies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sshbench.compositing.photo import CompositingError, multiplied
from sshbench.compositing.placement import extent
from sshbench.studio.copies import painted, steps_of
from sshbench.whole_file import whole_file


class SessionMask:
    """The file of a mask; the state of the session says whether there is a mask."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "mask.png"
        self._steps: tuple[NDArray[np.uint8], ...] | None = None

    def read(self) -> NDArray[np.uint8]:
        """Return the mask at full size, uint8 `[H, W]`."""
        return np.asarray(Image.open(self.path))

    def write(self, mask: NDArray[Any]) -> None:
        """Replace the mask by another one, `[H, W]`; the file appears whole or not at all."""
        from sshbench.images.masks import as_8_bit

        self.forget()
        with whole_file(self.path) as temporary:
            Image.fromarray(as_8_bit(mask)).save(temporary, "PNG", compress_level=1)

    def remove(self) -> None:
        """Remove the file, if it exists, and the small copies."""
        self.forget()
        self.path.unlink(missing_ok=True)

    def steps(self) -> tuple[NDArray[np.uint8], ...]:
        """Return the mask at the size of the page and at decreasing sizes, uint8 `[h, w]`; they are cached."""
        if self._steps is None:
            self._steps = steps_of(painted(self.read()))
        return self._steps

    def forget(self) -> None:
        """Free the memory of the small copies; they are made again when needed."""
        self._steps = None


def shape_of(mask: NDArray[np.uint8] | None, alpha: NDArray[np.uint8] | None) -> NDArray[Any] | None:
    """Return a mask times a cut-out's transparency, at the size of the transparency; None without either."""
    if mask is None or alpha is None:
        return alpha if mask is None else mask
    if mask.shape != alpha.shape:
        mask = np.asarray(Image.fromarray(mask).resize(alpha.shape[::-1]))
    return multiplied(mask, alpha)


def box_in(mask: NDArray[Any], size: tuple[int, int]) -> list[float] | None:
    """Return the box of a mask, scaled to a photograph's height and width; None for an empty mask."""
    try:
        box = extent(mask, "the mask")
    except CompositingError:
        return None
    down, across = size[0] / mask.shape[0], size[1] / mask.shape[1]
    return [box.left * across, box.top * down, box.right * across, box.bottom * down]
