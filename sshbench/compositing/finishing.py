"""`Finish`: the steps after the method's colour map, declared once for Python and the command line."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from sshbench.colour.grade import Grade
from sshbench.compositing.edges import Edges
from sshbench.options import CONFIG, Share


@dataclass(frozen=True, config=CONFIG)
class Finish(Grade):
    """The finish of a composite: colour sliders after the method's map, edges, grain, blur and shadow.

    The fields are documented where they are declared; `sshbench harmonize --help` shows the same texts.

    Raises
    ------
    SettingsError
        A value lies outside its bounds.

    Examples
    --------
    >>> import numpy as np, sshbench
    >>> from sshbench.compositing import Finish
    >>> cutout = np.full((20, 30, 4), (200, 120, 60, 255), np.uint8)
    >>> photo = np.full((60, 90, 3), (40, 60, 110), np.uint8)
    >>> result = sshbench.harmonize(cutout, photo, at=(10, 20), method="reinhard", finish=Finish(exposure=0.5))
    """

    edges: Edges = "keep"
    """Treatment of soft edges, whose pixels mix in the old background: keep them, or decontaminate them, which
    estimates the foreground's own colours (pip install 'sshbench[edges]')."""
    match_grain: bool = False
    """Add grain to the foreground if it has less than the background."""
    match_blur: bool = False
    """Blur the foreground if it is sharper than the background around it."""
    shadow: Share = 0.0
    """A soft shadow where the object touches the ground: the fraction of light that is removed there, 0 (none) to 1."""
    shadow_softness: Share = 0.5
    """The blur of the shadow, 0 to 1."""
    shadow_direction: Annotated[float, Field(ge=0, le=360, allow_inf_nan=False)] = 200.0
    """The direction of the cast shadow in the picture, in degrees clockwise: 0 right, 90 towards the viewer, 180 left,
    270 behind."""
    shadow_length: Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)] = 0.3
    """The length of the cast shadow as a multiple of the object's height, 0 (only the contact shadow) to 2."""


AS_FOUND = Finish()
"""The finish that leaves the result of the method's map unchanged."""
