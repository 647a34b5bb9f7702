"""Make [foreground, background, pseudo ground truth] triplets from photographs by the paper's dual augmentation.

Each name is imported on its first use, so that a worker process imports only the modules that it needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sshbench.lazy import exports

if TYPE_CHECKING:
    from sshbench.triplets.appearance import saturate as saturate
    from sshbench.triplets.appearance import transfer_distribution as transfer_distribution
    from sshbench.triplets.appearance import transfer_histogram as transfer_histogram
    from sshbench.triplets.appearance import transfer_reinhard as transfer_reinhard
    from sshbench.triplets.appearance import transfer_xiao as transfer_xiao
    from sshbench.triplets.dataset import TripletDataset as TripletDataset
    from sshbench.triplets.engine import Summary as Summary
    from sshbench.triplets.engine import generate as generate
    from sshbench.triplets.engine import plan as plan
    from sshbench.triplets.generation import generate_triplets as generate_triplets
    from sshbench.triplets.loader import TripletLoader as TripletLoader
    from sshbench.triplets.loader import TripletSampler as TripletSampler
    from sshbench.triplets.recipe import Recipe as Recipe
    from sshbench.triplets.recipe import make_recipe as make_recipe
    from sshbench.triplets.recipe import make_recipes as make_recipes
    from sshbench.triplets.settings import Settings as Settings
    from sshbench.triplets.sources import open_source as open_source
    from sshbench.triplets.store import load_triplets as load_triplets
    from sshbench.triplets.stream import TripletStream as TripletStream

_HOMES = {
    "Recipe": "recipe",
    "Settings": "settings",
    "Summary": "engine",
    "TripletDataset": "dataset",
    "TripletLoader": "loader",
    "TripletSampler": "loader",
    "TripletStream": "stream",
    "generate": "engine",
    "generate_triplets": "generation",
    "load_triplets": "store",
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
__getattr__, __dir__, __all__ = exports(__name__, _HOMES)
