"""Training of all methods by one loop. Recipes are data, and an objective defines a method's losses.

Names load on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sshbench.lazy import exports

if TYPE_CHECKING:
    from sshbench.training.objectives import OBJECTIVES as OBJECTIVES
    from sshbench.training.objectives import Objective as Objective
    from sshbench.training.objectives import Phase as Phase
    from sshbench.training.recipe import Recipe as Recipe
    from sshbench.training.recipe import RecipeError as RecipeError
    from sshbench.training.recipe import read_recipe as read_recipe
    from sshbench.training.run import Outcome as Outcome
    from sshbench.training.train_method import train as train

_HOMES = {
    "OBJECTIVES": "objectives",
    "Objective": "objectives",
    "Outcome": "run",
    "Phase": "objectives",
    "Recipe": "recipe",
    "RecipeError": "recipe",
    "read_recipe": "recipe",
    "train": "train_method",
}
__getattr__, __dir__, __all__ = exports(__name__, _HOMES)
