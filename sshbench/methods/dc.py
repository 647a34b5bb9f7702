"""Direct composition: the unchanged composite, which every method should beat."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sshbench.benchmarks.composite import Composite


class DirectComposition:
    name = "dc"
    needs_background = False
    needs_mask = False
    sees_target = False
    input_size: int | None = None
    weights_hash: str | None = None
    trained_by: str | None = None

    def harmonize(self, batch: Sequence[Composite]) -> list[NDArray[np.uint8]]:
        """Return the composites themselves, uint8 `[H, W, 3]` each."""
        return [composite.composite for composite in batch]
