"""Harmonizing photographs: placing the foreground, making the input of a method, and pasting at full size.

The function is `sshbench.harmonize`. Names load on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sshbench.lazy import exports

if TYPE_CHECKING:
    from sshbench.compositing.finishing import Finish as Finish
    from sshbench.compositing.harmonize import Harmonized as Harmonized
    from sshbench.compositing.photo import CompositingError as CompositingError
    from sshbench.compositing.place import Place as Place

_HOMES = {"CompositingError": "photo", "Finish": "finishing", "Harmonized": "harmonize", "Place": "place"}
__getattr__, __dir__, __all__ = exports(__name__, _HOMES)
