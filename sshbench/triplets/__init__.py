"""Photographs to [foreground, background, pseudo ground truth] triplets by the paper's dual augmentation.

Names load on first use, so that a worker imports what it needs.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sshbench.triplets.appearance import saturate as saturate
    from sshbench.triplets.appearance import transfer_distribution as transfer_distribution
    from sshbench.triplets.appearance import transfer_histogram as transfer_histogram
    from sshbench.triplets.appearance import transfer_reinhard as transfer_reinhard
    from sshbench.triplets.appearance import transfer_xiao as transfer_xiao
    from sshbench.triplets.engine import generate as generate
    from sshbench.triplets.engine import plan as plan
    from sshbench.triplets.recipe import Recipe as Recipe
    from sshbench.triplets.recipe import make_recipe as make_recipe
    from sshbench.triplets.recipe import make_recipes as make_recipes
    from sshbench.triplets.settings import Settings as Settings
    from sshbench.triplets.sources import open_source as open_source

_HOMES = {
    "Recipe": "recipe",
    "Settings": "settings",
    "generate": "engine",
    "make_recipe": "recipe",
    "make_recipes": "recipe",
    "open_source": "sources",
    "plan": "engine",
    "saturate": "appearance",
    "transfer_distribution": "appearance",
    "transfer_histogram": "appearance",
    "transfer_reinhard": "appearance",
    "transfer_xiao": "appearance",
}
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"sshbench.triplets.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'sshbench.triplets' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
