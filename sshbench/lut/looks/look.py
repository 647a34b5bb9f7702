"""`Look`: a named composition of steps, and its table."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from sshbench.lut.looks.operators import Step
from sshbench.lut.looks.spaces import Array, into_gamut
from sshbench.lut.table import Lut, identity_table

SIZE = 17
DECIMALS = 5  # half a step is 5e-6: a third of a 16-bit code


@dataclass(frozen=True)
class Look:
    """One look.

    Parameters
    ----------
    name
        The file name without suffix, in lower case with hyphens.
    family
        The group of the look on the card.
    steps
        The steps, applied in order to encoded sRGB; `into_gamut` follows the last one.
    """

    name: str
    family: str
    steps: tuple[Step, ...]

    @property
    def title(self) -> str:
        """Return the name with spaces and capitals."""
        return self.name.replace("-", " ").capitalize()

    @property
    def parameters(self) -> str:
        """Return the steps with all non-default parameters, such as `Exposure(stops=1); Light(source=3200)`."""
        return "; ".join(_describe(step) for step in self.steps)

    def __call__(self, rgb: Array) -> Array:
        """Map encoded sRGB `[..., 3]`, 0..1, to encoded sRGB, 0..1."""
        for step in self.steps:
            rgb = step(rgb)
        return into_gamut(rgb)

    def lut(self, size: int = SIZE) -> Lut:
        """Return the look as a 3D table, rounded to the decimals of the `.cube` files."""
        values = self(identity_table(size).astype(np.float64))
        return Lut(values=np.round(values, DECIMALS).astype(np.float32), title=self.title)


def _describe(step: Step) -> str:
    shown = [f"{f.name}={getattr(step, f.name)!r}" for f in fields(step) if getattr(step, f.name) != f.default]  # type: ignore[arg-type]
    return f"{type(step).__name__}({', '.join(shown)})".replace("'", "")
