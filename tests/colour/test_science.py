"""Using sshbench leaves a program's numpy as it was."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import warnings
warnings.simplefilter("error")
import numpy as np
before = np.get_printoptions()
import sshbench.lut.looks.spaces
from sshbench.lut import Lut, to_colour
to_colour(Lut.identity(2))
assert "colour" in __import__("sys").modules
assert np.get_printoptions() == before, np.get_printoptions()
print(np.array([34.15, np.inf]))
"""


def test_colour_science_leaves_the_printing_of_arrays_as_it_was() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[34.15   inf]\n", "")
