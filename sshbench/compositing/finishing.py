"""`Finish`: what is done to a composite beyond the method's map, declared once for Python and the command line."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from sshbench.colour.grade import Grade
from sshbench.compositing.edges import Edges
from sshbench.options import CONFIG, Share


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
    match_grain: bool = False
    """Add the grain that the background has and the foreground lacks."""
    match_blur: bool = False
    """Blur the foreground where it is sharper than the background around it."""
    shadow: Share = 0.0
    """Soft shadow where the object touches the ground: the part of the light that is gone there, 0 (none) to 1."""
    shadow_softness: Share = 0.5
    """How blurred the shadow is, 0 to 1."""
    shadow_direction: Annotated[float, Field(ge=0, le=360, allow_inf_nan=False)] = 200.0
    """Where the cast shadow falls in the picture, in degrees clockwise: 0 right, 90 towards the viewer, 180 left, 270
    behind."""
    shadow_length: Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)] = 0.3
    """Length of the cast shadow over the object's height, 0 (contact alone) to 2."""


AS_FOUND = Finish()
"""The finish that leaves the result of the method's map unchanged."""
