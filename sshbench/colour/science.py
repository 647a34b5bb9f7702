"""The package colour-science, imported so that a program which uses sshbench prints its arrays as before."""

from __future__ import annotations

import warnings
from types import ModuleType

import numpy as np


def colour_science() -> ModuleType:
    """The module `colour`.

    Its import switches numpy to the printing of version 1.13 for the whole process, and warns of each optional package
    that is missing. Both are undone here.
    """
    with np.printoptions(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import colour
    module: ModuleType = colour
    return module
