"""Import the package colour-science without changing how a program prints its arrays."""

from __future__ import annotations

import warnings
from types import ModuleType

import numpy as np


def colour_science() -> ModuleType:
    """Return the module `colour`.

    The import switches numpy's printing to that of version 1.13 for the whole process, and warns about each missing
    optional package. This function undoes both effects.
    """
    with np.printoptions(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import colour
    module: ModuleType = colour
    return module
