"""`Finish`: what is done to a composite beyond the method's map, declared once for Python and the command line."""

from __future__ import annotations

from pydantic.dataclasses import dataclass

from sshbench.colour.grade import Grade
from sshbench.compositing.edges import Edges
from sshbench.options import CONFIG


@dataclass(frozen=True, config=CONFIG)
class Finish(Grade):
    """The finish of a composite: colour sliders on top of what the method finds.

    Examples
    --------
    >>> import numpy as np, sshbench
    >>> from sshbench.compositing import Finish
    >>> cutout = np.full((20, 30, 4), (200, 120, 60, 255), np.uint8)
    >>> photo = np.full((60, 90, 3), (40, 60, 110), np.uint8)
    >>> result = sshbench.harmonize(cutout, photo, at=(10, 20), method="reinhard", finish=Finish(exposure=0.5))
    """

    edges: Edges = "keep"
    """What to do with pixels at soft edges, which show some of the old background: keep them, or decontaminate them,
    which estimates the foreground's own colours (pip install 'sshbench[edges]')."""


AS_FOUND = Finish()
"""Nothing beyond the method's map."""
