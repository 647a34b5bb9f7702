"""Example photographs that ship with sshbench."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sshbench.folders import data_folder


@dataclass(frozen=True)
class Example:
    """A foreground with its mask, and a background; each is the path below `realhm/sample`, without `.jpg`."""

    title: str
    foreground: str
    mask: str
    background: str
    at: tuple[int, int]
    scale: float

    def files(self) -> tuple[Path, Path, Path]:
        """Return the files of the foreground, the mask and the background."""
        folder = data_folder("realhm") / "sample"
        foreground, mask, background = (folder / f"{n}.jpg" for n in (self.foreground, self.mask, self.background))
        return foreground, mask, background


EXAMPLES = {
    "astronaut": Example(
        "An astronaut before a rocket", "vendor_testing_1/astronaut_gt", "vendor_testing_1/astronaut_mask",
        "vendor_testing_2/rocket_gt", (96, 68), 0.62,
    ),
    "cup": Example(
        "A cup on concrete", "vendor_testing_2/coffee_gt", "vendor_testing_2/coffee_mask",
        "vendor_testing_3/coffee-on-concrete_fore", (30, 40), 0.8,
    ),
    "dahlia": Example(
        "A dahlia in a meadow", "vendor_testing_1/dahlia_gt", "vendor_testing_1/dahlia_mask",
        "vendor_testing_3/dahlia-in-meadow_fore", (80, 60), 0.8,
    ),
}  # fmt: skip
"""Photographs of the sample split, by name; `realhm/sample/README.md` has their licences."""
